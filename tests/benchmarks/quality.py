"""Quality: the preset trained on the official train list, scored on photos it never learnt from.

For each seed the trainer of `components/train` learns from features made elsewhere; then captions
are searched with the preset's settings and scored as the step `evaluate` does. Settings were tuned
on dev alone: `--split test` is for models that are done.

    .venv/bin/python tests/benchmarks/quality.py --seeds 1 2 3 --split dev
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from data import FEATURES, FLICKR8K, GLOVE, glove_matrix, load_examples
from machine import describe_machine
from numpy.typing import NDArray
from our_trainer import our_settings, preset_settings, train_ours
from processes import alone
from rich.console import Console
from rich.table import Table

from components.captioning.bundle import Bundle
from components.captioning.consensus import Neighbours
from components.captioning.decoding import DecodingConfig
from components.captioning.vocabulary import Vocabulary
from components.evaluate.scoring import score_captions, search_both
from components.platform.records import Examples
from components.platform.scores import TITLES, search_scores


@dataclass(frozen=True, slots=True)
class Trained:
    """One seed's outcome.

    Attributes:
        seconds: Of training, start to best weights.
        weights: Numbers in the network.
        epochs: That it learnt for.
        scores: By search, each by the names of `TITLES`.
        facts: Signatures, lengths and variety of the captions.
    """

    seconds: float
    weights: int
    epochs: int
    scores: dict[str, dict[str, float]]
    facts: dict[str, Any]


def main() -> None:
    """Trains each seed, and shows the table."""
    given = _arguments()
    console = Console(width=120)
    examples, vocabulary = load_examples(given.dataset, given.features)
    matrix = glove_matrix(vocabulary, given.glove)
    console.print(describe_machine())
    trained = []
    for seed in given.seeds:
        one = alone(train_and_score, examples, vocabulary, matrix, seed, given.split, given.changed)
        trained.append(one)
        console.print(f"seed {seed}: {_line(one)}")
    console.print(_table(trained, given.split, len(examples[given.split].image_ids)))
    console.print(_about(trained), soft_wrap=True)


def train_and_score(
    examples: dict[str, Examples],
    vocabulary: Vocabulary,
    matrix: NDArray[np.float32],
    seed: int,
    split: str,
    changed: dict[str, Any],
) -> Trained:
    """Trains on train, stops by dev, and scores captions of the split.

    Args:
        examples: By split. The trainer gets train and dev; nothing else is shown to it.
        vocabulary: V words, counted in train.
        matrix: float32 [V, G], GloVe's vectors.
        seed: Of weights, dropout and order.
        split: What is scored.
        changed: Settings of the preset that are otherwise.
    """
    preset = preset_settings(**changed)
    settings = our_settings(seed=seed, **changed)
    started = time.perf_counter()
    ours = train_ours(examples["train"], examples["dev"], matrix, settings)
    seconds = time.perf_counter() - started
    names = ("beam_width", "length_penalty", "max_words", "consensus")
    decoding = DecodingConfig(**{name: preset[name] for name in names})
    train, scored = examples["train"], examples[split]
    neighbours = Neighbours(train.features, train.references)
    bundle = Bundle(ours.network, vocabulary, decoding, neighbours)
    facts = score_captions(search_both(bundle, scored.features), scored.references)
    scores = {
        "greedy": search_scores(facts, "greedy"),
        "beam": search_scores(facts, "beam"),
    }
    return Trained(seconds, ours.weights, ours.epochs, scores, facts)
