"""Chooses the longest caption for a data set whose captions the preset would truncate."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from components.artifacts.manifest import Photo
from components.captioning.model.caption_lengths import LongCaptions, find_long_captions
from components.errors import DataError
from components.ingest.captions.words import count_words
from components.ingest.reading.sources import read_folder
from components.storage.filesystem import is_remote, local_path
from pipeline.local.quiet import quiet

# Reading the captions of more images takes more than some seconds; `ingest` reports long ones.
_MOST_IMAGES = 50_000
# Captions of this many photos, spread over the data set, are representative.
_PHOTOS = 2000


def long_captions(dataset: str, images: int | None, max_words: int) -> LongCaptions | None:
    """Returns what `max_words` would truncate in a local folder, from a sample of its captions.

    Args:
        dataset: The setting `dataset`.
        images: Number of its image files; None if unknown.
        max_words: The limit.

    Returns:
        The captions that are longer; None if there are few of them, or the captions are not read:
        those of an archive, of a data set in a bucket, of a very large folder, or of one that can't
        be read, which `ingest` explains.
    """
    if is_remote(dataset) or images is None or images > _MOST_IMAGES:
        return None
    folder = local_path(dataset)
    if not folder.is_dir():
        return None
    # `ingest` reads the data set again and logs the same warnings.
    try:
        with quiet("components.ingest"):
            captions = read_folder(folder.absolute(), dataset).captions
    except DataError:
        return None
    words = count_words(list(_sample(captions)))
    return find_long_captions(words["lengths"], words["unspaced_share"], max_words)


def _sample(captions: Mapping[str, Sequence[str]]) -> Iterator[Photo]:
    step = -(-len(captions) // _PHOTOS) or 1
    for name in islice(captions, 0, None, step):
        yield Photo(name, "", "", 0, 0, "train", tuple(captions[name]))
