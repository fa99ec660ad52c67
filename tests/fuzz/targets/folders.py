"""One file of a data set that consists of several: sidecars, nested JSON, splits in JSON."""

import json
from pathlib import Path
from random import Random
from typing import Any

from mutations import mutate, mutate_json

from targets.datasets import read_data_set
from targets.target import Target

_PHOTOS = ("a.jpg", "b.jpg", "c.png")
_TABLE = {"captions.csv": "image,caption\n" + "".join(f"{name},A dog\n" for name in _PHOTOS)}
_TEXTS = {"Images/dogs/b.txt": "A dog\n", "Images/c.txt": "A cat\nOne cat\n"}
_JSONS = {"Images/dogs/b.json": '{"caption": "A dog"}', "Images/c.json": '{"caption": ["A cat"]}'}
_LISTS = dict(zip(("train", "val", "test"), ([name] for name in _PHOTOS), strict=True))

# What is changed, what it is called, and what lies beside it.
_TEXT_CASES: list[tuple[str, str, dict[str, str]]] = [
    ("A dog\nA caf\u00e9 \u72ac\n", "Images/a.txt", _TEXTS),
    ("[/EN#1/people Two men] walk .\n", "Images/a.txt", _TEXTS),
    ("image,caption\na.jpg,A dog\nb.jpg,A cat\n", "Images/captions.txt", _TEXTS),
    ("".join(f"{names[0]} {word}\n" for word, names in _LISTS.items()), "splits.txt", _TABLE),
]
_JSON_CASES: list[tuple[Any, str, dict[str, str]]] = [
    ({"caption": ["A dog", "One dog"], "url": "https://x.org"}, "Images/a.json", _JSONS),
    ({"caption": "A dog"}, "Images/a.json", _TABLE),
    ({word: {names[0]: ["A dog"]} for word, names in _LISTS.items()}, "mine.json", {}),
    ({name: {"captions": ["A dog"], "split": "train"} for name in _PHOTOS}, "mine.json", {}),
    ({"version": 1, "data": [{"image": name, "caption": "A"} for name in _PHOTOS]}, "x.json", {}),
    (_LISTS, "splits.json", _TABLE),
    ({"seed": 1, "splits": _LISTS}, "mine.json", _TABLE),
    ({names[0]: word for word, names in _LISTS.items()}, "split.json", _TABLE),
    ([{"image": name, "split": "train"} for name in _PHOTOS], "split.json", _TABLE),
    (list(_PHOTOS), "train.json", _TABLE),
]


def folders() -> Target:
    """Sidecars, nested JSON and splits in JSON, one file of each data set changed."""
    cases = [*_JSON_CASES, *_TEXT_CASES]
    seeds = [(one if isinstance(one, str) else json.dumps(one)).encode() for one, _, _ in cases]

    def make(draw: Random) -> bytes:
        number = draw.randrange(len(cases))
        # The number travels in front: it decides what the file is called.
        if number < len(_JSON_CASES) and draw.random() < 0.6:
            return bytes([number]) + mutate_json(cases[number][0], draw)
        return bytes([number]) + mutate(seeds[number], seeds, draw)

    def read(file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[1:])
        _, name, beside = cases[content[0]]
        read_data_set(file, name, beside)

    return Target(make, read)
