"""Initialization of an ensemble: embeddings from GloVe, and the gain of the image projection.

A `par_inject` decoder adds the image projection to each word embedding. If the projection dominates
at initialization (high gain), captions become short and generic and score higher BLEU; if the
embeddings dominate (low gain), the decoder learns faster and its captions are more specific.
Decoders initialized differently make different errors, so an ensemble of both kinds outperforms
one of either kind (tests/benchmarks/README.md).
"""

import numpy as np

from components.captioning.model.ensemble import CaptionNetwork

#: Standard deviation of projected embeddings, for decoders with high and with low gain. GloVe's own
#: vectors have 0.7; projected to 256 dimensions, 0.3.
EMBEDDING_INIT_STD, _LOW_GAIN_EMBEDDING_INIT_STD = 0.1, 0.3
# Every third decoder has a low image-projection gain: its projections have a variance of 0.04
# instead of about 3. Two decoders with high gain and one with low gain scored best on the dev split
# of Flickr8k.
_LOW_GAIN_EVERY = 3
_LOW_IMAGE_PROJECTION_GAIN = 0.115


def initialize_ensemble(network: CaptionNetwork, matrix: np.ndarray, seed: int) -> None:
    """Initializes each decoder's embeddings and image-projection gain before training.

    Args:
        network: As built.
        matrix: float32 [V, G], the GloVe vectors of the vocabulary. If G is 0, the embeddings are
            drawn from a normal distribution.
        seed: Seed of the random projections; each decoder has its own.
    """
    for index, decoder in enumerate(network.decoders):
        low_gain = index % _LOW_GAIN_EVERY == _LOW_GAIN_EVERY - 1
        std = _LOW_GAIN_EMBEDDING_INIT_STD if low_gain else EMBEDDING_INIT_STD
        width = network.config.embedding_width
        if matrix.shape[1]:
            embeddings = random_projection(matrix, width, seed + index, std)
        else:
            generator = np.random.default_rng(seed + index)
            embeddings = generator.normal(0, std, (len(matrix), width)).astype(np.float32)
        decoder.embedding.embeddings.assign(embeddings)
        # An `init_inject` decoder has no image projection.
        if low_gain and decoder.image_projection is not None:
            for layer in (decoder.image_projection, decoder.start_hidden, decoder.start_cell):
                layer.kernel.assign(layer.kernel * _LOW_IMAGE_PROJECTION_GAIN)


def random_projection(matrix: np.ndarray, width: int, seed: int, std: float) -> np.ndarray:
    """Projects embeddings to another width at random, and rescales them.

    A random projection approximately preserves angles (Johnson and Lindenstrauss, 1984).

    Args:
        matrix: float32 [V, G], such as GloVe vectors.
        width: E, the embedding width wanted; if it is G, the matrix is returned unchanged.
        seed: Seed of the projection.
        std: Standard deviation of the result; not applied if the width is unchanged.

    Returns:
        float32 [V, E].
    """
    if matrix.shape[1] == width:
        return matrix
    projection = np.random.default_rng(seed).normal(size=(matrix.shape[1], width))
    projected = matrix @ projection
    return (projected * (std / projected.std())).astype(np.float32)
