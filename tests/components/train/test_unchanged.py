"""Recorded losses, captions and scores of a small training: they change only on purpose.

The numbers were recorded before the rooms were renamed, and were the same afterwards. Machines
round differently, so losses have a tolerance; captions and their scores have none.
"""

from pathlib import Path

import numpy as np
import pytest

from components.artifacts.examples import Examples
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.metrics.bleu import corpus_bleu
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.registry.runs import start_run
from components.settings.train import TrainSettings
from components.train.trainer import fit_network

LOSSES = [
    1.94195, 1.75399, 1.61928, 1.50288, 1.38205, 1.26912,
    1.18159, 1.12485, 1.09088, 1.07109, 1.06139, 1.05704,
]  # fmt: skip
CAPTIONS = ["a red", "a blue", "a blue", "a blue", "a", "a blue", "a red", "a blue"]
BLEU = {"bleu1": 87.31398526961767, "bleu2": 83.67428847826302, "bleu3": 0.0, "bleu4": 0.0}


def _examples(photos: int) -> Examples:
    generator = np.random.default_rng(photos)
    kinds = np.arange(photos) % 2
    noise = generator.normal(size=(photos, 6))
    tokens = ((4, 5, 7), (4, 6, 8, 8))
    references = (("a red circle", "a red"), ("a blue square square", "a blue"))
    return Examples(
        image_ids=[f"{index:03d}.png" for index in range(photos)],
        # Unlike the other tests' photos, these can't all be told apart.
        features=(noise + kinds[:, None]).astype(np.float16),
        tokens=[(tokens[kind], tokens[kind][:2]) for kind in kinds],
        references=[references[kind] for kind in kinds],
    )


def test_training_search_and_scores_are_as_recorded(
    matrix: np.ndarray, mlflow_root: Path, tmp_path: Path
) -> None:
    train, dev = _examples(24), _examples(8)
    settings = TrainSettings(
        ensemble_size=3, embedding_width=6, units=8, dropout=0.3, epochs=12, batch_size=8,
        learning_rate=0.02, weight_decay=0.001, patience=12, max_words=6, precision="float32",
        seed=3,
    )  # fmt: skip
    network, state = fit_network(
        train,
        dev,
        matrix,
        settings,
        checkpoint=tmp_path / "checkpoint.npz",
        start_run=lambda: start_run("tests", "run", {}),
    )
    losses = [epoch["dev_word_loss"] for epoch in state.history]
    assert losses == pytest.approx(LOSSES, abs=1e-3)
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "red", "blue", "circle", "square"])
    decoding = DecodingConfig(4, 0.7, 6, reranking_weight=2.0)
    reranker_data = RerankerData(train.features, train.references)
    captions = Bundle(network, vocabulary, decoding, reranker_data).captions(dev.features)
    assert captions == CAPTIONS
    assert corpus_bleu(captions, dev.references).scores == BLEU
