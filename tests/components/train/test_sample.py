import numpy as np
import pytest

from components.artifacts.examples import Examples
from components.train.sample import sample_photos


def _examples(first: int, last: int) -> Examples:
    numbers = range(first, last)
    return Examples(
        image_ids=[f"{number}.jpg" for number in numbers],
        features=np.array([[number, 0] for number in numbers], np.float16),
        tokens=[((4,),) for _ in numbers],
        references=[(f"photo {number}",) for number in numbers],
    )


@pytest.mark.parametrize("most", [10, 11])
def test_sample_photos_of_no_more_photos_has_all_in_their_order(most: int) -> None:
    drawn = sample_photos([_examples(0, 4), _examples(4, 10)], most, seed=1)
    assert drawn.features.tolist() == [[number, 0] for number in range(10)]
    assert drawn.captions == [(f"photo {number}",) for number in range(10)]


def test_sample_photos_is_the_same_for_any_blocks() -> None:
    whole = sample_photos([_examples(0, 100)], 7, seed=1)
    assert len(whole.captions) == 7
    assert whole.features[:, 0].tolist() == sorted(set(whole.features[:, 0].tolist()))
    assert [f"photo {int(row[0])}" for row in whole.features] == [c for (c,) in whole.captions]
    for size in (1, 3, 50):
        blocks = [_examples(start, min(start + size, 100)) for start in range(0, 100, size)]
        assert sample_photos(blocks, 7, seed=1).captions == whole.captions
    assert sample_photos([_examples(0, 100)], 7, seed=2).captions != whole.captions


def test_sample_photos_draws_each_photo_equally_often() -> None:
    counts = np.zeros(20)
    for seed in range(400):
        counts[sample_photos([_examples(0, 20)], 5, seed=seed).features[:, 0].astype(int)] += 1
    # A hundred times each; the standard deviation is sqrt(400 * 1/4 * 3/4) = 8.7.
    assert counts.sum() == 2000
    assert np.abs(counts - 100).max() < 4 * 8.7
