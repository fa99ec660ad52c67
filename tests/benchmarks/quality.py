"""Quality: the preset trained on the official train list, scored on photos it never learnt from.

For each seed the trainer of `components/train` learns from features made elsewhere; then captions
are searched with the preset's settings and scored as the step `evaluate` does. Settings were tuned
on dev alone: test is for a model that is done.

    .venv/bin/python tests/benchmarks/quality.py --seeds 1 2 3 --splits dev test

With `--models FOLDER` models are kept there, and those that are there are not trained again: to
score them with other settings of the search, or on another split.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

import numpy as np
from data import FEATURES, FLICKR8K, GLOVE, glove_matrix, load_examples
from machine import describe_machine
from numpy.typing import NDArray
from our_trainer import fit_ours, our_settings, preset_settings
from processes import as_step
from rich.console import Console
from rich.table import Table

from components.artifacts.examples import Examples
from components.artifacts.files import TRAINING_FILE, atomic_directory, read_json, write_json
from components.artifacts.scores import TITLES, search_scores
from components.captioning.decoding.reranking import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.model.vocabulary import Vocabulary
from components.evaluate.scoring import score_captions, search_both

_SEARCHES: tuple[Literal["beam", "greedy"], ...] = ("beam", "greedy")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed.

    Attributes:
        seconds: Of training, from the examples to the best weights.
        epochs: That it learnt for.
        weights: Numbers in the network.
        scores: Of each split, as `scores.json` holds them.
    """

    seconds: float
    epochs: int
    weights: int
    scores: dict[str, dict[str, Any]]


def main() -> None:
    """Trains each seed, and shows the table."""
    given = _arguments()
    changed = dict(given.set)
    console = Console(width=110)
    examples, vocabulary = load_examples(given.dataset, given.features)
    matrix = glove_matrix(vocabulary, given.glove)
    console.print(describe_machine())
    trained = []
    seen = {split: examples[split] for split in ("train", "dev")}
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-") as temporary:
        for seed in given.seeds:
            folder = (given.models or Path(temporary)) / f"seed-{seed}"
            if not folder.exists():
                as_step(train, seen, vocabulary, matrix, seed, changed, folder)
            one = as_step(score, folder, examples, given.splits, changed)
            trained.append(one)
            console.print(f"seed {seed}: {_line(one)}", soft_wrap=True)
    preset = preset_settings(**changed)
    for split in given.splits:
        title = (
            f"{split}: {len(examples[split].image_ids)} photos, mean of {len(trained)} seeds; "
            f"beam {preset.beam_width}, length penalty {preset.length_penalty}, consensus "
            f"{preset.reranking_weight}"
        )
        scores = [one.scores[split] for one in trained]
        console.print(_table(scores, title))
        console.print(_about(scores), soft_wrap=True)
    console.print(f"{trained[0].weights} weights")


def train(
    examples: dict[str, Examples],
    vocabulary: Vocabulary,
    matrix: NDArray[np.float32],
    seed: int,
    changed: dict[str, Any],
    folder: Path,
) -> None:
    """Trains on train, stops by dev, and keeps the bundle.

    Args:
        examples: Train and dev; nothing else is shown to the trainer.
        vocabulary: V words, counted in train.
        matrix: float32 [V, G], GloVe's vectors.
        seed: Of weights, dropout and order.
        changed: Settings of the preset that are otherwise.
        folder: Where the bundle goes.
    """
    started = time.perf_counter()
    network, state = fit_ours(
        examples["train"], examples["dev"], matrix, our_settings(seed=seed, **changed)
    )
    facts = {"seconds": time.perf_counter() - started, "epochs": len(state.history)}
    reranker_data = RerankerData(examples["train"].features, examples["train"].references)
    with atomic_directory(folder) as aside:
        Bundle(network, vocabulary, DecodingConfig(), reranker_data).save(aside)
        write_json(aside / TRAINING_FILE, facts)


def score(
    folder: Path, examples: dict[str, Examples], splits: list[str], changed: dict[str, Any]
) -> Outcome:
    """Scores a bundle's captions as `evaluate` does: in a process that has not trained it.

    Args:
        folder: What `train` wrote.
        examples: By split.
        splits: What is scored.
        changed: Settings of the preset that are otherwise.
    """
    preset = preset_settings(**changed).model_dump()
    names = [field.name for field in fields(DecodingConfig)]
    decoding = DecodingConfig(**{name: preset[name] for name in names})
    bundle = replace(Bundle.load(folder), decoding=decoding)
    scores = {
        split: score_captions(
            search_both(bundle, examples[split].features), examples[split].references
        )
        for split in splits
    }
    facts = read_json(folder / TRAINING_FILE)
    return Outcome(facts["seconds"], facts["epochs"], bundle.network.count_params(), scores)


def _line(outcome: Outcome) -> str:
    told = [f"{outcome.seconds / 60:.1f} minutes, {outcome.epochs} epochs"]
    for split, scores in outcome.scores.items():
        beam = search_scores(scores, "beam")
        told.append(f"{split} " + ", ".join(f"{TITLES[name]} {beam[name]:.2f}" for name in beam))
    return "; ".join(told)


def _table(scores: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title)
    table.add_column("search")
    for name in TITLES.values():
        table.add_column(name, justify="right")
    for search in _SEARCHES:
        found = [search_scores(one, search) for one in scores]
        table.add_row(search, *(f"{mean(one[name] for one in found):.2f}" for name in TITLES))
        if len(found) > 1:
            spreads = (stdev(one[name] for one in found) for name in TITLES)
            table.add_row("  standard deviation", *(f"{spread:.2f}" for spread in spreads))
    return table


def _about(scores: list[dict[str, Any]]) -> str:
    means = {
        name: mean(one[name] for one in scores)
        for name in ("mean_words", "distinct_captions", "vocabulary_used")
    }
    return (
        f"Of the beam's captions {means['distinct_captions']:.0f} differ, "
        f"{means['mean_words']:.1f} words each, {means['vocabulary_used']:.0f} different words\n"
        f"{scores[0]['signature']}\n{scores[0]['coco_signature']}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="Flickr8k's folder")
    parser.add_argument("--features", type=Path, default=FEATURES, help=".npz of names and x")
    parser.add_argument("--glove", type=Path, default=GLOVE, help="GloVe's text")
    parser.add_argument("--splits", choices=("dev", "test"), nargs="+", default=["dev"])
    parser.add_argument("--models", type=Path, help="folder to keep the trained models in")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--set",
        type=_setting,
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="settings of the preset that are otherwise, such as decoder=init_inject",
    )
    return parser.parse_args()


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"a setting must be NAME=VALUE. Received: {text!r}")
    return name, value


if __name__ == "__main__":
    main()
