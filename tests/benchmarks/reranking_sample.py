"""Measures what reranking with a sample of the train photos costs (setting `reranking_photos`).

The dev split is decoded once; then its beams are reranked with samples of several sizes.

    .venv/bin/python tests/benchmarks/reranking_sample.py MODEL

MODEL is a model kept by `quality.py --models`.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from data import load_examples
from our_trainer import decoding_of, preset_settings
from rich.console import Console
from rich.table import Table

from components.artifacts.examples import Examples
from components.captioning.inference.bundle import Bundle, Caption
from components.captioning.metrics.bleu import corpus_bleu
from components.captioning.metrics.coco import coco_scores
from components.train.sample import sample_photos

_SHARES = (1.0, 0.5, 0.25, 0.1, 0.05)


def main() -> None:
    """Runs the measurement, and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, help="folder of a model")
    parser.add_argument("--beam", type=int, default=50, help="beam width")
    parser.add_argument("--samples", type=int, default=5, help="samples of each size")
    args = parser.parse_args()
    examples, _ = load_examples()
    train, dev = examples["train"], examples["dev"]
    decoding = decoding_of(preset_settings(), beam_width=args.beam)
    reranked = Bundle.load(args.model, decoding)
    # Guidance, if the preset uses it, comes from all train photos: only the reranking is sampled.
    bundle = replace(reranked, decoding=replace(decoding, reranking_weight=0.0))
    beams = bundle.alternatives(dev.features)
    table = Table("train photos", "BLEU-4", "CIDEr-D", title=f"dev, {dev.photos} photos")
    for share in _SHARES:
        photos = round(share * train.photos)
        seeds = range(args.samples if share < 1 else 1)
        scores = [_score(reranked, beams, train, dev, photos, seed) for seed in seeds]
        table.add_row(str(photos), *(_summary(column) for column in zip(*scores, strict=True)))
    without = [beam[0].text for beam in beams]
    table.add_row("no reranking", *(f"{score:.2f}" for score in _scores(without, dev)))
    Console(width=110).print(table)


def _score(
    bundle: Bundle,
    beams: list[list[Caption]],
    train: Examples,
    dev: Examples,
    photos: int,
    seed: int,
) -> tuple[float, float]:
    sampled = replace(bundle, reranker_data=sample_photos([train], photos, seed))
    captions = [beam[0].text for beam in sampled.rerank(dev.features, beams)]
    return _scores(captions, dev)


def _scores(captions: list[str], dev: Examples) -> tuple[float, float]:
    bleu: dict[str, Any] = corpus_bleu(captions, dev.references).scores
    return bleu["bleu4"], coco_scores(captions, dev.references).scores["cider_d"]


def _summary(scores: tuple[float, ...]) -> str:
    spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
    return f"{mean(scores):.2f}{spread}"


if __name__ == "__main__":
    main()
