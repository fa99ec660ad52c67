"""Reads the untrusted folder of an ONNX model into one self-contained model."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import onnx
from google.protobuf.message import DecodeError

from components.captioning.encoder.onnx.trials import run_trial
from components.errors import DataError
from components.settings.backbone_names import ONNX_MODEL_FILES

#: A protobuf message can't be larger than 2 GiB.
MAX_BYTES = 2**31 - (1 << 20)

# Position of a tensor's bytes in its file, with the defaults; a length of -1 means to the end.
_RANGE = (("offset", "0"), ("length", "-1"))


def read_model(folder: Path) -> bytes:
    """Reads the ONNX model of a folder, including weights in separate files.

    Args:
        folder: Has one of `vision_model.onnx`, `onnx/vision_model.onnx`, `model.onnx` and
            `onnx/model.onnx`; the first that exists is read.

    Returns:
        The serialized model; the unchanged content of the file if that holds all weights.

    Raises:
        DataError: If there is no model, it is damaged or too large, or it refers to files outside
            the folder.
    """
    for name in ONNX_MODEL_FILES:
        if (folder / name).exists():
            break
    else:
        raise DataError(
            f"{folder} must be a folder with an ONNX model, {' or '.join(ONNX_MODEL_FILES)}, as "
            "`optimum-cli export onnx --task feature-extraction` writes it. Received: "
            f"{'a file' if folder.is_file() else 'a folder without one'}"
        )
    content = read_file(folder, name)
    run_trial(content, named=str(folder / name))
    model = parse_model(content, named=str(folder / name))
    external = [tensor for tensor in tensors_of(model) if is_external(tensor)]
    if not external:
        return content
    total = len(content)
    for tensor in external:
        data = _external_data(folder, name, tensor, MAX_BYTES - total)
        total += len(data)
        tensor.raw_data = data
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    return model.SerializeToString(deterministic=True)


def parse_model(content: bytes, *, named: str) -> onnx.ModelProto:
    """Parses a serialized model, without computing anything.

    Raises:
        DataError: If it is not an ONNX model.
    """
    try:
        model = onnx.ModelProto.FromString(content)
    except (DecodeError, RecursionError) as error:
        raise DataError(f"{named} must be an ONNX model: the file is damaged ({error})") from error
    if not model.graph.node:
        raise DataError(f"{named} must be an ONNX model. Received: a file without operators")
    return model


def tensors_of(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yields all constant tensors of a model."""
    for graph in graphs_of(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes_of(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def nodes_of(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yields all operators of a model, including those in functions, branches and loops."""
    for graph in graphs_of(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def graphs_of(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """Yields the graph of a model, and all graphs in its operators' attributes."""
    waiting = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    waiting += _subgraphs(nodes)
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting += _subgraphs(graph.node)


def is_external(tensor: onnx.TensorProto) -> bool:
    """Returns whether a tensor's data are in another file."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)


def read_file(folder: Path, name: str) -> bytes:
    """Reads a file of the folder.

    Args:
        folder: The folder of the model.
        name: The file's path in it, with slashes.

    Raises:
        DataError: If it can't be read, is too large, or is a symbolic link.
    """
    with open_file(folder, name) as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"{folder / name} must not be larger than {MAX_BYTES} bytes")
    return content


@contextmanager
def open_file(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Opens a file of the folder; raises DataError if that fails or it is a symbolic link."""
    path = folder
    for part in PurePosixPath(name).parts:
        path = path / part
        if path.is_symlink():
            # As in the cache of huggingface_hub.
            raise DataError(
                f"{path} must not be a symbolic link: copy the folder with `cp -rL`, which copies "
                "the files that the links refer to"
            )
    if not path.is_file():
        raise DataError(f"{path} must be a file, but there is none")
    try:
        with path.open("rb") as opened:
            yield opened
    except OSError as error:
        raise DataError(f"{path} must be readable: {error.strerror}") from error


def _subgraphs(nodes: Iterable[onnx.NodeProto]) -> list[onnx.GraphProto]:
    return [
        graph
        for node in nodes
        for attribute in node.attribute
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs)
    ]


def _external_data(folder: Path, name: str, tensor: onnx.TensorProto, most: int) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = str(entries.get("location", ""))  # bytes if it is not UTF-8
    path = PurePosixPath(location)
    if not location or path.is_absolute() or ".." in path.parts or set(location) & set("\\:\0"):
        raise DataError(
            f"{folder / name} must keep its weights in files of its own folder. Received: the file "
            f"{location[:200]!r} for the weights {tensor.name[:80]!r}"
        )
    file = (PurePosixPath(name).parent / path).as_posix()
    try:
        offset, length = (int(entries.get(key, default)) for key, default in _RANGE)
    except ValueError as error:
        raise DataError(
            f"{folder / name} must give offset and length of the weights {tensor.name[:80]!r} as "
            f"numbers. Received: {error}"
        ) from error
    with open_file(folder, file) as opened:
        size = os.fstat(opened.fileno()).st_size
        length = size - offset if length < 0 else length
        if offset < 0 or offset + length > size:
            raise DataError(
                f"{folder / file} must have the bytes {offset} to {offset + length}, where the "
                f"weights {tensor.name[:80]!r} should be. Received: a file of {size} bytes"
            )
        if length > most:
            raise DataError(
                f"{folder / name} must not be larger than {MAX_BYTES} bytes with all its weights"
            )
        opened.seek(offset)
        return opened.read(length)
