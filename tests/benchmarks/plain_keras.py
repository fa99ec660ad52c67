"""The first training baseline: the caption network as a user of Keras would write it.

It is the same network as our `par_inject` decoder: an LSTM whose initial state is computed from the
photo, and to whose inputs a projection of the photo is added. Every caption is padded to 20
positions, the loss is masked, and `model.fit` reads a tf.data pipeline; it has no other
optimization.
"""

import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.model.vocabulary import END, PAD, START

POSITIONS = 20
_DROPOUT = 0.5
_WARM_UP_STEPS = 3


def seconds_per_epoch(
    train: Examples,
    matrix: NDArray[np.float32],
    *,
    units: int,
    batch_size: int,
    policy: str = "float32",
    concatenate: bool = False,
) -> float:
    """Returns the duration of one epoch in seconds, excluding some warm-up steps.

    Sets Keras's dtype policy for the whole process.

    Args:
        train: The training examples.
        matrix: float32 [V, E], the initial embeddings.
        units: Units of the LSTM.
        batch_size: Captions per training step.
        policy: Keras's dtype policy, such as `mixed_bfloat16`.
        concatenate: See `build_model`.
    """
    keras.config.set_dtype_policy(policy)
    model = build_model(train.features, matrix, units, concatenate=concatenate)
    model.compile(keras.optimizers.Adam(1e-3), loss=_masked_loss)
    tokens, targets = _padded(train)
    photos = np.repeat(train.features, [len(captions) for captions in train.tokens], axis=0)
    dataset = (
        tf.data.Dataset.from_tensor_slices(((photos, tokens), targets))
        .shuffle(len(tokens))
        # All batches have the same shape: a smaller last one would be compiled while timing.
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    # The dataset is already shuffled.
    model.fit(dataset.take(_WARM_UP_STEPS), shuffle=False, verbose=0)
    started = time.perf_counter()
    model.fit(dataset, shuffle=False, verbose=0)
    seconds = time.perf_counter() - started
    return seconds * len(tokens) / (len(dataset) * batch_size)


def flop_per_word(
    units: int, word_width: int, vocabulary_size: int, *, concatenate: bool = False
) -> int:
    """Returns the number of matrix-product operations per word in training.

    The forward pass takes 2 (4 U (I + U) + U V) operations: an LSTM with U units has four gates
    with I inputs and U recurrent inputs; the output layer has V logits. The backward pass costs
    twice as much, for the gradients of inputs and of weights.

    Args:
        units: U.
        word_width: E. I is E, or E + U if the photo is concatenated.
        vocabulary_size: V.
        concatenate: See `build_model`.
    """
    inputs = word_width + units if concatenate else word_width
    return 3 * 2 * (4 * units * (inputs + units) + units * vocabulary_size)


def build_model(
    features: NDArray[np.float16],
    matrix: NDArray[np.float32],
    units: int,
    *,
    concatenate: bool = False,
) -> keras.Model:
    """Returns a model from features [B, D] and tokens [B, T] to logits [B, T, V].

    Args:
        features: float16 [N, D], of the train split, for standardization.
        matrix: float32 [V, E].
        units: U.
        concatenate: Whether a U-dimensional projection of the photo is concatenated to each word
            embedding; otherwise, as in our network, an E-dimensional one is added.
    """
    photo = layers.Input(features.shape[1:])
    tokens = layers.Input((POSITIONS,), dtype="int32")
    standardize = layers.Normalization()
    standardize.adapt(features.astype(np.float32))
    features_in = layers.Dropout(_DROPOUT)(standardize(photo))
    hidden = layers.Dense(units, activation="tanh")(features_in)
    cell = layers.Dense(units)(features_in)
    embedded = layers.Embedding(*matrix.shape, weights=[matrix])(tokens)
    embedded = layers.Dropout(_DROPOUT)(embedded)
    if concatenate:
        # [B, T, E] and [B, T, U] to [B, T, E + U]
        inputs = layers.Concatenate()([embedded, layers.RepeatVector(POSITIONS)(hidden)])
    else:
        projection = layers.Dense(matrix.shape[1])(features_in)
        inputs = layers.Add()([embedded, layers.RepeatVector(POSITIONS)(projection)])
    outputs = layers.LSTM(units, return_sequences=True)(inputs, initial_state=[hidden, cell])
    # As Keras's guide to mixed precision recommends for the output layer.
    logits = layers.Dense(len(matrix), dtype="float32")(layers.Dropout(_DROPOUT)(outputs))
    return keras.Model([photo, tokens], logits)


def _padded(train: Examples) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Returns padded input tokens, starting with START, and target tokens, each int32 [M, T]."""
    captions = [
        [START, *ids[: POSITIONS - 1], END] for captions in train.tokens for ids in captions
    ]
    sequences = keras.utils.pad_sequences(captions, POSITIONS + 1, padding="post", value=PAD)
    return sequences[:, :-1], sequences[:, 1:]


def _masked_loss(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    losses = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    mask = keras.ops.cast(targets != PAD, losses.dtype)
    return keras.ops.sum(losses * mask) / keras.ops.sum(mask)
