import numpy as np

from components.captioning.encoder.dead_leaves import draw_dead_leaves


def test_draw_leaves_is_the_same_for_the_same_seed() -> None:
    one, same, other = (draw_dead_leaves(2, 50, seed) for seed in (1, 1, 2))
    assert one.shape == (2, 50, 50, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_draw_leaves_covers_the_picture_with_edges_at_all_scales() -> None:
    [picture] = draw_dead_leaves(1, 128, 3)
    # Hardly anything of the black ground shows.
    assert (picture.sum(axis=-1) == 0).mean() < 0.02
    # As in photos, neighbours are mostly alike, and likeness falls off with the distance.
    alike = [(picture[:, gap:] == picture[:, :-gap]).all(axis=-1).mean() for gap in (1, 8, 64)]
    assert alike[0] > 0.8 > alike[1] > alike[2]
    assert alike[2] < 0.25
