import numpy as np

from components.captioning.encoder.casting import cast_to_float16


def test_cast_to_float16_reports_which_photos_are_finite() -> None:
    features = np.array(
        [[[1.0], [65504.0]], [[65536.0], [0.0]], [[0.0], [np.nan]], [[-np.inf], [0.0]]], np.float32
    )
    cast, finite = cast_to_float16(features)
    assert cast.dtype == np.float16
    assert cast.shape == (4, 2, 1)
    assert cast[0].tolist() == [[1.0], [65504.0]]
    assert finite.tolist() == [True, False, False, False]
