"""SPICE, computed by the Java program in `pycocoevalcap`; for English only.

The library's own function is not used: it downloads the models without asking, and writes into its
own folder.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from components.captioning.metrics.bleu import require_references

#: The version of SPICE, its parser and the library.
SIGNATURE = f"spice:1.0,en|corenlp:3.6.0|times:100|pycocoevalcap:{version('pycocoevalcap')}"

_FOLDER = Path(str(files("pycocoevalcap") / "spice"))
_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
# As the library does.
_MEMORY = "8G"


def missing_models() -> str:
    """Returns which files of Stanford CoreNLP are missing, and where; empty if none is."""
    missing = [name for name in _MODELS if not (_FOLDER / "lib" / name).is_file()]
    return f"{' and '.join(missing)} must be in {_FOLDER / 'lib'}" if missing else ""


def spice_scores(
    hypotheses: Mapping[str, Sequence[str]], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Scores sets of captions against all references of their photos.

    SPICE (Anderson et al., 2016, arXiv:1607.08822) parses captions into scene graphs and compares
    their objects, attributes and relations: the F-measure of a caption's tuples and those of all
    references of its photo, equal or synonymous in WordNet. The score of a set is the mean over its
    photos; a photo with no tuple in its caption and its references is left out.

    The models of Stanford CoreNLP 3.6.0 (two jars, in Maven Central too) must be in the library's
    folder `spice/lib`; for Java 15 and newer also nashorn-core 15.4 and the five jars of ASM 7.3.1.

    Args:
        hypotheses: Sets of normalized captions, one per photo, by name.
        references: The normalized references of each photo, at least one.

    Returns:
        The score of each set, times 100, by name.

    Raises:
        ValueError: If numbers of captions and photos differ, or Java fails.
        OSError: If Java can't be started.
    """
    names = []
    items: list[dict[str, Any]] = []
    for name, captions in hypotheses.items():
        require_references(captions, references)
        for caption, photo in zip(captions, references, strict=True):
            items.append({"image_id": len(items), "test": caption, "refs": list(photo)})
            names.append(name)
    scores: dict[str, list[float]] = {name: [] for name in hypotheses}
    # One process for all sets: it takes seconds to load its parser.
    for item in _run(items):
        score = item["scores"]["All"]["f"]
        if score is not None:
            scores[names[item["image_id"]]].append(score)
    return {name: float(100 * np.mean(each)) if each else 0.0 for name, each in scores.items()}


def _run(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with TemporaryDirectory(prefix="captionflow-spice-") as folder:
        source, target = Path(folder, "captions.json"), Path(folder, "scores.json")
        source.write_text(json.dumps(items))
        # Not `-jar`, which would ignore the JavaScript engine that Java 15 and newer need.
        classes = os.pathsep.join([str(_FOLDER / "spice-1.0.jar"), str(_FOLDER / "lib" / "*")])
        java = shutil.which("java") or "java"
        done = subprocess.run(  # noqa: S603 # a known program; the captions are only its input
            [java, f"-Xmx{_MEMORY}", "-cp", classes, "edu.anu.spice.SpiceScorer", source,
             "-out", target, "-subset", "-silent"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if target.is_file() and target.stat().st_size:
            return list(json.loads(target.read_text()))
    if "ScriptEngine" in done.stderr:
        raise ValueError(
            "Java 15 and newer have no JavaScript engine: nashorn-core 15.4 and ASM 7.3.1 must be "
            f"in {_FOLDER / 'lib'}"
        )
    last = (done.stderr.strip().splitlines() or ["no message"])[-1].strip()
    raise ValueError(f"exit code {done.returncode}, {last}")
