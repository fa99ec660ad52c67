"""Captions of scenes: several true sentences per scene, from templates."""

import re
from typing import Final

import numpy as np

from components.ingest.sample.scenes import Scene, Shape

#: Captions per scene, as in Flickr8k.
CAPTIONS: Final = 5

_SYNONYMS: Final = {"small": "little", "large": "big"}
_NUMBERS: Final = {2: "two", 3: "three"}

# {a}, {b}: the first and the last shape ("red circle"); {size}, {same_size}: the size of {a} and
# its synonym; {things}, {n}: the plural of {a} and the number of shapes; {ground}: the background.
_TEMPLATES: Final = {
    "single": (
        "a {size} {a} on a {ground} background",
        "there is a {same_size} {a} on a {ground} background",
        "one {size} {a} on {ground} paper",
        "the picture shows a {same_size} {a}",
        "this is a drawing of a {size} {a}",
        "a single {a} against a {ground} background",
    ),
    "row": (
        "{n} {things} in a row on a {ground} background",
        "there are {n} {things} on a {ground} background",
        "a row of {n} {things} on {ground} paper",
        "the picture shows {n} {things} in a row",
        "{n} {things} side by side on {ground} paper",
        "this is a drawing of {n} {things}",
    ),
    "above": (
        "a {a} above a {b} on a {ground} background",
        "there is a {a} above a {b}",
        "a {b} below a {a} on {ground} paper",
        "the picture shows a {a} over a {b}",
        "a {b} under a {a} on a {ground} background",
        "this is a drawing of a {a} above a {b}",
    ),
    "beside": (
        "a {a} to the left of a {b}",
        "there is a {a} next to a {b}",
        "a {b} to the right of a {a}",
        "the picture shows a {a} and a {b} side by side",
        "a {a} next to a {b} on a {ground} background",
        "this is a drawing of a {a} beside a {b}",
    ),
    "inside": (
        "a small {a} inside a large {b}",
        "there is a small {a} inside a large {b}",
        "a big {b} with a little {a} inside",
        "the picture shows a {a} in the middle of a {b}",
        "a {a} inside a {b} on a {ground} background",
        "this is a drawing of a {a} inside a {b}",
    ),
}


def describe_scene(scene: Scene, random: np.random.Generator) -> list[str]:
    """Returns `CAPTIONS` different captions of a scene.

    Args:
        scene: The scene.
        random: Random generator that chooses the templates and their order.

    Returns:
        Sentences with a capital letter and a full stop, all different.
    """
    templates = _TEMPLATES[scene.arrangement]
    chosen = random.choice(len(templates), CAPTIONS, replace=False)
    return [_sentence(templates[index], scene) for index in chosen]


def _sentence(template: str, scene: Scene) -> str:
    first, last = scene.shapes[0], scene.shapes[-1]
    text = template.format(
        a=_name(first),
        b=_name(last),
        things=f"{_name(first)}s",
        n=_NUMBERS.get(len(scene.shapes)),
        size=first.size,
        same_size=_SYNONYMS.get(first.size),
        ground=scene.background,
    )
    text = re.sub(r"\ba (?=[aeiou])", "an ", text)
    return f"{text[0].upper()}{text[1:]}."


def _name(shape: Shape) -> str:
    return f"{shape.colour} {shape.kind}"
