from typing import Any

import numpy as np

from components.artifacts.examples import Examples
from components.captioning.model.vocabulary import END, PAD, START
from components.train.data import CaptionBatches


def _captions(batches: list[Any]) -> list[tuple[int, ...]]:
    return sorted(tuple(row[row != PAD].tolist()) for _, targets in batches for row in targets)


def _epoch(batches: CaptionBatches) -> list[Any]:
    return list(batches.dataset().as_numpy_iterator())


def test_batches_have_every_caption_once_per_epoch(train_examples: Examples) -> None:
    batches = CaptionBatches(train_examples, batch_size=7, max_words=6, seed=1)
    expected = sorted((*ids, END) for captions in train_examples.tokens for ids in captions)
    assert batches.captions == 48
    assert batches.steps == 7
    assert _captions(_epoch(batches)) == expected
    assert _captions(_epoch(batches)) == expected


def test_batches_shift_targets_by_one_token(train_examples: Examples) -> None:
    inputs, targets = _epoch(CaptionBatches(train_examples, batch_size=48, max_words=6))[0]
    longest = inputs["tokens"][-1]  # sorted by length
    assert longest.tolist() == [START, 4, 6, 8, 8]
    assert targets[-1].tolist() == [4, 6, 8, 8, END]
    assert targets[0].tolist() == [4, 5, END, PAD, PAD]


def test_batches_pair_each_caption_with_its_photo(train_examples: Examples) -> None:
    for inputs, targets in _epoch(
        CaptionBatches(train_examples, batch_size=5, max_words=6, seed=1)
    ):
        for feature, tokens in zip(inputs["features"], targets, strict=True):
            photo = int(np.flatnonzero((train_examples.features == feature).all(axis=1))[0])
            assert tuple(tokens[: list(tokens).index(END)].tolist()) in train_examples.tokens[photo]


def test_batches_are_padded_to_their_longest_caption(train_examples: Examples) -> None:
    for _, targets in _epoch(CaptionBatches(train_examples, batch_size=4, max_words=6, seed=1)):
        assert (targets[:, -1] != PAD).any()


def test_batches_truncate_long_captions(train_examples: Examples) -> None:
    inputs, targets = _epoch(CaptionBatches(train_examples, batch_size=48, max_words=2))[0]
    assert inputs["tokens"].shape == (48, 3)
    assert set(targets[:, -1].tolist()) == {END}


def test_batches_order_depends_on_seed_and_epoch_alone(train_examples: Examples) -> None:
    def order(batches: CaptionBatches) -> list[Any]:
        return [inputs["features"].tolist() for inputs, _ in _epoch(batches)]

    one, same, other = (
        CaptionBatches(train_examples, batch_size=8, max_words=6, seed=seed) for seed in (1, 1, 2)
    )
    first, second = order(one), order(one)
    assert first != second
    assert order(other) != first
    same.start_at(1)
    assert order(same) == second
