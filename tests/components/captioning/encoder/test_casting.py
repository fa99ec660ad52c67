import numpy as np

from components.captioning.encoder.casting import cast_to_float16


def test_to_float16_tells_which_photos_have_numbers() -> None:
    features = np.array(
        [[[1.0], [65504.0]], [[65536.0], [0.0]], [[0.0], [np.nan]], [[-np.inf], [0.0]]], np.float32
    )
    narrow, fit = cast_to_float16(features)
    assert narrow.dtype == np.float16
    assert narrow.shape == (4, 2, 1)
    assert narrow[0].tolist() == [[1.0], [65504.0]]
    assert fit.tolist() == [True, False, False, False]
