"""The bundle: all that describes photos, in one directory, without pickle.

`network.json` and `network.weights.h5` (the caption network), `vocabulary.txt`,
`normalizer.json` (how captions became words), `decoding.json` (how captions are searched for),
`reranker_features.npy` and `reranker_captions.json` (features and captions of the train photos),
`encoder.json` and `encoder.weights.h5` (the photo encoder). Its files are checked against each
other before a network is built: a bundle may come from anywhere.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.files import write_json
from components.captioning.decoding.reranking import (
    CAPTIONS_FILE,
    FEATURES_FILE,
    RULE,
    RerankerData,
)
from components.captioning.decoding.search import DecodingConfig, search_alternatives
from components.captioning.hdf5 import WeightsError, check_hdf5, load_weights_strictly
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import Vocabulary
from components.errors import DataError

NETWORK_FILE = "network.json"
NETWORK_WEIGHTS_FILE = "network.weights.h5"
DECODING_FILE = "decoding.json"


_MODEL, _DECODING = TypeAdapter(ModelConfig), TypeAdapter(DecodingConfig)


class Caption(NamedTuple):
    """A caption with its score; what a score is, `Bundle.alternatives` says."""

    caption: str
    score: float


@dataclass
class Bundle:
    """A trained captioner.

    Attributes:
        network: The caption network.
        vocabulary: Its words.
        decoding: How captions are searched.
        reranker_data: The train photos, for consensus.
    """

    network: CaptionNetwork
    vocabulary: Vocabulary
    decoding: DecodingConfig
    reranker_data: RerankerData

    def save(self, directory: Path) -> None:
        """Writes all but encoder and normaliser, which save themselves there."""
        write_json(directory / NETWORK_FILE, asdict(self.network.config))
        # Not the trained network's own file: Keras would put the optimizer's state into it, twice
        # as much again.
        bare = build_network(self.network.config)
        bare.set_weights(self.network.get_weights())
        bare.save_weights(directory / NETWORK_WEIGHTS_FILE)
        self.vocabulary.save(directory / VOCABULARY_FILE)
        write_json(directory / DECODING_FILE, asdict(self.decoding))
        self.reranker_data.save(directory)

    @classmethod
    def load(cls, directory: str | Path) -> "Bundle":
        """Reads a bundle; nothing but its directory is needed.

        Raises:
            DataError: If a file of the bundle is missing or does not fit the others.
        """
        root = Path(directory)
        try:
            vocabulary = Vocabulary.load(root / VOCABULARY_FILE)
            config = _MODEL.validate_json((root / NETWORK_FILE).read_bytes(), strict=True)
            decoding = _DECODING.validate_json((root / DECODING_FILE).read_bytes(), strict=True)
            reranker_data = RerankerData.load(root)
            _check_sizes(root, config, vocabulary, reranker_data)
            network = build_network(config)
            load_weights_strictly(network, root / NETWORK_WEIGHTS_FILE)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"])) or "the file"
            raise DataError(
                f"{root} must be a whole model bundle. Received in {error.title}: {place}: "
                f"{fault['msg']}"
            ) from error
        except WeightsError as error:
            raise DataError(
                f"{root} must be a whole model bundle, with all weights of its network. {error}"
            ) from error
        except (OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
            raise DataError(f"{root} must be a whole model bundle: {error}") from error
        if decoding.reranking_weight and reranker_data.rule != RULE:
            raise DataError(
                f"{root} must have been scored with consensus by {RULE}, as this version of "
                f"captionflow finds it. Received in {CAPTIONS_FILE}: {reranker_data.rule}. Train "
                "again, or use the version that made it"
            )
        return cls(network, vocabulary, decoding, reranker_data)

    def captions(self, features: np.ndarray) -> list[str]:
        """Returns a caption for each row of features, float [N, D]."""
        return [found[0].caption for found in self.alternatives(features)]

    def alternatives(
        self, features: np.ndarray, *, beam_width: int | None = None
    ) -> list[list[Caption]]:
        """Returns all captions that the beam ends with for each row of features.

        Of each photo the best comes first: the one with the highest log-probability / length **
        penalty, plus, with consensus, its agreement times that weight.

        Args:
            features: float [N, D].
            beam_width: Captions searched at once; None: as many as the bundle was scored with.
        """
        decoding = self.decoding
        if beam_width is not None:
            decoding = replace(decoding, beam_width=beam_width)
        words, scores = search_alternatives(self.network, features, decoding)
        found = [
            [
                Caption(self.vocabulary.decode(row), score)
                for row, score in zip(rows, row_scores, strict=True)
                if np.isfinite(score)
            ]
            for rows, row_scores in zip(words.tolist(), scores.tolist(), strict=True)
        ]
        return self._ask_neighbours(features, found) if self.decoding.reranking_weight else found

    def _ask_neighbours(
        self, features: np.ndarray, found: list[list[Caption]]
    ) -> list[list[Caption]]:
        captions = [[said.caption for said in photo] for photo in found]
        agreement = self.reranker_data.reranker.score(features, captions)
        weight = self.decoding.reranking_weight
        return [
            sorted(
                (
                    Caption(said.caption, said.score + weight * float(agreed))
                    for said, agreed in zip(photo, agreements, strict=True)
                ),
                key=lambda said: -said.score,
            )
            for photo, agreements in zip(found, agreement, strict=True)
        ]


def _check_sizes(
    root: Path, config: ModelConfig, vocabulary: Vocabulary, reranker_data: RerankerData
) -> None:
    """Checks that the files of a bundle fit each other, before the network takes memory.

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
            f"{FEATURES_FILE} must have the network's {config.feature_width} numbers a photo. "
            f"Received: {reranker_data.features.shape[1]}"
        )
    weights = root / NETWORK_WEIGHTS_FILE
    # They are saved uncompressed: numbers beyond the file's size can't be in it.
    size = check_hdf5(weights, most=weights.stat().st_size)
    if size < config.least_size:
        raise ValueError(
            f"{NETWORK_WEIGHTS_FILE} must hold at least the {config.least_size} bytes of weights "
            f"that {NETWORK_FILE} describes. Received: {size}"
        )
