"""A network from an ONNX file, checked and loaded, which computes its outputs for photos."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from components.captioning.encoder.onnx.graph import OnnxGraph, check_model
from components.captioning.encoder.onnx.image_processor import ImageProcessor
from components.captioning.encoder.onnx.outputs import choose_output, mean_over_cells
from components.captioning.encoder.onnx.session import compute, input_shape, open_session, try_model
from components.errors import DataError
from components.settings.backbone_names import PREPROCESSOR_FILE


@dataclass(frozen=True, slots=True)
class OnnxNetwork:
    """A network that has been checked, tried and loaded by `open_network`.

    Attributes:
        graph: Its input and outputs.
        session: Computes it.
        table: Its input for each pixel value and colour, [256, 3], of the input's type.
        output: The output whose mean is the feature.
        width: Features per photo.
        batch_size: Photos per batch.
    """

    graph: OnnxGraph
    session: ort.InferenceSession
    table: NDArray[np.generic]
    output: str
    width: int
    batch_size: int

    def run(
        self, photos: NDArray[np.uint8], output: str
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Computes an output batch by batch.

        Args:
            photos: uint8 [N, side, side, 3].
            output: The output's name.

        Yields:
            The index of a batch's first photo, and the output for the batch, float32.

        Raises:
            DataError: If onnxruntime can't compute it.
        """
        for start in range(0, len(photos), self.batch_size):
            batch = photos[start : start + self.batch_size]
            count = len(batch)
            if self.graph.batch:
                # The last batch is padded with black photos.
                batch = np.pad(batch, ((0, self.graph.batch - count), (0, 0), (0, 0), (0, 0)))
            (computed,) = compute(self.session, [output], {self.graph.input: self._inputs(batch)})
            yield start, np.asarray(computed[:count], np.float32)

    def _inputs(self, photos: NDArray[np.uint8]) -> NDArray[np.generic]:
        inputs = np.empty(input_shape(self.graph, photos.shape[1], len(photos)), self.graph.dtype)
        for colour in range(3):
            place = (slice(None), colour) if self.graph.layout == "NCHW" else (..., colour)
            inputs[place] = self.table[:, colour][photos[..., colour]]
        return inputs


def open_network(
    content: bytes, processor: ImageProcessor, output: str, *, batch_size: int, named: str
) -> OnnxNetwork:
    """Checks a model, tries it in a process of its own, and loads it.

    Args:
        content: The serialized model.
        processor: Its preprocessing.
        output: See `outputs.choose_output`.
        batch_size: Photos per batch, unless the model fixes it.
        named: The model's name in error messages.

    Raises:
        SettingError: If the model has no such output.
        DataError: If the model is damaged, not safe to compute or not supported, or the
            preprocessing does not fit it.
    """
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
    session = open_session(content, named=named)
    table = table.astype(graph.dtype)
    return OnnxNetwork(graph, session, table, chosen, width, graph.batch or batch_size)
