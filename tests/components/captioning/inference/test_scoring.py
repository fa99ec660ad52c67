from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.captioning.inference.captioner import Captioner
from components.captioning.inference.scoring import PhotoScorer
from components.errors import CaptionflowError, DataError, SettingError

GREY, WHITE = (np.full((8, 8, 3), level, np.uint8) for level in (120, 255))


@pytest.fixture(scope="module")
def scorer(dim_bundle: Path) -> Iterator[PhotoScorer]:
    scorer = PhotoScorer(partial(Captioner, dim_bundle))
    scorer.batcher.model.result()
    yield scorer
    scorer.batcher.close()


def test_predict_photos_of_concurrent_callers_share_batches(
    scorer: PhotoScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    caption = Captioner.descriptions_or_errors

    def spy(captioner: Captioner, pixels: Any, **options: Any) -> Any:
        sizes.append(len(pixels))
        return caption(captioner, pixels, **options)

    monkeypatch.setattr(Captioner, "descriptions_or_errors", spy)
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: scorer.predict([(0, GREY)], {}), range(48)))
    assert sum(sizes) == 48 and max(sizes) > 4
    assert all(each == found[0] for each in found)


def test_predict_names_the_row_of_a_photo_that_cant_be_captioned(scorer: PhotoScorer) -> None:
    with pytest.raises(DataError, match=r"^Row b of `photo` can't be used: this model can't"):
        scorer.predict([("a", GREY), ("b", WHITE)], {})


def test_predict_pixels_with_a_side_that_is_too_long_names_the_limit(scorer: PhotoScorer) -> None:
    with pytest.raises(DataError, match=r"65535 pixels\. Received: 1 x 65536"):
        scorer.predict([(0, np.zeros((65_536, 1, 3), np.uint8))], {})


def test_predict_none_means_the_default(scorer: PhotoScorer) -> None:
    photos = [(0, GREY)]
    defaults = scorer.predict(photos, {"beam_width": None, "alternatives": None})
    assert defaults == scorer.predict(photos, {}) == scorer.predict(photos, {"beam_width": 2})
    with pytest.raises(SettingError, match=r"below the beam_width 2\. Received: 2"):
        scorer.predict(photos, {"alternatives": 2})


def test_predict_after_close_is_an_error(dim_bundle: Path) -> None:
    scorer = PhotoScorer(partial(Captioner, dim_bundle))
    scorer.batcher.model.result()
    scorer.batcher.close()
    with pytest.raises(CaptionflowError, match="stopped"):
        scorer.predict([(0, GREY)], {})
