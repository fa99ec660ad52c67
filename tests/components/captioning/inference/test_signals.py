import numpy as np
import pytest

from components.captioning.inference import signals
from components.captioning.inference.signals import caption_log_probabilities
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import END

A, DOG = 4, 5
FEATURES = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.float16)


def _network(*distributions: tuple[float, float, float]) -> CaptionNetwork:
    """A network whose decoders always predict END, "a" and "dog" with the given probabilities."""
    network = build_network(ModelConfig(6, 2, 2, 3, 0.0, True, ensemble_size=len(distributions)))
    for decoder, distribution in zip(network.decoders, distributions, strict=True):
        bias = np.full(6, -30.0, np.float32)
        bias[[END, A, DOG]] = np.log(distribution)
        decoder.output_projection.set_weights([np.zeros((3, 6)), bias])
    return network


def test_log_probability_is_the_mean_over_tokens_with_the_end() -> None:
    network = _network((0.5, 0.2, 0.3))
    probabilities, agreements = caption_log_probabilities(network, FEATURES, [[A, DOG], [], [A]])
    expected = [
        np.log([0.2, 0.3, 0.5]).mean(),
        np.log(0.5),
        np.log([0.2, 0.5]).mean(),
    ]
    assert probabilities == pytest.approx(expected, abs=1e-5)
    assert agreements == pytest.approx([0, 0, 0], abs=1e-6)


def test_agreement_of_an_ensemble_is_zero_only_where_its_decoders_agree() -> None:
    network = _network((0.5, 0.1, 0.4), (0.5, 0.4, 0.1))
    probabilities, agreements = caption_log_probabilities(network, FEATURES[:2], [[A], []])
    # Of "a" the ensemble's probability is 0.25, the decoders' are 0.1 and 0.4; of END all are 0.5.
    assert probabilities == pytest.approx([np.log([0.25, 0.5]).mean(), np.log(0.5)], abs=1e-5)
    assert agreements == pytest.approx(
        [(np.log([0.1, 0.4]).mean() - np.log(0.25)) / 2, 0], abs=1e-5
    )


def test_log_probabilities_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_network(ModelConfig(6, 2, 2, 3, 0.0, True, ensemble_size=2), seed=3)
    captions = [[A, DOG, A], [], [DOG]]
    together = caption_log_probabilities(network, FEATURES, captions)
    monkeypatch.setattr(signals, "_MAX_LOGITS", 1)
    alone = caption_log_probabilities(network, FEATURES, captions)
    assert np.allclose(together, alone, atol=1e-6)
    assert (together[1] < 0).all()
