"""Search: ours against beam searches that do more than they must, in the same process and run.

One baseline goes through every caption from its first word for each new word. The other carries
the state, but computes every partial caption of a photo until the last caption of the batch has
ended: the search as it was before. Both are compiled, work in batches of the same size and choose
among all K * V continuations; all three find the same captions, which is checked.

Without a trained network the weights are random, sharpened and made to end captions as a trained
one does (`paced_network.py`), and the photos' features are random numbers.

    .venv/bin/python tests/benchmarks/search.py
    .venv/bin/python tests/benchmarks/search.py --model RUN/train/model --features FEATURES.npz
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
from our_trainer import flop_a_word
from paced_network import PacedNetwork
from plain_search import PlainSearch
from processes import as_step
from rich.console import Console
from rich.table import Table

from components.captioning.decoding.beam_search import beam_search
from components.captioning.decoding.search import DecodingConfig, search_captions
from components.captioning.inference.bundle import Bundle
from components.captioning.model.vocabulary import PAD

AGAIN, CARRIED, OURS = "every word again", "state carried, every beam to the end", "captionflow"
FIRST, GREEDY = f"{OURS}, first time (compiles)", f"{OURS}, greedy"
_GOAL = 10.0
_FEATURE_WIDTH = 1280
_PENALTIES = np.linspace(0.0, 2.0, 21).tolist()
TUNING = f"{OURS}, {len(_PENALTIES)} penalties"


class Counted:
    """A network that counts the partial captions which it takes further."""

    def __init__(self, network: Any) -> None:
        self.config, self.start, self._step = network.config, network.start, network.step
        self.rows = 0

    def step(self, words: Any, state: Any) -> Any:
        """Goes one word further."""
        tf.py_function(self._count, [words], [])
        return self._step(words, state)

    def _count(self, words: Any) -> None:
        self.rows += len(words)


def main() -> None:
    """Measures, and shows the table."""
    given = _arguments()
    console = Console(width=110)
    network, features = _network_and_features(given)
    width, longest, penalty = given.beam, given.max_words, given.penalty
    beam, greedy = (DecodingConfig(k, penalty, longest) for k in (width, 1))
    few = features[: given.naive_photos]
    again, carried = (PlainSearch(network, width, longest, carry=carry) for carry in (False, True))
    peak = matmul_gflops()
    timings: dict[str, list[float]] = {}

    def timed(name: str, search: Callable[[], Any], share: float = 1.0) -> Any:
        started = time.perf_counter()
        found = search()
        timings.setdefault(name, []).append((time.perf_counter() - started) / share)
        return found

    cold = timed(FIRST, lambda: search_captions(network, features, beam))
    for search in (again, carried):
        search(features[:2], penalty)  # compiles
        search(features[:300], penalty)  # and for any number
    for _ in range(given.rounds):
        naive = timed(AGAIN, lambda: again(few, penalty), len(few) / len(features))
        before = timed(CARRIED, lambda: carried(features, penalty))
        ours = timed(OURS, lambda: search_captions(network, features, beam))
        timed(GREEDY, lambda: search_captions(network, features, greedy))
        tuned = timed(TUNING, lambda: _with_all_penalties(network, features, beam))
    peak = max(peak, matmul_gflops())
    console.print(describe_machine())
    console.print(_table(timings, len(features), width))
    counted: Any = Counted(network)
    search_captions(counted, features, beam)
    flop = flop_a_word(network, features[:1]) / 3  # forward only
    reached = flop * counted.rows / median(timings[OURS]) / 1e9
    lengths = (ours != PAD).sum(axis=1) - 1
    console.print(
        f"{lengths.mean():.1f} words a caption, {lengths.min()} to {lengths.max()}. Steps a photo: "
        f"{counted.rows / len(features):.0f}, of {width * (longest + 1)} if every beam went to the "
        f"end; {flop / 1e6:.1f} MFLOP each, that is {reached:.0f} GFLOP/s, {reached / peak:.0%} of "
        f"the matrix product's {peak:.0f}."
    )
    same = {
        CARRIED: _same(ours, before),
        AGAIN: _same(ours[: len(few)], naive),
        FIRST: _same(ours, cold),
        TUNING: _same(ours, tuned),
    }
    shares = "; ".join(f"{share:.1%} as {name}" for name, share in same.items())
    console.print(f"The same captions: {shares}.")


def _table(timings: dict[str, list[float]], photos: int, width: int) -> Table:
    table = Table(title=f"Search over {photos} photos' features, beam {width}, medians")
    for column in ("", "s", "captions/s", "times faster than", "times faster than", "goal, s"):
        table.add_column(column, justify="right" if column else "left")
    table.columns[3].header += f" {AGAIN}"
    table.columns[4].header += f" {CARRIED}"
    for name in (AGAIN, CARRIED, FIRST, OURS, TUNING, GREEDY):
        took = median(timings[name])
        goal = f"{_GOAL:.0f}" if name in (FIRST, OURS) else ""
        row = [f"{took:.2f}", f"{photos / took:.0f}"]
        if name == GREEDY:  # another search: no ratio
            row += ["", ""]
        else:
            row += [f"{_ratio(timings, base, name):.1f}" for base in (AGAIN, CARRIED)]
        table.add_row(name, *row, goal)
    return table


def _ratio(timings: dict[str, list[float]], base: str, name: str) -> float:
    """Returns the median of the ratios within the rounds."""
    ours = timings[name] * (len(timings[base]) if name == FIRST else 1)
    return median(theirs / mine for theirs, mine in zip(timings[base], ours, strict=True))


def _with_all_penalties(
    network: Any, features: NDArray[np.float32], config: DecodingConfig
) -> NDArray[np.int32]:
    """Searches once, chooses by each penalty, and returns the captions by the config's own."""
    beams = beam_search(network, features, beam_width=config.beam_width, max_words=config.max_words)
    for penalty in _PENALTIES:
        beams.best(penalty)
    return beams.best(config.length_penalty)


def _same(some: NDArray[np.int32], others: NDArray[np.int32]) -> float:
    return float((some == others).all(axis=1).mean())


def _network_and_features(given: argparse.Namespace) -> tuple[Any, NDArray[np.float32]]:
    if given.features is None:
        features = np.random.default_rng(0).normal(size=(given.photos, _FEATURE_WIDTH))
    else:
        with np.load(given.features) as stored:
            features = stored["x"][: given.photos]
    features = features.astype(np.float32)
    network = PacedNetwork(features) if given.model is None else Bundle.load(given.model).network
    return network, features


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a model artifact, instead of random weights")
    parser.add_argument("--features", type=Path, help=".npz of x, instead of random numbers")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--naive-photos", type=int, default=128, help="for the slowest baseline")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--penalty", type=float, default=1.0)
    parser.add_argument("--max-words", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    as_step(main)
