"""The files of a bundle that `train` writes: network, vocabulary and the data for reranking."""

from dataclasses import asdict
from pathlib import Path

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.files import NETWORK_FILE, write_json
from components.captioning.decoding.reranker_data import FEATURES_FILE, RerankerData
from components.captioning.hdf5 import check_hdf5
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import Vocabulary

NETWORK_WEIGHTS_FILE = "network.weights.h5"


def save_model(
    network: CaptionNetwork, vocabulary: Vocabulary, reranker_data: RerankerData, directory: Path
) -> None:
    """Writes the files of a bundle whose decoding settings are not known yet."""
    write_json(directory / NETWORK_FILE, asdict(network.config))
    # From an uncompiled copy: for a compiled network, Keras would also save the optimizer's state,
    # which is twice as large as the weights.
    uncompiled = build_network(network.config)
    uncompiled.set_weights(network.get_weights())
    uncompiled.save_weights(directory / NETWORK_WEIGHTS_FILE)
    vocabulary.save(directory / VOCABULARY_FILE)
    reranker_data.save(directory)


def check_sizes(
    root: Path, config: ModelConfig, vocabulary: Vocabulary, reranker_data: RerankerData
) -> None:
    """Checks that the files of a bundle match each other, before memory is allocated.

    Raises:
        ValueError: If they do not.
    """
    if len(vocabulary) != config.vocabulary_size:
        raise ValueError(
            f"{VOCABULARY_FILE} must have the network's {config.vocabulary_size} words. Received: "
            f"{len(vocabulary)}"
        )
    if reranker_data.features.shape[1] != config.feature_width:
        raise ValueError(
            f"{FEATURES_FILE} must have the network's {config.feature_width} features per photo. "
            f"Received: {reranker_data.features.shape[1]}"
        )
    weights = root / NETWORK_WEIGHTS_FILE
    # Weights are saved uncompressed, so the file can't hold more than its size.
    size = check_hdf5(weights, most=weights.stat().st_size)
    if size < config.min_weight_bytes:
        raise ValueError(
            f"{NETWORK_WEIGHTS_FILE} must hold at least the {config.min_weight_bytes} bytes of "
            f"weights that {NETWORK_FILE} describes. Received: {size}"
        )
