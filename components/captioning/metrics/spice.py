"""SPICE, computed by the Java program in `pycocoevalcap`; for English only.

The library's own class is not used: it downloads the models without asking, and writes into its own
folder.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from components.captioning.metrics.bleu import require_references
from components.captioning.metrics.java_program import JavaError, failure, time_limit, too_slow
from components.captioning.metrics.spice_jars import SPICE_FOLDER
from components.errors import first_fault

#: The version of SPICE, its parser and the library.
SIGNATURE = f"spice:1.0,en|corenlp:3.6.0|times:100|pycocoevalcap:{version('pycocoevalcap')}"

# Java's heap, in percent of the memory of the machine or container: 4 GiB of the 8 GiB of the step
# `evaluate`, whose own process needs the rest.
_MEMORY = 50
# At most 0.12 were measured, on two cores of which other work took a part.
_SECONDS_EACH = 0.5


class _Evaluation(BaseModel):
    f: float = Field(ge=0, le=1)


class _Scores(BaseModel):
    of_all_tuples: _Evaluation = Field(alias="All")


class _Scored(BaseModel):
    image_id: int
    scores: _Scores


_ANSWER = TypeAdapter(list[_Scored])


def spice_scores(
    hypotheses: Mapping[str, Sequence[str]], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Scores sets of captions against all references of their photos.

    SPICE (Anderson et al., 2016, arXiv:1607.08822) parses captions into scene graphs and compares
    their objects, attributes and relations: the F-measure of a caption's tuples and those of all
    references of its photo, equal or synonymous in WordNet. The score of a set is the mean over its
    photos; a photo whose caption or references have no tuple counts as 0.

    Args:
        hypotheses: Sets of normalized captions, one per photo, by name.
        references: The normalized references of each photo, at least one.

    Returns:
        The score of each set, times 100, by name.

    Raises:
        ValueError: If there are no captions, the numbers of captions and photos with references
            differ, or a photo has no reference.
        JavaError: If Java fails, is too slow, or does not score each caption.
        OSError: If Java can't be started.
    """
    items: list[dict[str, Any]] = []
    for captions in hypotheses.values():
        require_references(captions, references)
        for caption, photo in zip(captions, references, strict=True):
            items.append({"image_id": len(items), "test": caption, "refs": list(photo)})
    # One process for all sets: it takes seconds to load its parser.
    answer = _run(items)
    scored = {each.image_id: each.scores.of_all_tuples.f for each in answer}
    if len(answer) != len(items) or scored.keys() != set(range(len(items))):
        raise JavaError(
            f"each of {len(items)} captions must be scored once. Received: {len(answer)} scores of "
            f"{len(scored)} captions"
        )
    scores = np.array([scored[number] for number in range(len(items))])
    by_set = scores.reshape(len(hypotheses), len(references))  # [N] -> [sets, photos]
    return dict(zip(hypotheses, (100 * by_set.mean(axis=1)).tolist(), strict=True))


def _run(items: list[dict[str, Any]]) -> list[_Scored]:
    with TemporaryDirectory(prefix="captionflow-spice-") as folder:
        source, target = Path(folder, "captions.json"), Path(folder, "scores.json")
        source.write_text(json.dumps(items))
        # Not `-jar`, which would ignore the JavaScript engine that Java 15 and newer need.
        classes = os.pathsep.join(
            [str(SPICE_FOLDER / "spice-1.0.jar"), str(SPICE_FOLDER / "lib" / "*")]
        )
        java = shutil.which("java") or "java"
        limit = time_limit(sum(1 + len(item["refs"]) for item in items), _SECONDS_EACH)
        try:
            done = subprocess.run(  # noqa: S603 # a known program; the captions are only its input
                [java, f"-XX:MaxRAMPercentage={_MEMORY}", "-cp", classes,
                 "edu.anu.spice.SpiceScorer", source, "-out", target, "-silent"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
                errors="replace", timeout=limit, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise too_slow(limit) from error
        if done.returncode != 0:
            raise failure(done.returncode, done.stderr)
        try:
            return _ANSWER.validate_json(target.read_bytes() if target.is_file() else b"")
        except ValidationError as error:
            raise JavaError(f"its answer is not valid: {first_fault(error)}") from error
