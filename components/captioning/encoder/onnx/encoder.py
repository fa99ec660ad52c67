"""The image encoder from an ONNX file, computed by onnxruntime."""

import hashlib
import logging
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.artifacts.files import ENCODER_ONNX_FILE
from components.artifacts.fingerprint import fingerprint_value
from components.captioning.encoder.dead_leaves import draw_dead_leaves
from components.captioning.encoder.images import decode_photo
from components.captioning.encoder.onnx.folder import read_file, read_model
from components.captioning.encoder.onnx.image_processor import ImageProcessor
from components.captioning.encoder.onnx.network import OnnxNetwork, open_network
from components.captioning.encoder.onnx.outputs import feature_map, mean_over_cells
from components.captioning.encoder.onnx.preprocessor_config import read_image_processor
from components.captioning.encoder.onnx.trials import run_trial
from components.captioning.encoder.spec import ONNX, EncoderSpec, OnnxSpec
from components.errors import DataError

logger = logging.getLogger(__name__)

# Tolerance between the mean of a map and the feature, relative to the largest feature.
_SAME = 1e-3


class OnnxEncoder:
    """A network from an ONNX file with its preprocessing; has the interface of `Encoder`.

    Created by `OnnxEncoder.build` or `OnnxEncoder.load`.

    Attributes:
        spec: Identifies the encoder.
        batch_size: Photos per batch, unless the model has a fixed batch size.
    """

    def __init__(self, network: OnnxNetwork, spec: EncoderSpec, content: bytes | Path) -> None:
        assert spec.onnx is not None  # noqa: S101 # `build` and `load` ensure it
        self.spec = spec
        self.batch_size = network.batch_size
        self._network = network
        self._processor = spec.onnx.image_processor
        self._content = content
        self._map_output = self._find_map()

    @classmethod
    def build(cls, folder: Path, output: str = "", *, batch_size: int = 32) -> "OnnxEncoder":
        """Builds an encoder from a folder that Hugging Face's tools or Optimum wrote.

        Args:
            folder: A local folder with a model, see `folder.read_model`, and its
                `preprocessor_config.json`.
            output: See `outputs.choose_output`.
            batch_size: Photos per batch.

        Raises:
            SettingError: If the model has no such output.
            DataError: If a file is missing, damaged, not safe to compute or not supported, or the
                preprocessing does not fit the model.
        """
        processor = read_image_processor(folder)
        content = read_model(folder)
        network = open_network(content, processor, output, batch_size=batch_size, named=str(folder))
        # The name that reports show; the folder's may contain any characters.
        name = re.sub(r"[^\w.-]+", "-", folder.resolve().name)[:100] or ONNX
        spec = EncoderSpec(
            network=name,
            weights=ONNX,
            seed=None,
            sha256=_identity(content, processor, network.output),
            width=network.width,
            size=processor.side,
            precision="float32",
            onnx=OnnxSpec(network.output, processor),
        )
        logger.info(
            "encoder %s from ONNX, output %s, %d features per photo",
            name,
            network.output,
            spec.width,
        )
        return cls(network, spec, content)

    @classmethod
    def load(cls, directory: str | Path, *, batch_size: int = 32) -> "OnnxEncoder":
        """Reads an encoder that `save` wrote.

        Raises:
            DataError: If files are missing or invalid, or the model is not that of the spec.
        """
        spec = EncoderSpec.load(directory)
        file = Path(directory) / ENCODER_ONNX_FILE
        if spec.onnx is None:
            raise DataError(f"{directory} must hold an encoder from ONNX. Received: {spec.network}")
        processor = spec.onnx.image_processor
        content = read_file(Path(directory), ENCODER_ONNX_FILE)
        sha256 = _identity(content, processor, spec.onnx.output)
        if sha256 != spec.sha256:
            raise DataError(
                f"{file} and its preprocessing must have the SHA-256 that encoder.json names, "
                f"{spec.sha256}. Received: {sha256}. Restore the files, or run features again"
            )
        run_trial(content, named=str(file))
        network = open_network(
            content, processor, spec.onnx.output, batch_size=batch_size, named=str(file)
        )
        if (spec.size, spec.width) != (processor.side, network.width):
            raise DataError(
                f"encoder.json must have the size and width of {file}, {processor.side} and "
                f"{network.width}. Received: {spec.size} and {spec.width}"
            )
        return cls(network, spec, file)

    def save(self, directory: str | Path) -> None:
        """Writes `encoder.json` and `encoder.onnx` into a directory."""
        target = Path(directory) / ENCODER_ONNX_FILE
        if isinstance(self._content, Path):
            shutil.copyfile(self._content, target)
        else:
            target.write_bytes(self._content)
        self.spec.save(directory)

    def load_photo(self, source: str | Path | bytes, *, named: str = "") -> NDArray[np.uint8]:
        """Returns a photo as `encode` takes it, uint8 [size, size, 3]; see `images.decode_photo`.

        Raises:
            DataError: If it can't be read.
        """
        # In full size, as in transformers.
        return self._processor.resize_and_crop(decode_photo(source, named=named))

    def encode(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the features of photos.

        Args:
            photos: uint8 [B, size, size, 3], see `load_photo`; B may be any number.

        Returns:
            float32 [B, width].
        """
        features = np.empty((len(photos), self.spec.width), np.float32)
        network = self._network
        for start, output in network.run(photos, network.output):
            features[start : start + len(output)] = mean_over_cells(output, network.graph.layout)
        return features

    def feature_map(self, photos: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Returns maps of photos, each cell of which covers a part of the photo.

        Args:
            photos: As for `encode`.

        Returns:
            float32 [B, H, W, width], whose mean over H and W is the feature; None if the model has
            no such output.
        """
        if self._map_output is None:
            return None
        maps = [self._cells(output) for _, output in self._network.run(photos, self._map_output)]
        return np.concatenate([each for each in maps if each is not None])

    def _find_map(self) -> str | None:
        """Returns the output whose mean over its cells is the feature, if there is one."""
        photo = draw_dead_leaves(1, self.spec.size, seed=0)
        feature = self.encode(photo)
        network = self._network
        for name in sorted(network.graph.outputs, key=lambda name: name != network.output):
            ((_, output),) = network.run(photo, name)
            cells = self._cells(output) if output.ndim > 2 else None
            if cells is None or cells.shape[-1] != feature.shape[-1] or cells.shape[1] < 2:
                continue
            if np.abs(cells.mean(axis=(1, 2)) - feature).max() <= _SAME * np.abs(feature).max():
                return name
        return None

    def _cells(self, output: NDArray[np.float32]) -> NDArray[np.float32] | None:
        return feature_map(output, self._network.graph.layout)


def _identity(content: bytes, processor: ImageProcessor, output: str) -> str:
    model = hashlib.sha256(content).hexdigest()
    parts = {"model": model, "image_processor": asdict(processor), "output": output}
    return fingerprint_value(parts)
