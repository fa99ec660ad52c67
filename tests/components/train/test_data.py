from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.artifacts.examples import Examples, ExampleShards
from components.captioning.model.vocabulary import END, PAD, START
from components.train import data
from components.train.data import CaptionBatches
from components.train.workers import Workers


def _captions(batches: list[Any]) -> list[tuple[int, ...]]:
    return sorted(tuple(row[row != PAD].tolist()) for _, targets in batches for row in targets)


def _epoch(batches: CaptionBatches, epoch: int = 0, step: int = 0) -> list[Any]:
    batches.start_at(epoch, step)
    return list(batches.dataset().as_numpy_iterator())


def test_batches_have_every_caption_once_per_epoch(train_examples: Examples) -> None:
    batches = CaptionBatches(train_examples, batch_size=7, max_words=6, seed=1)
    expected = sorted((*ids, END) for captions in train_examples.tokens for ids in captions)
    assert batches.captions == 48
    assert batches.steps == 7
    assert _captions(_epoch(batches)) == expected
    assert _captions(_epoch(batches, 1)) == expected


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
    def order(batches: CaptionBatches, epoch: int) -> list[Any]:
        return [inputs["features"].tolist() for inputs, _ in _epoch(batches, epoch)]

    one, same, other = (
        CaptionBatches(train_examples, batch_size=8, max_words=6, seed=seed) for seed in (1, 1, 2)
    )
    first, second = order(one, 0), order(one, 1)
    assert first != second
    assert order(other, 0) != first
    assert order(same, 1) == second


def test_batches_that_start_at_a_step_are_the_rest_of_the_epoch(train_examples: Examples) -> None:
    batches = CaptionBatches(train_examples, batch_size=8, max_words=6, seed=1)
    assert _plain(_epoch(batches, 1, 4)) == _plain(_epoch(batches, 1)[4:])


def _plain(batches: list[Any]) -> list[Any]:
    return [
        (inputs["features"].tolist(), inputs["tokens"].tolist(), targets.tolist())
        for inputs, targets in batches
    ]


def test_batches_of_a_stream_with_one_pool_are_those_in_memory(
    train_examples: Examples, train_shards: ExampleShards
) -> None:
    assert len(train_shards.paths) == 5
    memory, stream = (
        CaptionBatches(split, batch_size=8, max_words=6, seed=1)
        for split in (train_examples, train_shards)
    )
    assert stream.steps == memory.steps
    for epoch in (0, 1):
        assert _plain(_epoch(stream, epoch)) == _plain(_epoch(memory, epoch))


@pytest.mark.parametrize("seed", [1, None])
def test_batches_of_a_stream_with_many_pools_have_every_caption_once(
    seed: int | None,
    train_examples: Examples,
    train_shards: ExampleShards,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data, "SHARDS_PER_POOL", 2)
    batches = CaptionBatches(train_shards, batch_size=7, max_words=6, seed=seed)
    first, second = _epoch(batches), _epoch(batches, 1)
    expected = sorted((*ids, END) for captions in train_examples.tokens for ids in captions)
    for epoch in (first, second):
        assert _captions(epoch) == expected
        # 48 captions: what remains of a pool is in the next pool's batches.
        assert sorted(len(targets) for _, targets in epoch) == [6, *[7] * 6]
    assert (_plain(first) == _plain(second)) == (seed is None)


def test_batches_of_a_stream_that_starts_at_a_step_are_the_rest_of_the_epoch(
    train_shards: ExampleShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "SHARDS_PER_POOL", 1)
    batches = CaptionBatches(train_shards, batch_size=8, max_words=6, seed=1)
    assert _plain(_epoch(batches, 3, 5)) == _plain(_epoch(batches, 3)[5:])


def test_batches_of_a_stream_hold_one_pool(
    train_shards: ExampleShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "SHARDS_PER_POOL", 1)
    read: list[int] = []

    def record(paths: list[Path]) -> Examples:
        read.append(len(paths))
        return ExampleShards.read(train_shards, paths)

    monkeypatch.setattr(train_shards, "read", record)
    batches = CaptionBatches(train_shards, batch_size=4, max_words=6, seed=1)
    iterator = iter(batches._batch_rows(0))
    next(iterator)
    assert read == [1]
    assert len(list(iterator)) == 11
    assert read == [1] * 5


def test_batches_are_divided_among_workers(train_examples: Examples) -> None:
    def batches(workers: Workers) -> CaptionBatches:
        return CaptionBatches(train_examples, batch_size=8, max_words=6, seed=1, workers=workers)

    whole = _epoch(batches(Workers()))
    parts = [_epoch(batches(Workers(rank, 2))) for rank in (0, 1)]
    for (inputs, targets), *of_workers in zip(whole, *parts, strict=True):
        for rank, (own_inputs, own_targets, weight) in enumerate(of_workers):
            np.testing.assert_array_equal(own_inputs["features"], inputs["features"][rank::2])
            # Padded to the longest caption of the whole batch: all parts have the same shape.
            np.testing.assert_array_equal(own_targets, targets[rank::2])
            # Twice this worker's share of the batch's words.
            assert weight.tolist() == [
                [pytest.approx(2 * (own_targets != PAD).sum() / (targets != PAD).sum())]
            ]


def test_a_last_batch_with_fewer_captions_than_workers_has_a_part_for_each(
    train_examples: Examples,
) -> None:
    one_more = replace(
        train_examples, tokens=[(*train_examples.tokens[0], (4, 7)), *train_examples.tokens[1:]]
    )
    parts = []
    for rank in (0, 1):
        batches = CaptionBatches(
            one_more, batch_size=8, max_words=6, seed=1, workers=Workers(rank, 2)
        )
        assert batches.captions == 49
        assert batches.steps == 7
        parts.append(_epoch(batches))
    single = []
    for (inputs, targets, weight), (other_inputs, other_targets, other_weight) in zip(
        *parts, strict=True
    ):
        assert inputs["features"].shape == other_inputs["features"].shape
        assert inputs["tokens"].shape == other_inputs["tokens"].shape
        assert targets.shape == other_targets.shape
        assert weight + other_weight == pytest.approx(2)
        if len(targets) == 1:
            single.append((targets.any(), other_inputs["tokens"].any(), other_targets.any()))
            assert other_weight.tolist() == [[0]]
    # The other worker has padding alone.
    assert single == [(True, False, False)]
