"""Atomic writes: artifacts are written to a temporary path and renamed when complete."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.artifacts.checksums import write_checksums

#: In the embeddings artifact: float32 [V, E], one row per word of the vocabulary.
MATRIX_FILE = "matrix.npy"
#: Beside it: where the vectors come from, and which words have one.
COVERAGE_FILE = "coverage.json"
#: In a bundle: the shapes of the caption network.
NETWORK_FILE = "network.json"
#: In a bundle, in the examples, and beside kept features: the encoder spec.
ENCODER_FILE = "encoder.json"
#: Beside it: the weights of an encoder from Keras, or an encoder's ONNX model.
ENCODER_WEIGHTS_FILE = "encoder.weights.h5"
ENCODER_ONNX_FILE = "encoder.onnx"
#: In the model artifact, beside the bundle: MLflow run, training history, settings, best epoch.
TRAINING_FILE = "training.json"
#: In the scores artifact: scores, their signatures, and what they were measured on.
SCORES_FILE = "scores.json"
#: In the scores artifact: captions and references of each test photo, in JSON Lines.
CAPTIONS_FILE = "captions.jsonl"


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yields an empty directory that becomes `path` when the block ends without an error.

    Its last file is `SHA256SUMS`, with checksums of all others; see `artifacts.checksums`.

    Args:
        path: Path of the finished directory; an existing one is replaced.

    Yields:
        A directory beside `path`, on the same file system; removed if the block fails.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield aside
        write_checksums(aside)
        aside.chmod(0o755)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yields a path to write to; the file becomes `path` when the block ends without an error.

    Args:
        path: Path of the finished file; an existing one is replaced atomically.

    Yields:
        A path beside `path` with the same suffixes; removed if the block fails.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{os.getpid()}-{target.name}")
    try:
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` atomically as indented UTF-8 JSON."""
    with atomic_file(path) as aside:
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        # File names may contain bytes that are not valid UTF-8.
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_json(path: str | Path) -> Any:
    """Returns the value of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def encoder_weights_file(directory: str | Path) -> str:
    """Returns the name of the file with the weights of the encoder in a directory."""
    onnx = (Path(directory) / ENCODER_ONNX_FILE).exists()
    return ENCODER_ONNX_FILE if onnx else ENCODER_WEIGHTS_FILE
