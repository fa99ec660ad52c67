"""What data sets call their splits, and what they are called here."""

import re
from functools import cache

from components.errors import DataError

#: Splits by what data sets call them; `restval` is what Karpathy's split of COCO adds to train.
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "restval"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validate", "validation"), "dev"),
    **dict.fromkeys(("eval", "evaluation", "minival"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_WORD = re.compile(
    r"(?<![a-z])(?P<split>train|val|dev|test)(?:ing|id|idate|idation)?"
    r"(?:[ _.-]?(?:captions?|files?|ids?|images?|imgs?|list|names?|photos?|set|split))?(?![a-z])"
)
_OF_SPLITS = re.compile(r"(?<![a-z])(?:data)?(?:splits?|partitions?|folds?|subsets?)(?![a-z])")
_LONGEST_WORD = 20
_NO_SPLIT = {"", "nan", "none", "null"}


def split_of(value: str | None, where: str) -> str | None:
    """Returns the split that a field or a column of a data set names.

    Args:
        value: Such as `train`, `validation` or `restval`, in any case; None or empty: no split.
        where: The file and the photo, for the message.

    Returns:
        `train`, `dev`, `test` or None.

    Raises:
        DataError: If it is none of the usual words.
    """
    word = (value or "").strip().lower()
    if word in _NO_SPLIT:
        return None
    if split := known_split(word):
        return split
    raise DataError(f"{where}: a split must be one of {', '.join(SPLIT_WORDS)}. Found: {value!r}")


def known_split(word: str) -> str | None:
    """Returns the split that a word names, such as `Validation`, `train2014` or `test set`."""
    word = word.strip().lower()
    # A sentence may speak of a test.
    return SPLIT_WORDS.get(word) or (split_in_name(word) if len(word) <= _LONGEST_WORD else None)


def note_split(splits: dict[str, str], photo: str, word: str | None, where: str) -> None:
    """Notes the split that a file gives a photo.

    Args:
        splits: By photo; changed here.
        photo: The photo.
        word: What the file says, as for `split_of`.
        where: The file and the place in it, for the message.

    Raises:
        DataError: If the word is unknown, or the photo was given another split before.
    """
    split = split_of(word, where)
    if split and splits.setdefault(photo, split) != split:
        raise DataError(
            f"{where}: {photo} is in {split} here, but in {splits[photo]} earlier. "
            "A photo must be in one split"
        )


def split_in_name(name: str) -> str | None:
    """Returns the one split that a file's or folder's name speaks of; None if none or several."""
    found = {SPLIT_WORDS[match["split"]] for match in _WORD.finditer(name.lower())}
    return found.pop() if len(found) == 1 else None


def speaks_of_splits(name: str) -> bool:
    """Returns whether a file's name speaks of splits at large: `train_test_split`, `folds`."""
    return _OF_SPLITS.search(name.lower()) is not None


def is_called_after_splits(name: str) -> bool:
    """Returns whether a file's name speaks of one split or of splits at large."""
    return split_in_name(name) is not None or speaks_of_splits(name)


def split_in_folders(path: str) -> str | None:
    """Returns the split that the innermost folder of a path speaks of that speaks of any."""
    return _split_of_folder(path.rpartition("/")[0])


@cache
def _split_of_folder(folder: str) -> str | None:
    for name in reversed(folder.split("/")):
        if split := split_in_name(name):
            return split
    return None
