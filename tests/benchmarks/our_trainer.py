"""Our side of the training benchmark: the trainer of `components/train` as the pipeline runs it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.model.ensemble import CaptionNetwork
from components.registry.client import local_tracking_uri
from components.registry.runs import start_run
from components.settings.train import TrainSettings
from components.train.checkpoint import TrainingState
from components.train.trainer import fit_network
from pipeline.config import Settings, make_settings

_PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2")
# What TensorFlow's profiler can't look into.
_UNCOUNTED = {"Einsum", "PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile"}


@dataclass(frozen=True, slots=True)
class Ours:
    """What our trainer did.

    Attributes:
        seconds: Of one epoch, see `train_ours`.
        weights: Numbers in the network.
        flop_a_word: Operations of matrix products that a word costs in training, see
            `flop_a_word`.
    """

    seconds: float
    weights: int
    flop_a_word: float


def preset_settings(**changed: Any) -> Settings:
    """Returns the settings of the preset `flickr8k`, but for what is changed."""
    return make_settings("flickr8k", {"dataset": "unused", "glove": "unused", **changed})


def our_settings(**changed: Any) -> TrainSettings:
    """Returns what the preset `flickr8k` trains with, but for what is changed."""
    preset = preset_settings(**changed).model_dump()
    return TrainSettings.check({name: preset[name] for name in TrainSettings.model_fields})


def train_ours(
    train: Examples,
    dev: Examples,
    matrix: NDArray[np.float32],
    settings: TrainSettings,
) -> Ours:
    """Trains, and returns the mean seconds of all epochs but the first, which compiles.

    An epoch's seconds are those of the trainer's own history: they hold its pass over dev too.

    Args:
        train: The captions and their photos' features.
        dev: A few photos are enough.
        matrix: float32 [V, G], GloVe's vectors of the vocabulary.
        settings: At least 2 epochs.
    """
    network, state = fit_ours(train, dev, matrix, settings)
    seconds = mean(epoch["seconds"] for epoch in state.history[1:])
    return Ours(seconds, network.count_params(), flop_a_word(network, train.features[:1]))


def fit_ours(
    train: Examples, dev: Examples, matrix: NDArray[np.float32], settings: TrainSettings
) -> tuple[CaptionNetwork, TrainingState]:
    """Trains as the step does, in this process and with a tracking store of its own."""
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-") as temporary:
        os.environ["MLFLOW_TRACKING_URI"] = local_tracking_uri(Path(temporary))
        return fit_network(
            train,
            dev,
            matrix,
            settings,
            checkpoint=Path(temporary) / "checkpoint.npz",
            start_run=lambda: start_run("benchmark", "training", {}),
        )


def flop_a_word(network: Any, features: NDArray[np.float16]) -> float:
    """Returns the operations of matrix products that a word costs in training.

    Counted in TensorFlow's graph of `network.step`, three times: forward once, backward twice, for
    the gradients of inputs and of weights. For an LSTM of U units fed by words of E numbers, and
    scores of V words, that is 6 (4 U (E + U) + U V).
    What is done once a caption (`network.start`) is left out.

    Args:
        network: Any decoder with `start` and `step`.
        features: Of one photo, float16 [1, ...].

    Raises:
        ValueError: If the graph does products in a way that can't be counted.
    """
    state = network.start(features)
    specification = tf.nest.map_structure(tf.TensorSpec.from_tensor, state)
    step = tf.function(lambda words, state: network.step(words, state)[0])
    graph = step.get_concrete_function(tf.TensorSpec((1,), tf.int32), specification).graph
    if uncounted := _UNCOUNTED & {operation.type for operation in graph.get_operations()}:
        raise ValueError(f"network.step must do its products plainly. Received: {uncounted}")
    # It tells that parts of itself are deprecated.
    tf.get_logger().setLevel("ERROR")
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_accounted_types(_PRODUCTS)
    profile = tf.compat.v1.profiler.profile(graph, options=options.with_empty_output().build())
    return 3.0 * profile.total_float_ops
