"""The first baseline of training: the caption network as a user of Keras would write it.

The same network as our decoder `guided`: an LSTM that starts from the photo and sees it again with
each word. Every caption is padded to 20 places, the loss has a mask, `model.fit` goes over tf.data;
nothing else is done for speed.
"""

import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.model.vocabulary import END, PAD, START

PLACES = 20
_DROPOUT = 0.5
_WARM_UP_STEPS = 3


def seconds_an_epoch(
    train: Examples,
    matrix: NDArray[np.float32],
    *,
    units: int,
    batch_size: int,
    concatenate: bool = False,
) -> float:
    """Returns the seconds of one pass over all captions, after some steps that do not count.

    Args:
        train: The captions and their photos' features.
        matrix: float32 [V, E], the embeddings to begin with.
        units: Width of the LSTM.
        batch_size: Captions a step.
        concatenate: See `build_model`.
    """
    model = build_model(train.features, matrix, units, concatenate=concatenate)
    model.compile(keras.optimizers.Adam(1e-3), loss=_masked_loss)
    words, targets = _padded(train)
    photos = np.repeat(train.features, [len(captions) for captions in train.tokens], axis=0)
    dataset = (
        tf.data.Dataset.from_tensor_slices(((photos, words), targets))
        .shuffle(len(words))
        # One shape for all batches: a smaller last one would be compiled within the measured time.
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    # The data set shuffles, so Keras must not.
    model.fit(dataset.take(_WARM_UP_STEPS), shuffle=False, verbose=0)
    started = time.perf_counter()
    model.fit(dataset, shuffle=False, verbose=0)
    seconds = time.perf_counter() - started
    return seconds * len(words) / (len(dataset) * batch_size)


def flop_a_word(
    units: int, word_width: int, vocabulary_size: int, *, concatenate: bool = False
) -> int:
    """Returns the operations of matrix products that a word costs in training.

    Forward 2 (4 U (I + U) + U V): an LSTM of U units has four gates, fed by the word with the
    photo (I numbers) and by its own last output (U); then come the scores of V words. Backward
    costs twice that, for the gradients of inputs and of weights.

    Args:
        units: U.
        word_width: E. I is E, or E + U where the photo stands beside the word.
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
    """Returns a model from features [B, D] and words [B, T] to logits [B, T, V].

    Args:
        features: float16 [N, D], of the train split, for their mean and spread.
        matrix: float32 [V, E].
        units: U.
        concatenate: Whether the photo stands beside each word, as the LSTM's U numbers, or, as in
            our network, is added to it, as E numbers.
    """
    photo = layers.Input(features.shape[1:])
    words = layers.Input((PLACES,), dtype="int32")
    standardize = layers.Normalization()
    standardize.adapt(features.astype(np.float32))
    seen = layers.Dropout(_DROPOUT)(standardize(photo))
    hidden = layers.Dense(units, activation="tanh")(seen)
    cell = layers.Dense(units)(seen)
    embedded = layers.Embedding(*matrix.shape, weights=[matrix])(words)
    embedded = layers.Dropout(_DROPOUT)(embedded)
    if concatenate:
        # [B, T, E] and [B, T, U] to [B, T, E + U]
        inputs = layers.Concatenate()([embedded, layers.RepeatVector(PLACES)(hidden)])
    else:
        guide = layers.Dense(matrix.shape[1])(seen)
        inputs = layers.Add()([embedded, layers.RepeatVector(PLACES)(guide)])
    outputs = layers.LSTM(units, return_sequences=True)(inputs, initial_state=[hidden, cell])
    logits = layers.Dense(len(matrix))(layers.Dropout(_DROPOUT)(outputs))
    return keras.Model([photo, words], logits)


def _padded(train: Examples) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Returns each caption from START on, and the words that come next, each int32 [M, T]."""
    captions = [[START, *ids[: PLACES - 1], END] for captions in train.tokens for ids in captions]
    marked = keras.utils.pad_sequences(captions, PLACES + 1, padding="post", value=PAD)
    return marked[:, :-1], marked[:, 1:]


def _masked_loss(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    losses = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    real = keras.ops.cast(targets != PAD, losses.dtype)
    return keras.ops.sum(losses * real) / keras.ops.sum(real)
