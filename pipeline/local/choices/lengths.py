"""Chooses the longest caption for a data set whose captions the preset would truncate."""

from components.artifacts.manifest import Photo
from components.captioning.model.caption_lengths import LongCaptions, find_long_captions
from components.errors import CaptionflowError
from components.ingest.captions.words import count_words
from components.ingest.reading.sources import read_folder
from components.storage.filesystem import is_remote, local_path
from pipeline.local.quiet import quiet

# Reading and counting the captions of as many images, five each, takes 8 s, most of it for
# counting. `trigger` reports long captions of a larger data set.
_MOST_IMAGES = 50_000


def long_captions(dataset: str, images: int | None, max_words: int) -> LongCaptions | None:
    """Returns what `max_words` would truncate in a local folder; all of its captions are counted.

    Args:
        dataset: The setting `dataset`.
        images: Number of its image files; None if unknown.
        max_words: The limit.

    Returns:
        The captions that are longer; None if there are few of them, or the captions are not read:
        those of an archive, of a data set in a bucket, of a very large folder, or of one that can't
        be read, which `ingest` explains.
    """
    if images is None or images > _MOST_IMAGES:
        return None
    try:
        if is_remote(dataset) or not (folder := local_path(dataset)).is_dir():
            return None
        # `ingest` reads the data set again and logs the same warnings.
        with quiet("components.ingest"):
            captions = read_folder(folder.absolute(), dataset).captions
    except (CaptionflowError, OSError):
        return None
    words = count_words(
        [Photo(name, "", "", 0, 0, "train", tuple(captions[name])) for name in captions]
    )
    return find_long_captions(words["lengths"], words["unspaced_share"], max_words)
