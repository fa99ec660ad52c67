"""Quality: the preset trained on the official train list, scored on photos it never learnt from.

For each seed the trainer of `components/train` learns from features made elsewhere; then captions
are searched with the preset's settings and scored as the step `evaluate` does. Settings were tuned
on dev alone: `--split test` is for models that are done.

    .venv/bin/python tests/benchmarks/quality.py --seeds 1 2 3 --split dev
"""

import argparse
import time
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

import numpy as np
from data import FEATURES, FLICKR8K, GLOVE, glove_matrix, load_examples
from machine import describe_machine
from numpy.typing import NDArray
from our_trainer import fit_ours, our_settings, preset_settings
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

_SEARCHES: tuple[Literal["beam", "greedy"], ...] = ("beam", "greedy")


@dataclass(frozen=True, slots=True)
class Trained:
    """One seed's outcome.

    Attributes:
        seconds: Of training, from the examples to the best weights.
        weights: Numbers in the network.
        epochs: That it learnt for.
        scores: As `scores.json` holds them.
    """

    seconds: float
    weights: int
    epochs: int
    scores: dict[str, Any]


def main() -> None:
    """Trains each seed, and shows the table."""
    given = _arguments()
    changed = dict(given.set)
    console = Console(width=110)
    examples, vocabulary = load_examples(given.dataset, given.features)
    matrix = glove_matrix(vocabulary, given.glove)
    console.print(describe_machine())
    trained = []
    for seed in given.seeds:
        one = alone(train_and_score, examples, vocabulary, matrix, seed, given.split, changed)
        trained.append(one)
        console.print(f"seed {seed}: {_line(one)}", soft_wrap=True)
    preset = preset_settings(**changed)
    title = (
        f"{given.split}: {len(examples[given.split].image_ids)} photos, mean of {len(trained)} "
        f"seeds; beam {preset.beam_width}, length penalty {preset.length_penalty}, consensus "
        f"{preset.consensus}"
    )
    console.print(_table(trained, title))
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
    started = time.perf_counter()
    network, state = fit_ours(
        examples["train"], examples["dev"], matrix, our_settings(seed=seed, **changed)
    )
    seconds = time.perf_counter() - started
    preset = preset_settings(**changed).model_dump()
    decoding = DecodingConfig(
        **{field.name: preset[field.name] for field in fields(DecodingConfig)}
    )
    neighbours = Neighbours(examples["train"].features, examples["train"].references)
    scored = examples[split]
    captions = search_both(Bundle(network, vocabulary, decoding, neighbours), scored.features)
    return Trained(
        seconds,
        network.count_params(),
        len(state.history),
        score_captions(captions, scored.references),
    )


def _line(trained: Trained) -> str:
    beam = search_scores(trained.scores, "beam")
    figures = ", ".join(f"{TITLES[name]} {value:.2f}" for name, value in beam.items())
    return f"{trained.seconds / 60:.1f} minutes, {trained.epochs} epochs; {figures}"


def _table(trained: list[Trained], title: str) -> Table:
    table = Table(title=title)
    table.add_column("search")
    for name in TITLES.values():
        table.add_column(name, justify="right")
    for search in _SEARCHES:
        scores = [search_scores(one.scores, search) for one in trained]
        table.add_row(search, *(f"{mean(one[name] for one in scores):.2f}" for name in TITLES))
        if len(scores) > 1:
            spreads = (stdev(one[name] for one in scores) for name in TITLES)
            table.add_row("  standard deviation", *(f"{spread:.2f}" for spread in spreads))
    return table


def _about(trained: list[Trained]) -> str:
    means = {
        name: mean(one.scores[name] for one in trained)
        for name in ("mean_words", "distinct_captions", "vocabulary_used")
    }
    first = trained[0]
    return (
        f"{first.weights} weights; of the beam's captions {means['distinct_captions']:.0f} differ, "
        f"{means['mean_words']:.1f} words each, {means['vocabulary_used']:.0f} different words\n"
        f"{first.scores['signature']}\n{first.scores['coco_signature']}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="Flickr8k's folder")
    parser.add_argument("--features", type=Path, default=FEATURES, help=".npz of names and x")
    parser.add_argument("--glove", type=Path, default=GLOVE, help="GloVe's text")
    parser.add_argument("--split", choices=("dev", "test"), default="dev", help="what is scored")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--set",
        type=_setting,
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="settings of the preset that are otherwise, such as decoder=lstm",
    )
    return parser.parse_args()


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"a setting must be NAME=VALUE. Received: {text!r}")
    return name, value


if __name__ == "__main__":
    main()
