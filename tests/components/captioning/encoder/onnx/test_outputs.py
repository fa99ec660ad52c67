import numpy as np
import pytest

from components.captioning.encoder.onnx.outputs import choose_output, feature_map, mean_over_cells
from components.errors import DataError, SettingError

EMBEDS, POOLED, HIDDEN = ("image_embeds", "pooler_output", "last_hidden_state")


@pytest.mark.parametrize(
    ("shapes", "wanted", "expected"),
    [
        ({HIDDEN: (1, 4, 3), POOLED: (1, 3), EMBEDS: (1, 5)}, "", EMBEDS),
        ({HIDDEN: (1, 4, 3), POOLED: (1, 3)}, "", POOLED),
        ({HIDDEN: (1, 4, 3), "logits": (1, 9)}, "", HIDDEN),
        ({"features": (1, 3, 2, 2)}, "", "features"),
        ({HIDDEN: (1, 4, 3), POOLED: (1, 3)}, HIDDEN, HIDDEN),
        ({"logits": (1, 9)}, "logits", "logits"),
    ],
)
def test_choose_output(shapes: dict, wanted: str, expected: str) -> None:
    assert choose_output(shapes, wanted, photos=1, named="m.onnx") == expected


@pytest.mark.parametrize("shapes", [{"logits": (1, 9)}, {"a": (1, 2), "b": (1, 3)}])
def test_choose_output_among_others_asks_for_a_name(shapes: dict) -> None:
    with pytest.raises(DataError, match=rf"{', '.join(shapes)}.*--encoder-output"):
        choose_output(shapes, "", photos=1, named="m.onnx")


def test_choose_output_of_an_unknown_name_lists_the_outputs() -> None:
    with pytest.raises(SettingError, match=r"m.onnx: a, b\. Received: 'c'"):
        choose_output({"a": (1, 2), "b": (1, 3)}, "c", photos=1, named="m.onnx")


@pytest.mark.parametrize("shape", [(1,), (2, 3), (1, 0), (1, 2, 3, 4, 5), (1, 1 << 30)])
def test_choose_output_that_is_no_feature_of_each_photo_is_an_error(shape: tuple) -> None:
    with pytest.raises(DataError, match="2 to 4 dimensions"):
        choose_output({"features": shape}, "", photos=1, named="m.onnx")


def test_mean_over_cells_of_tokens_and_maps() -> None:
    tokens = np.array([[[1, 10], [3, 30]]], np.float32)
    assert mean_over_cells(tokens, "NCHW").tolist() == [[2, 20]]
    first = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    # Three colours of four cells: their place follows from the equal sides.
    assert mean_over_cells(first, "NHWC").tolist() == [[1.5, 5.5, 9.5]]
    assert mean_over_cells(first.transpose(0, 2, 3, 1), "NCHW").tolist() == [[1.5, 5.5, 9.5]]
    assert mean_over_cells(np.float32([[[[7]], [[8]]]]), "NCHW").tolist() == [[7, 8]]
    # A cube could be either.
    cube = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    assert mean_over_cells(cube, "NCHW").tolist() == [[1.5, 5.5]]
    assert mean_over_cells(cube, "NHWC").tolist() == [[3, 4]]


def test_feature_map_of_tokens_is_row_by_row() -> None:
    tokens = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
    cells = feature_map(tokens, "NCHW")
    assert cells is not None and cells[0, 1].tolist() == [[4, 5], [6, 7]]


def test_feature_map_of_a_class_token_and_patches_is_none() -> None:
    assert feature_map(np.zeros((1, 5, 2), np.float32), "NCHW") is None
    assert feature_map(np.zeros((1, 5), np.float32), "NCHW") is None
