"""Our trainer, as the pipeline runs it, for the benchmarks."""

import os
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.decoding.search import DecodingConfig
from components.captioning.model.ensemble import CaptionNetwork
from components.registry.client import local_tracking_uri
from components.registry.runs import start_run
from components.settings.train import TrainSettings
from components.train.checkpoint import TrainingState
from components.train.data import Split
from components.train.trainer import fit_network
from pipeline.config import Settings, make_settings

_PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2")
# Operations that TensorFlow's profiler does not count.
_UNCOUNTED = {"Einsum", "PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile"}


@dataclass(frozen=True, slots=True)
class Ours:
    """The result of a training run.

    Attributes:
        seconds: Duration of an epoch, see `train_ours`.
        weights: Number of weights of the network.
        flop_per_word: Matrix-product operations per word in training, see the function
            `flop_per_word`.
    """

    seconds: float
    weights: int
    flop_per_word: float


def preset_settings(preset: str = "flickr8k", **changed: Any) -> Settings:
    """Returns the settings of a preset with some changes."""
    required = {"dataset": "unused", "glove": "unused", "model_name": "unused"}
    return make_settings(preset, {**required, **changed})


def our_settings(preset: str = "flickr8k", **changed: Any) -> TrainSettings:
    """Returns the training settings of a preset with some changes."""
    values = preset_settings(preset, **changed).model_dump()
    return TrainSettings.check({name: values[name] for name in TrainSettings.model_fields})


def decoding_of(settings: Settings, **changed: Any) -> DecodingConfig:
    """Returns the decoding settings of a preset, guidance included, with some changes."""
    values = {field.name: getattr(settings, field.name) for field in fields(DecodingConfig)}
    return DecodingConfig(**{**values, **changed})


def train_ours(
    train: Examples,
    dev: Examples,
    matrix: NDArray[np.float32],
    settings: TrainSettings,
) -> Ours:
    """Trains a network, and returns the mean duration of all epochs but the first, which compiles.

    Durations are those of the training history, which include the evaluation on dev.

    Args:
        train: The training examples.
        dev: The dev examples; a few photos are enough.
        matrix: float32 [V, G], the GloVe vectors of the vocabulary.
        settings: At least 2 epochs.
    """
    network, state = fit_ours(train, dev, matrix, settings)
    seconds = mean(epoch["seconds"] for epoch in state.history[1:])
    return Ours(seconds, network.count_params(), flop_per_word(network, train.features[:1]))


def fit_ours(
    train: Split, dev: Split, matrix: NDArray[np.float32], settings: TrainSettings
) -> tuple[CaptionNetwork, TrainingState]:
    """Trains like the step, in this process and with a temporary MLflow store."""
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


def flop_per_word(network: Any, features: NDArray[np.float16]) -> float:
    """Returns the number of matrix-product operations per word in training.

    The operations in the TensorFlow graph of `network.step` are counted three times: once for the
    forward pass, twice for the backward pass (gradients of inputs and of weights). For an LSTM with
    U units, E-dimensional embeddings and V words, that is 6 (4 U (E + U) + U V). Operations that
    are performed once per caption (`network.start`) are not counted.

    Args:
        network: Any decoder with `start` and `step`.
        features: Features of one photo, float16 [1, ...].

    Raises:
        ValueError: If the graph contains operations that can't be counted.
    """
    state = network.start(features)
    specification = tf.nest.map_structure(tf.TensorSpec.from_tensor, state)
    step = tf.function(lambda tokens, state: network.step(tokens, state)[0])
    graph = step.get_concrete_function(tf.TensorSpec((1,), tf.int32), specification).graph
    if uncounted := _UNCOUNTED & {operation.type for operation in graph.get_operations()}:
        raise ValueError(
            f"network.step must not use operations that can't be counted. Received: {uncounted}"
        )
    # The profiler warns that parts of it are deprecated.
    tf.get_logger().setLevel("ERROR")
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_accounted_types(_PRODUCTS)
    profile = tf.compat.v1.profiler.profile(graph, options=options.with_empty_output().build())
    return 3.0 * profile.total_float_ops
