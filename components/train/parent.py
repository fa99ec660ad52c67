"""Continues from a trained model: checks that it fits, and copies its weights.

Words are matched by their text. A word that the parent does not know keeps its embedding (from
GloVe, or random), and its output weights start as the mean of those of all the parent's words. So
it hardly changes what the parent predicts (Hewitt, 2021, "Initializing New Word Embeddings for
Pretrained Language Models").
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.artifacts.checksums import checksums_fingerprint
from components.captioning.decoding.search import DecodingConfig
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.inference.bundle import Bundle
from components.captioning.model.decoder import Decoder, ModelConfig
from components.captioning.model.ensemble import CaptionNetwork
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import SettingError
from components.registry.parents import open_parent
from components.settings.train import PARENT_SHAPES, TrainSettings

logger = logging.getLogger(__name__)

# Placeholders: the parent is not used for decoding.
_DECODING = DecodingConfig(beam_width=1, length_penalty=1.0, max_words=1, reranking_weight=0.0)


@dataclass(frozen=True)
class LoadedParent:
    """A loaded parent model.

    Attributes:
        source: `models:/NAME/VERSION`, or the folder as the user gave it.
        run_id: The MLflow run that trained it.
        fingerprint: Identifies its content.
        network: Its network.
        vocabulary: Its words.
    """

    source: str
    run_id: str
    fingerprint: str
    network: CaptionNetwork
    vocabulary: Vocabulary

    def lineage(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """Returns what `training.json` records about the parent."""
        words = {*vocabulary.words[len(SPECIAL_TOKENS) :]}
        return {
            "model": self.source,
            "mlflow_run_id": self.run_id,
            "model_fingerprint": self.fingerprint,
            "words_from_parent": len(words & {*self.vocabulary.words}),
            "new_words": len(words - {*self.vocabulary.words}),
        }


def load_parent(
    settings: TrainSettings, encoder: EncoderSpec, scratch: Path
) -> LoadedParent | None:
    """Loads the parent that the settings name; returns None if they name none.

    Args:
        settings: The training settings.
        encoder: The encoder of the examples.
        scratch: A directory, where the file of the parent's training photos is written: the parent
            may change during the training, and the photos would take much memory.

    Raises:
        SettingError: If the parent has another encoder, or its weights have other shapes.
        DataError: If there is no such model, or its files are damaged.
        CaptionflowError: If MLflow or an object store can't be used.
    """
    if not settings.start_from:
        return None
    with open_parent(settings.start_from) as parent:
        require_encoder(EncoderSpec.load(parent.bundle), encoder, parent.source)
        bundle = Bundle.load(parent.bundle, _DECODING)
        _require_shapes(settings, bundle.network.config, parent.source)
        parent.photos.save(scratch)
        return LoadedParent(
            parent.source,
            parent.run_id,
            checksums_fingerprint(parent.bundle),
            bundle.network,
            bundle.vocabulary,
        )


def require_encoder(parent: EncoderSpec, own: EncoderSpec, source: str) -> None:
    """Checks that a training run uses the encoder of its parent.

    Args:
        parent: The parent's encoder.
        own: The encoder of the training run.
        source: The parent, for the error message.

    Raises:
        SettingError: If their weights, preprocessing, output, precision or crops differ.
    """
    if parent.identity == own.identity:
        return
    if parent.multi_crop != own.multi_crop:
        raise SettingError(
            f"multi_crop must be that of {source}, from which the training continues: set "
            f"{'--multi-crop' if parent.multi_crop else '--no-multi-crop'}. "
            f"Received: multi_crop {own.multi_crop}"
        )
    if parent.sha256 == own.sha256:
        precision = "float32" if parent.precision == "float32" else "mixed"
        raise SettingError(
            f"precision must be that of {source}, from which the training continues: its encoder "
            f"computes in {parent.precision}. Set --precision {precision}. "
            f"Received: an encoder that computes in {own.precision}"
        )
    found, wanted = (
        f"{spec.network} ({spec.weights} weights {spec.sha256[:12]}, {spec.precision})"
        for spec in (own, parent)
    )
    raise SettingError(
        f"encoder must be that of {source}, from which the training continues: {wanted}. Set "
        "--encoder, --encoder-weights, --seed (for random weights), --precision and --multi-crop "
        f"as for that model. Received: {found}"
    )


def continue_from(network: CaptionNetwork, words: Sequence[str], parent: LoadedParent) -> None:
    """Copies the weights of a parent into an initialized network.

    The statistics that standardize the features are the parent's too: its weights expect them.

    Args:
        network: The initialized network. Its vocabulary may differ from the parent's; its other
            shapes must not.
        words: Its vocabulary, V words.
        parent: The parent.
    """
    known = {word: index for index, word in enumerate(parent.vocabulary.words)}
    own_ids = [index for index, word in enumerate(words) if word in known]
    parent_ids = [known[words[index]] for index in own_ids]
    network.standardize.set_weights(parent.network.standardize.get_weights())
    for decoder, source in zip(network.decoders, parent.network.decoders, strict=True):
        for name in ("start_hidden", "start_cell", "image_projection", "lstm"):
            # An `init_inject` decoder has no image projection.
            if (layer := getattr(decoder, name)) is not None:
                layer.set_weights(getattr(source, name).get_weights())
        _copy_words(decoder, source, own_ids, parent_ids)


def _copy_words(
    decoder: Decoder, source: Decoder, own_ids: list[int], parent_ids: list[int]
) -> None:
    (embeddings,), (known,) = decoder.embedding.get_weights(), source.embedding.get_weights()
    embeddings[own_ids] = known[parent_ids]  # [V, E]
    decoder.embedding.set_weights([embeddings])
    kernel, bias = source.output_projection.get_weights()  # [units, V of the parent], [V]
    outputs = []
    for values, size in ((kernel, embeddings.shape[0]), (bias, embeddings.shape[0])):
        mean = values[..., len(SPECIAL_TOKENS) :].mean(axis=-1, keepdims=True)
        own = np.repeat(mean, size, axis=-1)
        own[..., own_ids] = values[..., parent_ids]
        outputs.append(own)
    decoder.output_projection.set_weights(outputs)


def _require_shapes(settings: TrainSettings, config: ModelConfig, source: str) -> None:
    shapes: Mapping[str, Any] = {name: asdict(config)[name] for name in PARENT_SHAPES}
    given = settings.model_dump(include={*PARENT_SHAPES})
    # 0 normally stands for the width of the word vectors, but here for the parent's width.
    given["embedding_width"] = given["embedding_width"] or shapes["embedding_width"]
    wrong = [name for name in PARENT_SHAPES if given[name] != shapes[name]]
    if wrong:
        flags = " ".join(f"--{name.replace('_', '-')} {shapes[name]}" for name in wrong)
        received = ", ".join(f"{name} {given[name]}" for name in wrong)
        raise SettingError(
            f"{' and '.join(wrong)} must be as in {source}, from which the training continues: "
            f"{flags}. Received: {received}"
        )
