"""The champion on the test photos of this run, so that the gate compares like with like.

The numbers that a champion was registered with are of the photos of its day. Here it describes
those of today, as it would for anyone who loads it; whether it knew some of them is told too.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from components.platform.artifacts import whole_directory
from components.platform.learnt import learnt_photos, read_learnt
from components.platform.manifest import Photo, read_manifest
from components.platform.registry import Champion, champion
from components.platform.released import fetch_released
from components.platform.rival import Rival, write_rival

logger = logging.getLogger(__name__)

# Photos that are encoded at once.
_BATCH = 32


def rescore_champion(
    examples: str | Path, manifest: str | Path, *, model_name: str, rival: str | Path
) -> Rival | None:
    """Lets the champion describe the test photos, and writes what it says.

    1. Without a champion there is nothing to compare with, and that is written.
    2. A champion that learnt from a photo of test, or of which that is not known, does not
       compare: why is written, and nothing is described.
    3. Otherwise it describes all photos of test with the search that it was registered with: from
       the examples' features if they are of its encoder, from the photos themselves if not.

    Args:
        examples: The examples artifact.
        manifest: The manifest artifact.
        model_name: The registered model whose champion is asked.
        rival: Where the rival artifact goes, a directory; whole or not at all.

    Returns:
        The champion and its captions; None if there is none.

    Raises:
        DataError: If the champion's files are missing, or a photo can't be read.
        CaptionflowError: If MLflow can't be used.
    """
    released = champion(model_name)
    found = None
    if released is None:
        logger.info("there is no champion yet: nothing to compare with")
    else:
        found = _compare(released, Path(examples), read_manifest(manifest), model_name)
        logger.info(
            "champion v%s %s", found.version, found.refusal or f"described {len(found.captions)}"
        )
    with whole_directory(rival) as aside:
        write_rival(aside, found)
    return found


def _compare(released: Champion, examples: Path, photos: Sequence[Photo], model_name: str) -> Rival:
    theirs, ours = read_learnt(released.run_id), learnt_photos(photos)
    test = {photo.image_id: photo for photo in photos if photo.split == "test"}
    refusal, captions = "", {}
    if theirs is None:
        refusal = "does not say which photos it learnt from"
    elif known := [name for name, photo in test.items() if photo.sha256 in theirs]:
        refusal = f"learnt from {len(known)} of the {len(test)} test photos, such as {known[0]}"
    else:
        captions = _describe(examples, test, model_name, released.version)
    grew = theirs is not None and len(ours) > len(theirs)
    return Rival(released.version, captions=captions, refusal=refusal, data_grew=grew)


def _describe(
    examples: Path, test: dict[str, Photo], model_name: str, version: str
) -> dict[str, str]:
    # TensorFlow comes with them, which a first run does not need here.
    from components.captioning.bundle import Bundle, Describer
    from components.captioning.encoder import EncoderIdentity
    from components.platform.records import read_examples

    with TemporaryDirectory(prefix="captionflow-") as folder:
        bundle = fetch_released(model_name, version, Path(folder)).bundle
        if EncoderIdentity.load(bundle).sha256 == EncoderIdentity.load(examples).sha256:
            seen = read_examples(examples, "test")
            said = Bundle.load(bundle).captions(seen.features)
            return dict(zip(seen.image_ids, said, strict=True))
        describer = Describer(bundle, batch_size=_BATCH)
        names = list(test)
        captions: dict[str, str] = {}
        for start in range(0, len(names), _BATCH):
            few = names[start : start + _BATCH]
            said = describer.describe([test[name].uri for name in few])
            captions.update(zip(few, said, strict=True))
        return captions
