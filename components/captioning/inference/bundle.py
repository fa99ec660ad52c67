"""The bundle: everything needed to describe photos, in one directory, without pickle.

`network.json` and `network.weights.h5` (the caption network), `vocabulary.txt`,
`normalizer.json` (how captions were normalized), `decoding.json` (the decoding settings that the
model was scored with; `evaluate` adds them), `confidence.json` (the fitted confidence;
`evaluate` adds it),
`reranker_features.npy` and `reranker_captions.json` (features and captions of the train photos),
`training_photos.npy` (the SHA-256 of all photos that it was trained on, see
`artifacts.training_photos`), `language.txt` (the language of its captions; `evaluate` adds it),
`encoder.json` and `encoder.weights.h5` or `encoder.onnx` (the image encoder), and `SHA256SUMS`
(checksums of all files). A bundle may come from an untrusted source: its files are validated before
a network is built.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.checksums import check_bundle, write_checksums
from components.artifacts.decoding import decoding_file, write_decoding
from components.artifacts.files import NETWORK_FILE
from components.captioning.decoding.repetition import repeats
from components.captioning.decoding.reranker_data import CAPTIONS_FILE, RerankerData
from components.captioning.decoding.reranking import METHOD
from components.captioning.decoding.search import DecodingConfig, search_alternatives
from components.captioning.hdf5 import WeightsError, load_weights_strictly
from components.captioning.inference.confidence import Calibration, Confidence
from components.captioning.inference.feature_distance import FeatureDistance
from components.captioning.inference.model_files import (
    NETWORK_WEIGHTS_FILE,
    check_sizes,
    save_model,
)
from components.captioning.inference.signals import caption_log_probabilities
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import Vocabulary
from components.errors import DataError, first_fault

_MODEL, _DECODING = TypeAdapter(ModelConfig), TypeAdapter(DecodingConfig)


class Caption(NamedTuple):
    """A caption and its score, which `Bundle.alternatives` defines."""

    text: str
    score: float


@dataclass
class Bundle:
    """A trained captioner.

    Attributes:
        network: The caption network.
        vocabulary: The words it generates.
        decoding: How captions are decoded.
        reranker_data: Features and captions of the train photos, for reranking.
        calibration: The fitted confidence; None until the model is scored.
    """

    network: CaptionNetwork
    vocabulary: Vocabulary
    decoding: DecodingConfig
    reranker_data: RerankerData
    calibration: Calibration | None = None

    def save(self, directory: Path) -> None:
        """Writes everything but the encoder and the normalizer, which are saved before it."""
        save_model(self.network, self.vocabulary, self.reranker_data, directory)
        write_decoding(directory, asdict(self.decoding))
        if self.calibration:
            self.calibration.save(directory)
        write_checksums(directory)

    @classmethod
    def load(cls, directory: str | Path, decoding: DecodingConfig | None = None) -> "Bundle":
        """Reads a bundle.

        Args:
            directory: The bundle's directory.
            decoding: Decoding settings to use instead of those the model was scored with; required
                for a model that has not been scored. The bundle then has no calibration.

        Raises:
            DataError: If a file of the bundle is damaged, missing, unexpected, invalid, or does not
                match the others.
        """
        root = Path(directory)
        check_bundle(root)
        try:
            vocabulary = Vocabulary.load(root / VOCABULARY_FILE)
            config = _MODEL.validate_json((root / NETWORK_FILE).read_bytes(), strict=True)
            calibration = None
            if decoding is None:
                decoding = _DECODING.validate_json(decoding_file(root).read_bytes(), strict=True)
                calibration = Calibration.load(root)
            reranker_data = RerankerData.load(root)
            check_sizes(root, config, vocabulary, reranker_data)
            network = build_network(config)
            load_weights_strictly(network, root / NETWORK_WEIGHTS_FILE)
        except ValidationError as error:
            raise DataError(
                f"{root} must be a complete model bundle. Received in {error.title}: "
                f"{first_fault(error)}"
            ) from error
        except WeightsError as error:
            raise DataError(
                f"{root} must be a complete model bundle, with all weights of its network. {error}"
            ) from error
        except (OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
            raise DataError(f"{root} must be a complete model bundle: {error}") from error
        reranked = decoding.reranking_weight or decoding.guidance_weight
        if reranked and reranker_data.method != METHOD:
            raise DataError(
                f"{root} must have been scored with reranking by {METHOD}, which this version of "
                f"captionflow uses. Received in {CAPTIONS_FILE}: {reranker_data.method}. Train the "
                "model again, or use the version of captionflow that made it"
            )
        return cls(network, vocabulary, decoding, reranker_data, calibration)

    def captions(self, features: np.ndarray) -> list[str]:
        """Returns a caption for each row of features, float [N, D]."""
        return [alternatives[0].text for alternatives in self.alternatives(features)]

    def alternatives(
        self, features: np.ndarray, *, beam_width: int | None = None
    ) -> list[list[Caption]]:
        """Returns all captions of the final beam for each row of features, best first.

        A caption's score is its log-probability / length ** length penalty, plus, with reranking,
        its reranking score times the reranking weight.

        Args:
            features: float [N, D].
            beam_width: Hypotheses kept per photo; None for the bundle's own setting.
        """
        decoding = self.decoding
        if beam_width is not None:
            decoding = replace(decoding, beam_width=beam_width)
        word_scores = None
        if decoding.guidance_weight:
            word_scores = decoding.guidance_weight * self._predict_words(features)
        tokens, scores = search_alternatives(self.network, features, decoding, word_scores)
        beams = [
            [
                Caption(self.vocabulary.decode(row), score)
                for row, score in zip(rows, row_scores, strict=True)
                if np.isfinite(score)
            ]
            for rows, row_scores in zip(tokens.tolist(), scores.tolist(), strict=True)
        ]
        return self.rerank(features, beams) if decoding.reranking_weight else beams

    @cached_property
    def _predict_words(self) -> Callable[[np.ndarray], NDArray[np.float32]]:
        return self.reranker_data.reranker.word_predictor(self.vocabulary.words)

    @cached_property
    def feature_distance(self) -> FeatureDistance:
        """The distance from the train photos, fitted on first use, which may take seconds."""
        return FeatureDistance(self.reranker_data.features)

    def signals(self, features: np.ndarray, captions: Sequence[str]) -> NDArray[np.float64]:
        """Returns the signals of the confidence in captions, float64 [N, S].

        Args:
            features: float [N, D].
            captions: A caption of each photo, generated by this model.

        Returns:
            The columns are `confidence.SIGNALS`.
        """
        ids = [self.vocabulary.encode(caption) for caption in captions]
        return np.stack(
            [
                *caption_log_probabilities(self.network, features, ids),
                self.reranker_data.reranker.score_one_each(features, captions),
                -self.feature_distance(features),
            ],
            axis=1,
        )

    def confidences(self, features: np.ndarray, captions: Sequence[str]) -> list[Confidence]:
        """Returns the confidence in each caption; the arguments are those of `signals`.

        Raises:
            DataError: If the model was loaded without its calibration.
        """
        if self.calibration is None:
            raise DataError("Confidence needs a model that `evaluate` has scored and calibrated")
        train_captions = self.reranker_data.captions
        repeated = [repeats(caption, train_captions) for caption in captions]
        return self.calibration.assess(self.signals(features, captions), repeated)

    def rerank(self, features: np.ndarray, beams: list[list[Caption]]) -> list[list[Caption]]:
        """Returns the captions of each beam in the order of their scores with reranking.

        Args:
            features: float [N, D].
            beams: The captions of N photos, with their scores without reranking.
        """
        texts = [[caption.text for caption in beam] for beam in beams]
        reranking_scores = self.reranker_data.reranker.score(features, texts)
        weight = self.decoding.reranking_weight
        return [
            sorted(
                (
                    Caption(caption.text, caption.score + weight * float(score))
                    for caption, score in zip(beam, scores, strict=True)
                ),
                key=lambda caption: -caption.score,
            )
            for beam, scores in zip(beams, reranking_scores, strict=True)
        ]
