"""Maps the names that data sets use for splits to `train`, `dev` and `test`."""

import re
from functools import cache

from components.errors import DataError

#: Splits by the names that data sets use for them. `restval` is the part of COCO's validation set
#: that Karpathy's split adds to train.
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
    """Returns the split for a value of a field or column of a data set.

    Args:
        value: For instance `train`, `validation` or `restval`, in any letter case; None or empty
            if there is no split.
        where: The file and the photo, for the message.

    Returns:
        `train`, `dev`, `test` or None.

    Raises:
        DataError: If the value is not a known name of a split.
    """
    word = (value or "").strip().lower()
    if word in _NO_SPLIT:
        return None
    if split := known_split(word):
        return split
    raise DataError(f"{where}: a split must be one of {', '.join(SPLIT_WORDS)}. Found: {value!r}")


def known_split(word: str) -> str | None:
    """Returns the split for a name such as `Validation`, `train2014` or `test set`, else None."""
    word = word.strip().lower()
    # In a longer text, such as a caption, the word "test" need not mean a split.
    return SPLIT_WORDS.get(word) or (split_in_name(word) if len(word) <= _LONGEST_WORD else None)


def note_split(splits: dict[str, str], photo: str, word: str | None, where: str) -> None:
    """Records the split that a file gives for a photo.

    Args:
        splits: Splits by photo; modified in place.
        photo: The photo.
        word: The name of the split in the file, as for `split_of`.
        where: The file and the position in it, for the message.

    Raises:
        DataError: If the name is unknown, or the photo already has a different split.
    """
    split = split_of(word, where)
    if split and splits.setdefault(photo, split) != split:
        raise DataError(
            f"{where}: {photo} is in {split} here, but in {splits[photo]} earlier. "
            "A photo must be in one split"
        )


def split_in_name(name: str) -> str | None:
    """Returns the split that a file's or folder's name contains; None if none or several."""
    found = {SPLIT_WORDS[match["split"]] for match in _WORD.finditer(name.lower())}
    return found.pop() if len(found) == 1 else None


def speaks_of_splits(name: str) -> bool:
    """Returns whether a file's name refers to splits in general: `train_test_split`, `folds`."""
    return _OF_SPLITS.search(name.lower()) is not None


def is_called_after_splits(name: str) -> bool:
    """Returns whether a file is named after one split or after splits in general."""
    return split_in_name(name) is not None or speaks_of_splits(name)


def split_in_folders(path: str) -> str | None:
    """Returns the split of the innermost folder in a path that is named after one; else None."""
    return _split_of_folder(path.rpartition("/")[0])


@cache
def _split_of_folder(folder: str) -> str | None:
    for name in reversed(folder.split("/")):
        if split := split_in_name(name):
            return split
    return None
