"""Benchmark of beam search: ours and two unoptimized searches, in the same process.

One baseline decodes every caption again from its first word at each step. The other carries the
state, but computes all hypotheses of a photo until the whole batch has finished. Both are compiled,
use the same batch size and select from all K * V continuations. The benchmark checks that all three
find the same captions.

By default the network has random weights that give realistic perplexity and caption lengths
(`paced_network.py`), and the features are random.

    .venv/bin/python tests/benchmarks/search.py
    .venv/bin/python tests/benchmarks/search.py --model SCORED_MODEL --features FEATURES.npz
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import tensorflow as tf
from machine import describe_machine, matmul_gflops
from numpy.typing import NDArray
from our_trainer import flop_per_word
from paced_network import PacedNetwork
from plain_search import PlainSearch
from processes import as_step
from rich.console import Console
from rich.table import Table

from components.captioning.decoding.beam_search import beam_search
from components.captioning.decoding.search import DecodingConfig, search_alternatives
from components.captioning.inference.bundle import Bundle
from components.captioning.model.vocabulary import PAD

AGAIN, CARRIED, OURS = "recomputing every word", "state carried, all hypotheses", "captionflow"
FIRST, GREEDY = f"{OURS}, first call (compiles)", f"{OURS}, greedy"
_GOAL = 10.0
_FEATURE_WIDTH = 1280
_PENALTIES = np.linspace(0.0, 2.0, 21).tolist()
TUNING = f"{OURS}, {len(_PENALTIES)} length penalties"


class CountingNetwork:
    """A network that counts the hypotheses it computes."""

    def __init__(self, network: Any) -> None:
        self.config, self.start, self._step = network.config, network.start, network.step
        self.rows = 0

    def step(self, tokens: Any, state: Any) -> Any:
        """Counts the rows of a decode step, and computes it."""
        tf.py_function(self._count, [tokens], [])
        return self._step(tokens, state)

    def _count(self, tokens: Any) -> None:
        self.rows += len(tokens)


def main() -> None:
    """Runs the measurements, and prints the table."""
    args = _arguments()
    console = Console(width=110)
    network, features = _network_and_features(args)
    width, longest, penalty = args.beam, args.max_words, args.penalty
    beam, greedy = (DecodingConfig(k, penalty, longest) for k in (width, 1))
    sample = features[: args.naive_photos]
    again, carried = (PlainSearch(network, width, longest, carry=carry) for carry in (False, True))
    peak = matmul_gflops()
    timings: dict[str, list[float]] = {}

    def timed(name: str, search: Callable[[], Any], share: float = 1.0) -> Any:
        started = time.perf_counter()
        result = search()
        timings.setdefault(name, []).append((time.perf_counter() - started) / share)
        return result

    cold = timed(FIRST, lambda: _best(network, features, beam))
    for search in (again, carried):
        search(features[:2], penalty)  # compiles
        search(features[:300], penalty)  # compiles for any batch size
    for _ in range(args.rounds):
        naive = timed(AGAIN, lambda: again(sample, penalty), len(sample) / len(features))
        unoptimized = timed(CARRIED, lambda: carried(features, penalty))
        ours = timed(OURS, lambda: _best(network, features, beam))
        timed(GREEDY, lambda: _best(network, features, greedy))
        tuned = timed(TUNING, lambda: _with_all_penalties(network, features, beam))
    peak = max(peak, matmul_gflops())
    console.print(describe_machine())
    console.print(_table(timings, len(features), width))
    counting: Any = CountingNetwork(network)
    _best(counting, features, beam)
    flop = flop_per_word(network, features[:1]) / 3  # forward pass only
    reached = flop * counting.rows / median(timings[OURS]) / 1e9
    lengths = (ours != PAD).sum(axis=1) - 1
    console.print(
        f"{lengths.mean():.1f} words per caption, {lengths.min()} to {lengths.max()}. Decode steps "
        f"per photo: {counting.rows / len(features):.0f} of at most {width * (longest + 1)}; "
        f"{flop / 1e6:.1f} MFLOP each, {reached:.0f} GFLOP/s in total, {reached / peak:.0%} of the "
        f"matrix-product peak of {peak:.0f}."
    )
    same = {
        CARRIED: _same(ours, unoptimized),
        AGAIN: _same(ours[: len(sample)], naive),
        FIRST: _same(ours, cold),
        TUNING: _same(ours, tuned),
    }
    shares = "; ".join(f"{name} {share:.1%}" for name, share in same.items())
    console.print(f"Identical captions: {shares}.")


def _table(timings: dict[str, list[float]], photos: int, width: int) -> Table:
    table = Table(title=f"Beam search over {photos} photos, beam width {width}, medians")
    for column in ("", "s", "captions/s", "speed-up over", "speed-up over", "goal, s"):
        table.add_column(column, justify="right" if column else "left")
    table.columns[3].header += f" {AGAIN}"
    table.columns[4].header += f" {CARRIED}"
    for name in (AGAIN, CARRIED, FIRST, OURS, TUNING, GREEDY):
        seconds = median(timings[name])
        goal = f"{_GOAL:.0f}" if name in (FIRST, OURS) else ""
        row = [f"{seconds:.2f}", f"{photos / seconds:.0f}"]
        if name == GREEDY:  # a different search: no ratio
            row += ["", ""]
        else:
            row += [f"{_ratio(timings, base, name):.1f}" for base in (AGAIN, CARRIED)]
        table.add_row(name, *row, goal)
    return table


def _ratio(timings: dict[str, list[float]], base: str, name: str) -> float:
    """Returns the median of the ratios in each round."""
    ours = timings[name] * (len(timings[base]) if name == FIRST else 1)
    return median(baseline / seconds for baseline, seconds in zip(timings[base], ours, strict=True))


def _with_all_penalties(
    network: Any, features: NDArray[np.float32], config: DecodingConfig
) -> NDArray[np.int32]:
    """Searches once, ranks by each length penalty, and returns the captions for `config`'s."""
    beams = beam_search(network, features, beam_width=config.beam_width, max_words=config.max_words)
    for penalty in _PENALTIES:
        beams.ranked(penalty)
    return beams.ranked(config.length_penalty)[0][:, 0]


def _best(network: Any, features: NDArray[np.float32], config: DecodingConfig) -> NDArray[np.int32]:
    """Returns each photo's best caption."""
    return search_alternatives(network, features, config)[0][:, 0]


def _same(first: NDArray[np.int32], second: NDArray[np.int32]) -> float:
    return float((first == second).all(axis=1).mean())


def _network_and_features(args: argparse.Namespace) -> tuple[Any, NDArray[np.float32]]:
    if args.features is None:
        features = np.random.default_rng(0).normal(size=(args.photos, _FEATURE_WIDTH))
    else:
        with np.load(args.features) as stored:
            features = stored["x"][: args.photos]
    features = features.astype(np.float32)
    network = PacedNetwork(features) if args.model is None else Bundle.load(args.model).network
    return network, features


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a scored model, instead of random weights")
    parser.add_argument(
        "--features", type=Path, help=".npz file with x, instead of random features"
    )
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument(
        "--naive-photos", type=int, default=128, help="photos for the slowest baseline"
    )
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--penalty", type=float, default=1.0)
    parser.add_argument("--max-words", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    as_step(main)
