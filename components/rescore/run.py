"""The champion on the test photos of this run, so that the gate compares like with like.

The numbers that a champion was registered with are of the photos of its day. Here it describes
those of today; whether it knew some of them is told too.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from components.artifacts.champion_predictions import (
    ChampionPredictions,
    write_champion_predictions,
)
from components.artifacts.files import atomic_directory, read_json
from components.artifacts.manifest import REPORT_FILE, Photo, read_manifest
from components.errors import DataError
from components.registry.download import download_model
from components.registry.models import ModelVersion, find_champion
from components.registry.training_photos import read_training_photos, training_photos

if TYPE_CHECKING:
    from components.artifacts.examples import Examples
    from components.captioning.encoder.spec import EncoderSpec
    from components.captioning.model.normalizer import Normalizer

logger = logging.getLogger(__name__)

# Photos that are encoded at once.
_BATCH = 32
# Of what the champion learnt from, the share that has to be there still if the data grew: a few
# photos may have become unusable.
_KEPT = 0.9


class _IncomparableError(Exception):
    """The champion could describe the photos, but it would not be scored as it was."""


def rescore_champion(
    examples: str | Path, manifest: str | Path, *, model_name: str, baseline: str | Path
) -> ChampionPredictions | None:
    """Lets the champion describe the test photos, and writes what it says.

    1. Without a champion there is nothing to compare with, and that is written.
    2. A champion that learnt from a photo of test, or of which that is not known, whose words were
       made by other rules than the references, or whose files are gone, does not compare: why is
       written.
    3. Otherwise it describes all photos of test with the weights and the search that it was
       registered with, by the code of today: from the examples' features if they are of its
       encoder, from the photos themselves if not.

    Args:
        examples: The examples artifact.
        manifest: The manifest artifact.
        model_name: The registered model whose champion is asked.
        baseline: Where the baseline artifact goes, a directory; whole or not at all.

    Returns:
        The champion and its captions; None if there is none.

    Raises:
        DataError: If the examples or the manifest are broken.
        CaptionflowError: If MLflow can't be used.
    """
    released = find_champion(model_name)
    found = None
    if released is None:
        logger.info("there is no champion yet: nothing to compare with")
    else:
        found = _compare(released, Path(examples), Path(manifest), model_name)
        logger.info(
            "champion v%s %s",
            found.version,
            found.incomparable or f"described {len(found.captions)}",
        )
    with atomic_directory(baseline) as aside:
        write_champion_predictions(aside, found)
    return found


def _compare(
    released: ModelVersion, examples: Path, manifest: Path, model_name: str
) -> ChampionPredictions:
    photos = read_manifest(manifest)
    ours = training_photos(photos)
    same_data = read_json(manifest / REPORT_FILE)["dataset_fingerprint"]
    unchanged = released.tags.get("dataset_fingerprint") == same_data
    theirs = ours if unchanged else read_training_photos(released.run_id)
    if theirs is None:
        return ChampionPredictions(
            released.version, incomparable="does not say which photos it learnt from"
        )
    test = {photo.image_id: photo for photo in photos if photo.split == "test"}
    # What both learnt from, a photo of dev that is in test too, is no advantage of one.
    known = [name for name, photo in test.items() if photo.sha256 in theirs - ours]
    if known:
        refusal = f"learnt from {len(known)} of the {len(test)} test photos, such as {known[0]}"
        return ChampionPredictions(released.version, incomparable=refusal)
    # Outside of the try: what is wrong with them is no fault of the champion's.
    today = _read_today(examples)
    try:
        captions = _describe(today, test, model_name, released.version)
    except _IncomparableError as error:
        return ChampionPredictions(released.version, incomparable=str(error))
    except DataError as error:
        return ChampionPredictions(released.version, incomparable=f"can't describe them: {error}")
    grew = len(ours) > len(theirs) and len(ours & theirs) >= _KEPT * len(theirs)
    return ChampionPredictions(released.version, captions=captions, data_grew=grew)


class _Today(NamedTuple):
    """What a new model is scored on: how photos and captions were read, and the test examples."""

    encoder: "EncoderSpec"
    normalizer: "Normalizer"
    test: "Examples"


def _read_today(examples: Path) -> _Today:
    # TensorFlow comes with them, which a first run does not need here.
    from components.artifacts.examples import read_examples
    from components.captioning.encoder.spec import EncoderSpec
    from components.captioning.model.normalizer import Normalizer

    return _Today(
        EncoderSpec.load(examples), Normalizer.load(examples), read_examples(examples, "test")
    )


def _describe(
    today: _Today, test: dict[str, Photo], model_name: str, version: str
) -> dict[str, str]:
    from components.captioning.encoder.spec import EncoderSpec
    from components.captioning.inference.bundle import Bundle
    from components.captioning.inference.captioner import Captioner
    from components.captioning.model.normalizer import Normalizer

    with TemporaryDirectory(prefix="captionflow-") as folder:
        bundle = download_model(model_name, version, Path(folder)).bundle
        if Normalizer.load(bundle) != today.normalizer:
            raise _IncomparableError(
                "learnt from captions that were normalised by other rules than today's references"
            )
        theirs, ours = EncoderSpec.load(bundle), today.encoder
        if (theirs.sha256, theirs.precision) == (ours.sha256, ours.precision):
            found = Bundle.load(bundle).captions(today.test.features)
            return dict(zip(today.test.image_ids, found, strict=True))
        captioner = Captioner(bundle, batch_size=_BATCH)
        names = list(test)
        captions: dict[str, str] = {}
        for start in range(0, len(names), _BATCH):
            few = names[start : start + _BATCH]
            pixels = [captioner.load(test[name].uri, named=name) for name in few]
            told = captioner.alternatives_or_errors(pixels)
            for name, said in zip(few, told, strict=True):
                if isinstance(said, DataError):
                    raise DataError(f"{name}: {said}")
                captions[name] = said[0].text
        return captions
