"""Quality benchmark: trains the preset on the official train split, and scores it on dev or test.

The features are those of `--features`. Those of the default file are of whole photos, not
multi-crop as the preset's.

For each seed, the trainer of `components/train` trains on precomputed features; then captions are
decoded with the preset's settings and scored as in the step `evaluate`. Settings were tuned on dev
only: test is for final models.

    .venv/bin/python tests/benchmarks/quality.py --seeds 1 2 3 --splits dev test

With `--models FOLDER`, models are kept there and not retrained, for example to score them with
different decoding settings or on another split.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

import numpy as np
from data import add_data_options, glove_matrix, load_examples
from machine import describe_machine
from numpy.typing import NDArray
from our_trainer import decoding_of, fit_ours, our_settings, preset_settings
from processes import as_step
from rich.console import Console
from rich.table import Table

from components.artifacts.examples import Examples
from components.artifacts.files import TRAINING_FILE, atomic_directory, read_json, write_json
from components.artifacts.scores import TITLES, search_scores, signatures
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.model_files import save_model
from components.captioning.model.vocabulary import Vocabulary
from components.evaluate.scoring import measure_java_metrics, score_captions, search_both

_SEARCHES: tuple[Literal["beam", "greedy"], ...] = ("beam", "greedy")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one seed.

    Attributes:
        seconds: Duration of training, from the examples to the best weights.
        epochs: Number of epochs.
        weights: Number of weights of the network.
        scores: Scores of each split, as in `scores.json`.
    """

    seconds: float
    epochs: int
    weights: int
    scores: dict[str, dict[str, Any]]


def main() -> None:
    """Trains and scores each seed, and prints the tables."""
    args = _arguments()
    changed = dict(args.set)
    console = Console(width=110)
    examples, vocabulary = load_examples(args.dataset, args.features)
    matrix = glove_matrix(vocabulary, args.glove)
    console.print(describe_machine())
    outcomes = []
    training_splits = {split: examples[split] for split in ("train", "dev")}
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-") as temporary:
        for seed in args.seeds:
            folder = (args.models or Path(temporary)) / f"seed-{seed}"
            if not folder.exists():
                as_step(train, training_splits, vocabulary, matrix, seed, changed, folder)
            outcome = as_step(score, folder, examples, args.splits, changed)
            outcomes.append(outcome)
            console.print(f"seed {seed}: {_line(outcome)}", soft_wrap=True)
    preset = preset_settings(**changed)
    for split in args.splits:
        title = (
            f"{split}: {len(examples[split].image_ids)} photos, mean of {len(outcomes)} seeds; "
            f"beam width {preset.beam_width}, length penalty {preset.length_penalty}, "
            f"reranking weight {preset.reranking_weight}, "
            f"guidance weight {preset.guidance_weight}"
        )
        scores = [outcome.scores[split] for outcome in outcomes]
        console.print(_table(scores, title))
        console.print(_summary(scores), soft_wrap=True)
    console.print(f"{outcomes[0].weights} weights")


def train(
    examples: dict[str, Examples],
    vocabulary: Vocabulary,
    matrix: NDArray[np.float32],
    seed: int,
    changed: dict[str, Any],
    folder: Path,
) -> None:
    """Trains a model with early stopping on dev, and writes it.

    Args:
        examples: Train and dev only.
        vocabulary: V words, counted in train.
        matrix: float32 [V, G], the GloVe vectors.
        seed: Seed of weights, dropout and order.
        changed: Changes to the settings of the preset.
        folder: Where the model is written.
    """
    started = time.perf_counter()
    network, state = fit_ours(
        examples["train"], examples["dev"], matrix, our_settings(seed=seed, **changed)
    )
    facts = {"seconds": time.perf_counter() - started, "epochs": len(state.history)}
    reranker_data = RerankerData(examples["train"].features, examples["train"].references)
    with atomic_directory(folder) as aside:
        save_model(network, vocabulary, reranker_data, aside)
        write_json(aside / TRAINING_FILE, facts)


def score(
    folder: Path, examples: dict[str, Examples], splits: list[str], changed: dict[str, Any]
) -> Outcome:
    """Scores a model as `evaluate` does, in a different process from its training.

    Args:
        folder: The model that `train` wrote.
        examples: Examples by split.
        splits: The splits to score.
        changed: Changes to the settings of the preset.
    """
    bundle = Bundle.load(folder, decoding_of(preset_settings(**changed)))
    scores = {split: _score(bundle, examples[split]) for split in splits}
    facts = read_json(folder / TRAINING_FILE)
    return Outcome(facts["seconds"], facts["epochs"], bundle.network.count_params(), scores)


def _score(bundle: Bundle, split: Examples) -> dict[str, Any]:
    captions = search_both(bundle, split.features)
    scores, _ = score_captions(captions, split.references)
    return scores | measure_java_metrics(captions, split.references, "en")


def _line(outcome: Outcome) -> str:
    parts = [f"{outcome.seconds / 60:.1f} minutes, {outcome.epochs} epochs"]
    for split, scores in outcome.scores.items():
        beam = search_scores(scores, "beam")
        parts.append(f"{split} " + ", ".join(f"{TITLES[name]} {beam[name]:.2f}" for name in beam))
    return "; ".join(parts)


def _table(scores: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title)
    table.add_column("search")
    names = list(search_scores(scores[0], "beam"))
    for name in names:
        table.add_column(TITLES[name], justify="right")
    for search in _SEARCHES:
        by_seed = [search_scores(seed_scores, search) for seed_scores in scores]
        columns = [[seed[name] for seed in by_seed] for name in names]
        table.add_row(search, *(f"{mean(column):.2f}" for column in columns))
        if len(by_seed) > 1:
            table.add_row("  standard deviation", *(f"{stdev(column):.2f}" for column in columns))
    return table


def _summary(scores: list[dict[str, Any]]) -> str:
    means = {
        name: mean(seed_scores[name] for seed_scores in scores)
        for name in ("mean_words", "distinct_captions", "vocabulary_used")
    }
    return (
        f"Beam search: {means['distinct_captions']:.0f} distinct captions, "
        f"{means['mean_words']:.1f} words on average, "
        f"{means['vocabulary_used']:.0f} distinct words\n"
        + "\n".join(signatures(scores[0]).values())
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_data_options(parser)
    parser.add_argument("--splits", choices=("dev", "test"), nargs="+", default=["dev"])
    parser.add_argument("--models", type=Path, help="folder in which to keep trained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--set",
        type=_setting,
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="changes to the preset, such as decoder=init_inject ensemble_size=1",
    )
    return parser.parse_args()


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"a setting must be NAME=VALUE. Received: {text!r}")
    return name, value


if __name__ == "__main__":
    main()
