import numpy as np

from components.captioning.encoder.dead_leaves import draw_dead_leaves


def test_draw_dead_leaves_depends_on_the_seed_alone() -> None:
    one, same, other = (draw_dead_leaves(2, 50, seed) for seed in (1, 1, 2))
    assert one.shape == (2, 50, 50, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_draw_dead_leaves_covers_the_image_at_all_scales() -> None:
    [image] = draw_dead_leaves(1, 128, 3)
    # Hardly any of the black background is visible.
    assert (image.sum(axis=-1) == 0).mean() < 0.02
    # As in photos, neighbouring pixels are mostly equal, less so with distance.
    equal = [(image[:, gap:] == image[:, :-gap]).all(axis=-1).mean() for gap in (1, 8, 64)]
    assert equal[0] > 0.8 > equal[1] > equal[2]
    assert equal[2] < 0.25
