import numpy as np

from components.captioning.model.decoder import Decoder, ModelConfig, mask_padding
from components.captioning.model.vocabulary import PAD, START


def test_par_inject_decoder_depends_on_the_image_projection_at_every_step() -> None:
    config = ModelConfig(7, 5, 3, 4, 0.0, train_embeddings=True, decoder="par_inject")
    decoder = Decoder(config, np.random.SeedSequence(1), "decoder")
    photos = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    tokens = np.array([[START], [START]])
    decoder(photos, tokens)
    state = decoder.start(photos)
    # Two rows that differ in nothing but the image projection.
    same = [np.repeat(np.asarray(part)[:1], 2, axis=0) for part in state[:2]]
    logits, _ = decoder.step(tokens[:, 0], (*same, state[2]))
    assert np.abs(logits[0] - logits[1]).max() > 1e-4


def test_mask_padding_selects_unpadded_positions() -> None:
    tokens = np.array([[START, 4, PAD], [START, PAD, PAD]])
    values = np.arange(12).reshape(2, 3, 2)
    assert np.asarray(mask_padding(values, tokens)).tolist() == [[0, 1], [2, 3], [6, 7]]
    assert np.asarray(mask_padding(tokens, tokens)).tolist() == [START, 4, START]
