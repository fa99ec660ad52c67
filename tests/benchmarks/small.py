"""Quality of the preset `small`: trains it on a few photos of Flickr8k, like a user's own data.

Of N photos from the official train split, 3/4 are used for training and 1/8 to choose the best
epoch, as in `captionflow run`. The last 1/8, which `captionflow run` would use for testing, is left
out: the whole official dev or test split is scored instead, which is more reliable. Features are
precomputed, and the word embeddings start at random.

    .venv/bin/python tests/benchmarks/small.py --photos 400 1000 2000 --seeds 1 2 3
"""

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from data import FEATURES, FLICKR8K, load_examples, sample_photos
from machine import describe_machine
from our_trainer import decoding_of, fit_ours, our_settings, preset_settings
from processes import as_step
from rich.console import Console

from components.artifacts.examples import Examples
from components.artifacts.files import atomic_directory
from components.artifacts.scores import TITLES, search_scores
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.model_files import save_model
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.evaluate.scoring import score_captions, search_both

PRESET = "small"


@dataclass(frozen=True, slots=True)
class FewPhotos:
    """The examples of a few photos.

    Attributes:
        train: The photos to train on.
        dev: The photos used to choose the best epoch.
        vocabulary: The words of `train`.
    """

    train: Examples
    dev: Examples
    vocabulary: Vocabulary


def main() -> None:
    """Trains and scores each number of photos with each seed."""
    args = _arguments()
    changed = dict(args.set)
    examples, _ = load_examples(FLICKR8K, FEATURES)
    console = Console(width=110)
    console.print(describe_machine())
    for photos in args.photos:
        outcomes = [
            as_step(train_and_score, examples, args.split, photos, seed, changed)
            for seed in args.seeds
        ]
        for name in outcomes[0]:
            values = [outcome[name] for outcome in outcomes]
            spread = f" (standard deviation {stdev(values):.2f})" if len(values) > 1 else ""
            console.print(f"{photos} photos: {name} {mean(values):.2f}{spread}")


def train_and_score(
    examples: dict[str, Examples], split: str, photos: int, seed: int, changed: dict[str, Any]
) -> dict[str, float]:
    """Trains on a few photos, and returns the scores on a whole split, with the training time.

    Args:
        examples: Examples by split.
        split: The split to score.
        photos: Number of photos, including those that `captionflow run` would test on.
        seed: Seed of the choice of photos and of the training.
        changed: Changes to the settings of the preset.
    """
    settings = preset_settings(PRESET, **changed)
    few = choose_few(examples["train"], photos, seed, settings.min_count)
    started = time.process_time()
    matrix = np.zeros((len(few.vocabulary), 0), np.float32)
    training = our_settings(PRESET, seed=seed, **changed)
    network, state = fit_ours(few.train, few.dev, matrix, training)
    seconds = time.process_time() - started
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-") as folder:
        with atomic_directory(Path(folder) / "model") as aside:
            reranker = RerankerData(few.train.features, few.train.references)
            save_model(network, few.vocabulary, reranker, aside)
        bundle = Bundle.load(Path(folder) / "model", decoding_of(settings))
    scores, _ = score_captions(
        search_both(bundle, examples[split].features), examples[split].references
    )
    beam = search_scores(scores, "beam")
    return {
        **{TITLES[name]: value for name, value in beam.items()},
        "CIDEr-D, greedy": search_scores(scores, "greedy")["cider_d"],
        "best epoch": state.best_epoch + 1,
        "processor seconds of training": seconds,
    }


def choose_few(train: Examples, photos: int, seed: int, min_count: int) -> FewPhotos:
    """Draws photos, splits them, and counts the vocabulary of the training photos.

    Args:
        train: The photos to draw from.
        photos: Number of photos, of which 3/4 are trained on and 1/8 are for dev.
        seed: Seed of the draw.
        min_count: Minimum number of occurrences of a word in the vocabulary.
    """
    drawn = sample_photos(train, photos / len(train.image_ids), seed)
    order = np.random.default_rng(seed).permutation(len(drawn.image_ids))
    first, second = len(order) * 3 // 4, len(order) * 7 // 8
    own, dev = (_select(drawn, order[part]) for part in (slice(first), slice(first, second)))
    counts = Counter(word for texts in own.references for text in texts for word in text.split())
    words = [word for word, count in counts.most_common() if count >= min_count]
    vocabulary = Vocabulary((*SPECIAL_TOKENS, *words))
    return FewPhotos(_encoded(own, vocabulary), _encoded(dev, vocabulary), vocabulary)


def _select(examples: Examples, photos: Any) -> Examples:
    return Examples(
        image_ids=[examples.image_ids[photo] for photo in photos],
        features=examples.features[photos],
        tokens=[examples.tokens[photo] for photo in photos],
        references=[examples.references[photo] for photo in photos],
    )


def _encoded(examples: Examples, vocabulary: Vocabulary) -> Examples:
    tokens = [
        tuple(tuple(vocabulary.encode(text)) for text in texts) for texts in examples.references
    ]
    return replace(examples, tokens=tokens)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[400])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument(
        "--set", nargs="+", default=[], type=lambda text: text.split("=", 1),
        help="changes to the preset, such as epochs=20",
    )  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    main()
