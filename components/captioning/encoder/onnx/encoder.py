"""The image encoder from an ONNX file, computed by onnxruntime."""

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from components.artifacts.files import ENCODER_ONNX_FILE
from components.artifacts.fingerprint import fingerprint_value
from components.captioning.encoder.dead_leaves import draw_dead_leaves
from components.captioning.encoder.images import decode_photo
from components.captioning.encoder.onnx.folder import read_file, read_model
from components.captioning.encoder.onnx.graph import OnnxGraph, check_model
from components.captioning.encoder.onnx.image_processor import ImageProcessor
from components.captioning.encoder.onnx.outputs import choose_output, feature_map, mean_over_cells
from components.captioning.encoder.onnx.preprocessor_config import read_image_processor
from components.captioning.encoder.onnx.session import compute, input_shape, open_session, try_model
from components.captioning.encoder.onnx.trials import run_trial
from components.captioning.encoder.spec import ONNX, EncoderSpec, OnnxSpec
from components.errors import DataError
from components.settings.backbone_names import PREPROCESSOR_FILE

logger = logging.getLogger(__name__)

# Tolerance between the mean of a map and the feature, relative to the largest feature.
_SAME = 1e-3


class _Opened(NamedTuple):
    """A model that has been checked, tried and loaded."""

    graph: OnnxGraph
    session: ort.InferenceSession
    output: str
    width: int


class OnnxEncoder:
    """A network from an ONNX file with its preprocessing; has the interface of `Encoder`.

    Created by `OnnxEncoder.build` or `OnnxEncoder.load`.

    Attributes:
        spec: Identifies the encoder.
        batch_size: Photos per batch, unless the model has a fixed batch size.
    """

    def __init__(
        self, opened: _Opened, spec: EncoderSpec, content: bytes | Path, batch_size: int
    ) -> None:
        assert spec.onnx is not None  # noqa: S101 # `build` and `load` ensure it
        self.spec = spec
        self.batch_size = opened.graph.batch or batch_size
        self._graph, self._session, self._output, _ = opened
        self._processor = spec.onnx.image_processor
        self._content = content
        self._table = self._processor.lookup_table().astype(self._graph.dtype)
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
        opened = _open(content, processor, output, named=str(folder))
        # The name that reports show; the folder's may contain any characters.
        network = re.sub(r"[^\w.-]+", "-", folder.resolve().name)[:100] or ONNX
        spec = EncoderSpec(
            network=network,
            weights=ONNX,
            seed=None,
            sha256=_identity(content, processor, opened.output),
            width=opened.width,
            size=processor.side,
            precision="float32",
            onnx=OnnxSpec(opened.output, processor),
        )
        logger.info(
            "encoder %s from ONNX, output %s, %d features per photo",
            network,
            opened.output,
            spec.width,
        )
        return cls(opened, spec, content, batch_size)

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
        opened = _open(content, processor, spec.onnx.output, named=str(file))
        if (spec.size, spec.width) != (processor.side, opened.width):
            raise DataError(
                f"encoder.json must have the size and width of {file}, {processor.side} and "
                f"{opened.width}. Received: {spec.size} and {spec.width}"
            )
        return cls(opened, spec, file, batch_size)

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
        for start, output in self._run(photos, self._output):
            features[start : start + len(output)] = mean_over_cells(output, self._graph.layout)
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
        maps = [self._cells(output) for _, output in self._run(photos, self._map_output)]
        return np.concatenate([each for each in maps if each is not None])

    def _find_map(self) -> str | None:
        """Returns the output whose mean over its cells is the feature, if there is one."""
        photo = draw_dead_leaves(1, self.spec.size, seed=0)
        feature = self.encode(photo)
        for name in sorted(self._graph.outputs, key=lambda name: name != self._output):
            ((_, output),) = self._run(photo, name)
            cells = self._cells(output) if output.ndim > 2 else None
            if cells is None or cells.shape[-1] != feature.shape[-1] or cells.shape[1] < 2:
                continue
            if np.abs(cells.mean(axis=(1, 2)) - feature).max() <= _SAME * np.abs(feature).max():
                return name
        return None

    def _cells(self, output: NDArray[np.float32]) -> NDArray[np.float32] | None:
        return feature_map(output, self._graph.layout)

    def _run(
        self, photos: NDArray[np.uint8], output: str
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yields an output batch by batch, float32, with the index of its first photo."""
        for start in range(0, len(photos), self.batch_size):
            batch = photos[start : start + self.batch_size]
            count = len(batch)
            if self._graph.batch:
                # The last batch is padded with black photos.
                batch = np.pad(batch, ((0, self._graph.batch - count), (0, 0), (0, 0), (0, 0)))
            (computed,) = compute(self._session, [output], {self._graph.input: self._inputs(batch)})
            yield start, np.asarray(computed[:count], np.float32)

    def _inputs(self, photos: NDArray[np.uint8]) -> NDArray[np.generic]:
        shape = input_shape(self._graph, self.spec.size, len(photos))
        inputs = np.empty(shape, self._graph.dtype)
        for colour in range(3):
            place = (slice(None), colour) if self._graph.layout == "NCHW" else (..., colour)
            inputs[place] = self._table[:, colour][photos[..., colour]]
        return inputs


def _open(content: bytes, processor: ImageProcessor, output: str, *, named: str) -> _Opened:
    graph = check_model(content, named=named)
    if graph.side not in (None, processor.side):
        raise DataError(
            f"{named} takes photos of {graph.side} pixels a side, but its {PREPROCESSOR_FILE} "
            f"gives {processor.side}"
        )
    table = processor.lookup_table()
    if graph.dtype is np.uint8 and not np.array_equal(table[:, 0], np.arange(256)):
        raise DataError(
            f"{named} takes pixel values from 0 to 255 (uint8), so its {PREPROCESSOR_FILE} must "
            "set do_rescale and do_normalize to false"
        )
    shapes = try_model(content, graph, processor.side, named=named)
    chosen = choose_output(shapes, output, photos=graph.batch or 1, named=named)
    width = mean_over_cells(np.zeros(shapes[chosen], np.float32), graph.layout).shape[1]
    return _Opened(graph, open_session(content, named=named), chosen, width)


def _identity(content: bytes, processor: ImageProcessor, output: str) -> str:
    model = hashlib.sha256(content).hexdigest()
    parts = {"model": model, "image_processor": asdict(processor), "output": output}
    return fingerprint_value(parts)
