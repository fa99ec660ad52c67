"""One step of `scale.py`, in a process that may be killed: `scale_steps.py STEP SETTINGS`.

Each step counts its work in a journal, a file that grows by a byte per photo or training step. It
shows how much a killed process had done. The result is written when the step has ended.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from processes import peak_memory

if TYPE_CHECKING:
    # Imports TensorFlow, which takes half a gigabyte, and which ingest does not need.
    from components.captioning.encoder.image_encoder import ImageEncoder

_SEED = 17


@dataclass(frozen=True)
class Journal:
    """Counts work.

    Attributes:
        path: The file, whose size in bytes is the count.
    """

    path: Path

    def add(self, units: int) -> None:
        """Counts work that is about to begin."""
        with self.path.open("ab") as file:
            file.write(b"." * units)

    def units(self) -> int:
        """Returns how much work has begun."""
        return self.path.stat().st_size if self.path.exists() else 0


class PacedEncoder:
    """Slows an encoder down to a given rate.

    Args:
        encoder: A fast encoder, which computes the features.
        journal: Counts the photos.
        rate: Photos per second.
    """

    def __init__(self, encoder: "ImageEncoder", journal: Journal, rate: float) -> None:
        self.spec = encoder.spec
        self.save = encoder.save
        self.load_photo = encoder.load_photo
        self._encoder = encoder
        self._journal = journal
        self._rate = rate

    def encode(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the features of photos, float32 [B, D]."""
        end = time.perf_counter() + len(photos) / self._rate
        self._journal.add(len(photos))
        features = self._encoder.encode(photos)
        time.sleep(max(0.0, end - time.perf_counter()))
        return features


def ingest(folder: Path, journal: Journal, given: dict[str, Any]) -> dict[str, Any]:
    """Checks all photos."""
    from components.ingest.images import beam_checks
    from components.ingest.run import ingest_dataset
    from components.settings.data import DataSettings

    settings = DataSettings(
        dataset=given["dataset"],
        seed=_SEED,
        dev_share=0.02,
        test_share=0.02,
        store=str(folder / "store"),
    )
    check = partial(_counted, beam_checks.check_image, journal)
    with mock.patch.object(beam_checks, "check_image", check):
        report = ingest_dataset(settings, folder / "manifest")
    return {"photos": report["photos"]}


def _counted(check: Callable[..., Any], journal: Journal, image_id: str, path: str) -> Any:
    journal.add(1)
    return check(image_id, path)


def normalize(folder: Path, journal: Journal, given: dict[str, Any]) -> dict[str, Any]:
    """Converts the captions to token ids."""
    from components.embeddings.matrix import build_embeddings
    from components.normalize.normalization import normalize_captions

    report = normalize_captions(folder / "manifest", folder / "captions", min_count=1)
    build_embeddings(str(folder / "captions"), "none", folder / "matrix", seed=_SEED)
    return {"train_captions": report["splits"]["train"]["captions"]}


def features(folder: Path, journal: Journal, given: dict[str, Any]) -> dict[str, Any]:
    """Encodes all photos with an encoder that takes as long as the real one."""
    from components.features import encoding, extraction
    from components.settings.encoder import EncoderSettings

    def paced(load: Callable[..., "ImageEncoder"], *args: Any, **named: Any) -> PacedEncoder:
        return PacedEncoder(load(*args, **named), journal, given["rate"])

    settings = EncoderSettings(encoder=given["encoder"], store=str(folder / "store"))
    with (
        mock.patch.object(extraction, "build_encoder", partial(paced, extraction.build_encoder)),
        mock.patch.object(encoding, "load_encoder", partial(paced, encoding.load_encoder)),
    ):
        facts = extraction.extract_features(
            folder / "manifest", folder / "captions", folder / "examples", settings
        )
    return {"encoded": facts["encoded_photos"]}


def train(folder: Path, journal: Journal, given: dict[str, Any]) -> dict[str, Any]:
    """Trains for an epoch, from a stream."""
    from our_trainer import our_settings

    from components.registry.client import local_tracking_uri
    from components.train import callbacks
    from components.train.run import train_model

    os.environ["MLFLOW_TRACKING_URI"] = local_tracking_uri(folder)
    settings = our_settings(
        ensemble_size=1,
        units=given["units"],
        batch_size=given["batch_size"],
        epochs=1,
        precision="float32",
        training_data="stream",
        checkpoints=str(folder / "checkpoints"),
    )
    end_step = callbacks.Progress.on_train_batch_end

    def counted(progress: callbacks.Progress, batch: int, logs: Any = None) -> None:
        journal.add(1)
        end_step(progress, batch, logs)

    with (
        mock.patch.object(callbacks.Progress, "on_train_batch_end", counted),
        mock.patch.object(callbacks, "_SECONDS_BETWEEN_CHECKPOINTS", given["checkpoint_seconds"]),
    ):
        training = train_model(
            folder / "examples",
            folder / "captions",
            folder / "matrix",
            folder / "model",
            settings=settings,
        )
    return {"epochs": len(training["history"]), "epoch_seconds": training["history"][0]["seconds"]}


def encode_again(examples: Path, photos: Sequence[str]) -> NDArray[np.float32]:
    """Returns the features of photos by the encoder of the examples, float32 [N, D]."""
    from components.captioning.encoder.onnx.encoder import OnnxEncoder

    encoder = OnnxEncoder.load(examples)
    return encoder.encode(np.stack([encoder.load_photo(photo) for photo in photos]))


STEPS = {step.__name__: step for step in (ingest, normalize, features, train)}


def main() -> None:
    """Runs a step, and writes its result beside its journal."""
    name, given = sys.argv[1], json.loads(sys.argv[2])
    folder = Path(given["folder"])
    started = time.perf_counter()
    facts = STEPS[name](folder, Journal(folder / f"{name}.journal"), given)
    facts |= {"seconds": time.perf_counter() - started, "peak": peak_memory()}
    (folder / f"{name}.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
