import numpy as np

from components.captioning.model.decoder import Decoder, ModelConfig, mask_padding
from components.captioning.model.vocabulary import PAD, START


def test_decoder_guided_sees_the_photo_at_every_word() -> None:
    config = ModelConfig(7, 5, 3, 4, 0.0, train_embeddings=True, decoder="par_inject")
    decoder = Decoder(config, np.random.SeedSequence(1), "decoder")
    photos = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    words = np.array([[START], [START]])
    decoder(photos, words)
    state = decoder.start(photos)
    # Two photos' rows that differ in nothing but what guides them.
    same = [np.repeat(np.asarray(part)[:1], 2, axis=0) for part in state[:2]]
    scores, _ = decoder.step(words[:, 0], (*same, state[2]))
    assert np.abs(scores[0] - scores[1]).max() > 1e-4


def test_spoken_picks_the_places_that_hold_words() -> None:
    words = np.array([[START, 4, PAD], [START, PAD, PAD]])
    values = np.arange(12).reshape(2, 3, 2)
    assert np.asarray(mask_padding(values, words)).tolist() == [[0, 1], [2, 3], [6, 7]]
    assert np.asarray(mask_padding(words, words)).tolist() == [START, 4, START]
