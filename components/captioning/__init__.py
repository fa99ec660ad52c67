"""The science: encoder, network, decoding, scores and the bundle that carries them."""
