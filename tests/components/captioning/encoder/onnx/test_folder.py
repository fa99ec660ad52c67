from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from components.captioning.encoder.onnx import folder as folder_module
from components.captioning.encoder.onnx import trials
from components.captioning.encoder.onnx.folder import parse_model, read_model, tensors_of
from components.errors import DataError

MakeModel = Callable[..., onnx.ModelProto]
SCALE = np.array([1, 2, 4], np.float32)


def _write_external(folder: Path, model: onnx.ModelProto, **entries: str) -> None:
    """Writes a model whose weights are the 12 bytes from 4 on of `weights.bin`."""
    (tensor,) = model.graph.initializer[:1]
    (folder / "weights.bin").write_bytes(b"\0" * 4 + SCALE.tobytes() + b"\0")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (
        {"location": "weights.bin", "offset": "4", "length": "12"} | entries
    ).items():
        tensor.external_data.add(key=key, value=value)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def test_read_model_returns_the_bytes_of_the_file(tmp_path: Path, make_model: MakeModel) -> None:
    content = make_model().SerializeToString()
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(content)
    assert read_model(tmp_path) == content


def test_read_model_prefers_the_vision_tower(tmp_path: Path, make_model: MakeModel) -> None:
    (tmp_path / "model.onnx").write_bytes(b"both towers")
    content = make_model().SerializeToString()
    (tmp_path / "vision_model.onnx").write_bytes(content)
    assert read_model(tmp_path) == content


def test_read_model_takes_in_weights_of_other_files(tmp_path: Path, make_model: MakeModel) -> None:
    _write_external(tmp_path, make_model())
    first, second = read_model(tmp_path), read_model(tmp_path)
    assert first == second
    scale = next(tensors_of(parse_model(first, named="it")))
    np.testing.assert_array_equal(numpy_helper.to_array(scale).ravel(), SCALE)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "../weights.bin"}, r"own folder. Received: the file '../weights.bin'"),
        ({"location": "/etc/passwd"}, "own folder. Received: the file '/etc/passwd'"),
        ({"location": "C:\\weights.bin"}, "own folder"),
        ({"location": ""}, "own folder"),
        ({"location": "gone.bin"}, "gone.bin must be a file"),
        ({"location": "link.bin"}, "link.bin must not be a symbolic link"),
        ({"location": "linked/weights.bin"}, "linked must not be a symbolic link"),
        ({"offset": "-4"}, "Received: a file of 17 bytes"),
        ({"offset": "18"}, "Received: a file of 17 bytes"),
        ({"length": "14"}, "must have the bytes 4 to 18"),
        ({"length": "many"}, "as numbers.*'many'"),
    ],
)
def test_read_model_with_weights_elsewhere_is_refused(
    tmp_path: Path, make_model: MakeModel, entries: dict[str, str], message: str
) -> None:
    _write_external(tmp_path, make_model(), **entries)
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to(tmp_path)
    with pytest.raises(DataError, match=message):
        read_model(tmp_path)


def test_read_model_finds_external_weights_in_branches_and_attributes(
    tmp_path: Path, make_model: MakeModel
) -> None:
    model = make_model()
    outside = numpy_helper.from_array(SCALE, "outside")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="../x")
    constant = helper.make_node("Constant", [], ["c"], value=outside)
    branch = helper.make_graph([constant], "branch", [], [helper.make_empty_tensor_value_info("c")])
    model.graph.node.append(
        helper.make_node("If", ["p"], ["q"], then_branch=branch, else_branch=branch)
    )
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"own folder. Received: the file '\.\./x'"):
        read_model(tmp_path)


def test_read_model_beyond_the_size_of_one_message_is_refused(
    tmp_path: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_external(tmp_path, make_model())
    size = (tmp_path / "model.onnx").stat().st_size
    monkeypatch.setattr(folder_module, "MAX_BYTES", size + 11)
    with pytest.raises(DataError, match=rf"not be larger than {size + 11} bytes with all its"):
        read_model(tmp_path)
    monkeypatch.setattr(folder_module, "MAX_BYTES", size - 1)
    with pytest.raises(DataError, match=rf"not be larger than {size - 1} bytes"):
        read_model(tmp_path)


def test_read_model_that_is_a_link_says_how_to_copy_it(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"")
    (tmp_path / "model.onnx").symlink_to("blob")
    with pytest.raises(DataError, match=r"must not be a symbolic link.*cp -rL"):
        read_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08"], ids=["empty", "text", "graph"])
def test_read_model_of_a_damaged_file_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(DataError, match=r"model.onnx must be an ONNX model"):
        read_model(tmp_path)


def test_read_model_of_a_truncated_file_is_an_error(tmp_path: Path, make_model: MakeModel) -> None:
    content = make_model().SerializeToString()
    for end in range(1, len(content), 150):
        (tmp_path / "model.onnx").write_bytes(content[:end])
        with pytest.raises(DataError, match=r"model.onnx must be an ONNX model"):
            read_model(tmp_path)


def test_read_model_of_a_folder_without_one_lists_the_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"vision_model.onnx.*onnx/model.onnx.*Received: a folder"):
        read_model(tmp_path)


def test_read_model_of_millions_of_empty_parts_is_refused_within_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each part takes two bytes in the file, and many times that once it is parsed.
    parts = b"\x0a\x00" * (1 << 22)
    length = b"\x80\x80\x80\x04"  # 8 MiB as a varint
    (tmp_path / "model.onnx").write_bytes(b"\x3a" + length + parts)
    monkeypatch.setattr(trials, "_OWN_MEMORY", 64 << 20)
    with pytest.raises(DataError, match=r"model.onnx must be an ONNX model"):
        read_model(tmp_path)


def test_read_model_with_a_place_that_is_no_text_is_refused(
    tmp_path: Path, make_model: MakeModel
) -> None:
    _write_external(tmp_path, make_model())
    file = tmp_path / "model.onnx"
    file.write_bytes(file.read_bytes().replace(b"weights.bin", b"\xffeights.bin"))
    with pytest.raises(DataError, match=r"must be a file|own folder"):
        read_model(tmp_path)
