"""How a network's members begin: with GloVe's words, and with the photo loud or quiet beside them.

A decoder `guided` adds the photo to each word. Where the photo leads at first, captions become
short and safe and score more BLEU; where the words lead, a member learns faster and says more of a
photo. Members that begin differently err differently, and together score more than either kind
alone (tests/benchmarks/README.md).
"""

import numpy as np

from components.captioning.model.ensemble import CaptionNetwork

#: Of the numbers that `random_projection` returns, by what leads. GloVe's own have 0.7; projected
#: to 256, 0.3.
EMBEDDING_INIT_STD, _LOW_GAIN_EMBEDDING_INIT_STD = 0.1, 0.3
# Each third member begins quiet: its views of the photo have a variance of 0.04 instead of about 3.
# Two loud ones and a quiet one scored best on Flickr8k's dev split.
_LOW_GAIN_EVERY = 3
_LOW_IMAGE_PROJECTION_GAIN = 0.115


def initialize_ensemble(network: CaptionNetwork, matrix: np.ndarray, seed: int) -> None:
    """Gives each member its words and its way to see the photo, before it learns.

    Args:
        network: As built.
        matrix: float32 [V, G], GloVe's vectors of the vocabulary.
        seed: Fixes the projections to other widths, which each member has for itself.
    """
    for index, decoder in enumerate(network.decoders):
        quiet = index % _LOW_GAIN_EVERY == _LOW_GAIN_EVERY - 1
        spread = _LOW_GAIN_EMBEDDING_INIT_STD if quiet else EMBEDDING_INIT_STD
        decoder.embedding.embeddings.assign(
            random_projection(matrix, network.config.embedding_width, seed + index, spread)
        )
        # A decoder `lstm` does not hear the photo beside words.
        if quiet and decoder.image_projection is not None:
            for view in (decoder.image_projection, decoder.start_hidden, decoder.start_cell):
                view.kernel.assign(view.kernel * _LOW_IMAGE_PROJECTION_GAIN)


def random_projection(matrix: np.ndarray, width: int, seed: int, spread: float) -> np.ndarray:
    """Projects embeddings at random, which about keeps their angles, and scales them.

    Args:
        matrix: float32 [V, G], such as GloVe's vectors.
        width: E, the numbers a word wanted; G leaves the matrix as it is.
        seed: Fixes the projection.
        spread: Standard deviation wanted; of no effect at the same width.

    Returns:
        float32 [V, E] (Johnson and Lindenstrauss, 1984).
    """
    if matrix.shape[1] == width:
        return matrix
    projection = np.random.default_rng(seed).normal(size=(matrix.shape[1], width))
    wide = matrix @ projection
    return (wide * (spread / wide.std())).astype(np.float32)
