import numpy as np
import tensorflow as tf

from components.captioning.model.normalizer import NORMALIZER
from components.embeddings.glove import glove_vectors
from components.embeddings.source import open_glove
from components.ingest.sample.grammar import describe_scene
from components.ingest.sample.scenes import make_scene
from components.settings.data import SAMPLE


def _sample_words(scenes: int) -> set[str]:
    captions = []
    for index in range(scenes):
        random = np.random.default_rng([7, index])
        captions += describe_scene(make_scene(random), random)
    return set(b" ".join(NORMALIZER(tf.constant(captions)).numpy()).decode().split(" "))


def test_sample_extract_covers_the_words_of_sample() -> None:
    words = _sample_words(300)
    assert len(words) > 20
    with open_glove(SAMPLE) as text:
        found = dict(glove_vectors(text, words))
    assert len(found) >= 0.95 * len(words), sorted(words - found.keys())
    assert {vector.shape for vector in found.values()} == {(50,)}


def test_sample_extract_is_small_and_sorted() -> None:
    with open_glove(SAMPLE) as text:
        words = [line.split(b" ")[0] for line in text.file]
    assert words == sorted(set(words))
    assert len(words) < 500
