"""The second training baseline: the recipe of popular image captioning tutorials.

A caption of n words is turned into n + 1 samples: the photo and the words so far, padded at the
front to the length of the longest caption, with the next word as a one-hot vector. A generator
feeds them to a merge model with 256 units (as in "How to Develop a Deep Learning Photo Caption
Generator from Scratch", Machine Learning Mastery, and its many successors).
"""

import time
from collections.abc import Iterator
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.model.vocabulary import END, PAD, START

_UNITS = 256
_DROPOUT = 0.5
# The tutorials use one photo's samples per batch: its five captions have about this many words.
BATCH_SIZE = 64
_WARM_UP_STEPS = 3

_Sample = tuple[NDArray[np.float16], list[int], int]


def seconds_per_epoch(train: Examples, vocabulary_size: int, *, longest: int) -> float:
    """Returns the duration of one epoch in seconds, excluding some warm-up steps.

    Args:
        train: The training examples.
        vocabulary_size: V.
        longest: Length of the longest caption of the dataset, including START.
    """
    model = build_model(train.features.shape[1], vocabulary_size, longest)
    model.compile(keras.optimizers.Adam(), loss="categorical_crossentropy")
    samples = sum(len(ids) + 1 for captions in train.tokens for ids in captions)
    width = train.features.shape[1]
    dataset = tf.data.Dataset.from_generator(
        lambda: _batches(train, vocabulary_size, longest),
        output_signature=(
            (
                tf.TensorSpec((BATCH_SIZE, width), tf.float32),
                tf.TensorSpec((BATCH_SIZE, longest), tf.int32),
            ),
            tf.TensorSpec((BATCH_SIZE, vocabulary_size), tf.float32),
        ),
    ).apply(tf.data.experimental.assert_cardinality(samples // BATCH_SIZE))
    # In the order of the photos, as in the tutorials.
    model.fit(dataset.take(_WARM_UP_STEPS), shuffle=False, verbose=0)
    started = time.perf_counter()
    model.fit(dataset, shuffle=False, verbose=0)
    seconds = time.perf_counter() - started
    return seconds * samples / (samples // BATCH_SIZE * BATCH_SIZE)


def build_model(width: int, vocabulary_size: int, longest: int) -> keras.Model:
    """Returns a model from features [B, D] and prefixes [B, T] to probabilities [B, V].

    Args:
        width: D.
        vocabulary_size: V.
        longest: T.
    """
    photo = layers.Input((width,))
    projected = layers.Dense(_UNITS, activation="relu")(layers.Dropout(_DROPOUT)(photo))
    prefix = layers.Input((longest,), dtype="int32")
    embedded = layers.Embedding(vocabulary_size, _UNITS, mask_zero=True)(prefix)
    encoded = layers.LSTM(_UNITS)(layers.Dropout(_DROPOUT)(embedded))
    merged = layers.Dense(_UNITS, activation="relu")(layers.add([projected, encoded]))
    probabilities = layers.Dense(vocabulary_size, activation="softmax")(merged)
    return keras.Model([photo, prefix], probabilities)


def _batches(
    train: Examples, vocabulary_size: int, longest: int
) -> Iterator[tuple[tuple[NDArray[np.float32], NDArray[np.int32]], NDArray[np.float32]]]:
    samples = _samples(train)
    # An incomplete last batch is dropped, so that only one shape is compiled.
    while len(batch := list(islice(samples, BATCH_SIZE))) == BATCH_SIZE:
        features, prefixes, targets = zip(*batch, strict=True)
        padded = keras.utils.pad_sequences(prefixes, longest, padding="pre", value=PAD)
        one_hot = keras.utils.to_categorical(targets, vocabulary_size)
        yield (np.stack(features).astype(np.float32), padded), one_hot


def _samples(train: Examples) -> Iterator[_Sample]:
    for feature, captions in zip(train.features, train.tokens, strict=True):
        for ids in captions:
            sequence = [START, *ids, END]
            for position in range(1, len(sequence)):
                yield feature, sequence[:position], sequence[position]
