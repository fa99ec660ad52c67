"""The champion's captions of this run's test photos: the baseline of the gate's comparison.

The scores in a champion's registration are from the test photos of that time. For a fair
comparison, the champion captions this run's test photos, unless it was trained on some of them.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from components.artifacts.champion_predictions import (
    ChampionPredictions,
    write_champion_predictions,
)
from components.artifacts.checksums import check_bundle
from components.artifacts.files import atomic_directory
from components.artifacts.manifest import ManifestPhotos, Photo
from components.artifacts.training_photos import (
    TRAINING_PHOTOS_FILE,
    TrainingPhotos,
    read_training_photos,
)
from components.errors import DataError, one_line
from components.registry.download import download_bundle_file, download_model
from components.registry.models import ModelVersion, find_champion
from components.storage.transfer import path_or_content

if TYPE_CHECKING:
    from components.artifacts.examples import ExampleShards
    from components.captioning.encoder.spec import EncoderSpec
    from components.captioning.model.normalizer import Normalizer

logger = logging.getLogger(__name__)

# Number of photos encoded at once.
_BATCH = 32
# Share of the champion's training photos that must still be training photos for the data to count
# as grown; below 1, since a few may have become unusable.
_MIN_OVERLAP = 0.9


class _IncomparableError(Exception):
    """The champion can't be compared with; the message is the predicate of a sentence."""


def rescore_champion(
    examples: str | Path, manifest: str | Path, *, model_name: str, baseline: str | Path
) -> ChampionPredictions | None:
    """Generates the champion's captions of the test photos, and writes the baseline artifact.

    1. Without a champion, the artifact says so.
    2. The champion can't be compared with if it was trained on a test photo, has no valid record of
       its training photos, was trained on captions normalised by different rules from these
       references, or has lost its files. The artifact then states the reason.
    3. Otherwise the champion captions all test photos with its own weights and decoding settings,
       and with the current code: from the features in the examples if its encoder made them, else
       from the photos.

    Args:
        examples: The examples artifact.
        manifest: The manifest artifact.
        model_name: The registered model.
        baseline: Directory for the baseline artifact, written whole or not at all.

    Returns:
        The champion's predictions; None if there is no champion.

    Raises:
        DataError: If the examples or the manifest are broken.
        CaptionflowError: If MLflow can't be used.
    """
    champion = find_champion(model_name)
    predictions = None
    if champion is None:
        logger.info("No champion yet: there is nothing to compare with")
    else:
        predictions = _predict(champion, Path(examples), Path(manifest), model_name)
        if predictions.incomparable:
            logger.info("Champion v%s %s", champion.version, predictions.incomparable)
        else:
            logger.info(
                "Champion v%s captioned %d test photos",
                champion.version,
                len(predictions.captions),
            )
    with atomic_directory(baseline) as aside:
        write_champion_predictions(aside, predictions)
    return predictions


def _predict(
    champion: ModelVersion, examples: Path, manifest: Path, model_name: str
) -> ChampionPredictions:
    version = champion.version
    photos = ManifestPhotos(manifest)
    # Not from the manifest: it includes photos whose captions have no word, which train no model.
    new_training = read_training_photos(examples).all
    try:
        champion_training = _training_photos(model_name, version)
    except (DataError, OSError, ValueError) as error:
        reason = one_line(f"has no valid record of its training photos ({error})")
        return ChampionPredictions(version, incomparable=reason)
    test = {photo.image_id: photo for photo in photos if photo.split == "test"}
    # A test photo that is also a training photo of the new model (the same photo in dev and test)
    # gives the champion no advantage.
    only_champion = champion_training - new_training
    contaminated = [image_id for image_id, photo in test.items() if photo.sha256 in only_champion]
    if contaminated:
        reason = (
            f"was trained on {len(contaminated)} of the {len(test)} test photos, "
            f"such as {contaminated[0]}"
        )
        return ChampionPredictions(version, incomparable=reason)
    # Outside the try: broken examples are not the champion's fault.
    test_set = _read_test_set(examples)
    try:
        captions = _caption(test_set, test, model_name, version)
    except _IncomparableError as error:
        return ChampionPredictions(version, incomparable=str(error))
    except DataError as error:
        return ChampionPredictions(version, incomparable=f"can't caption the test photos: {error}")
    overlap = len(new_training & champion_training)
    grew = len(new_training) > len(champion_training) and overlap >= _MIN_OVERLAP * len(
        champion_training
    )
    return ChampionPredictions(version, captions=captions, data_grew=grew)


def _training_photos(model_name: str, version: str) -> frozenset[str]:
    with TemporaryDirectory(prefix="captionflow-") as folder:
        file = download_bundle_file(model_name, version, TRAINING_PHOTOS_FILE, Path(folder))
        return TrainingPhotos.load(file.parent).all


class _TestSet(NamedTuple):
    """What the new model is scored on: the test examples, their encoder and their normalizer."""

    encoder: "EncoderSpec"
    normalizer: "Normalizer"
    examples: "ExampleShards"


def _read_test_set(directory: Path) -> _TestSet:
    # These import TensorFlow, which a first run does not need here.
    from components.artifacts.examples import ExampleShards
    from components.captioning.encoder.spec import EncoderSpec
    from components.captioning.model.normalizer import Normalizer

    examples = ExampleShards(directory, "test")
    # Counting reads, and so checks, all of them.
    logger.info("Test photos: %d", examples.photos)
    return _TestSet(EncoderSpec.load(directory), Normalizer.load(directory), examples)


def _caption(
    test_set: _TestSet, test: dict[str, Photo], model_name: str, version: str
) -> dict[str, str]:
    from components.captioning.encoder.spec import EncoderSpec
    from components.captioning.model.normalizer import Normalizer

    with TemporaryDirectory(prefix="captionflow-") as folder:
        bundle = download_model(model_name, version, Path(folder)).bundle
        check_bundle(bundle, f"{model_name} version {version}")
        if Normalizer.load(bundle) != test_set.normalizer:
            raise _IncomparableError(
                "was trained on captions normalised by other rules than these references"
            )
        own, current = EncoderSpec.load(bundle), test_set.encoder
        if own.identity == current.identity:
            return _caption_features(bundle, test_set.examples)
        return _caption_photos(bundle, test)


def _caption_features(bundle: Path, examples: "ExampleShards") -> dict[str, str]:
    from components.captioning.inference.bundle import Bundle

    loaded = Bundle.load(bundle)
    captions: dict[str, str] = {}
    for block in examples.blocks():
        captions |= zip(block.image_ids, loaded.captions(block.features), strict=True)
    return captions


def _caption_photos(bundle: Path, test: dict[str, Photo]) -> dict[str, str]:
    from components.captioning.inference.captioner import Captioner

    captioner = Captioner(bundle, batch_size=_BATCH)
    image_ids = list(test)
    captions: dict[str, str] = {}
    for start in range(0, len(image_ids), _BATCH):
        batch = image_ids[start : start + _BATCH]
        pixels = [
            captioner.load(path_or_content(test[image_id].uri), named=image_id)
            for image_id in batch
        ]
        results = captioner.alternatives_or_errors(pixels)
        for image_id, result in zip(batch, results, strict=True):
            if isinstance(result, DataError):
                raise DataError(f"{image_id}: {result}")
            captions[image_id] = result[0].text
    return captions
