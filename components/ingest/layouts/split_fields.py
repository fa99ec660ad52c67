"""Detects fields and columns that give splits under a name other than `split`, such as `usage`."""

from collections.abc import Mapping
from dataclasses import replace

from components.ingest.layouts.caption_file import CaptionFile
from components.ingest.layouts.split_words import known_split, split_in_name

_FLAGS = {"true", "false", "yes", "no", "0", "1", "0.0", "1.0"}
_EMPTY = {"", "nan", "none", "null"}


class SplitFields:
    """Collects the values of fields, and determines which field gives splits.

    A field gives splits if all of its values are names of splits (`train`, `Validation`, …), and at
    least two different splits occur. So an object class called `train` is not mistaken for a split.
    """

    def __init__(self) -> None:
        self._splits: dict[str, dict[str, str]] = {}
        self._others: set[str] = set()
        self._flags: set[str] = set()

    def add(self, photo: str, values: Mapping[str, object]) -> None:
        """Adds a record.

        Args:
            photo: The photo that the record describes.
            values: Values by field, without the fields for the photo and its captions.
        """
        for field, value in values.items():
            if field in self._others or value is None:
                continue
            text = str(value).strip() if isinstance(value, str | int | float) else "?"
            if text.lower() in _EMPTY:
                continue
            splits = self._splits.setdefault(field, {})
            split = known_split(text)
            if split is None or splits.setdefault(photo, split) != split:
                self._others.add(field)
                del self._splits[field]
                if text.lower() in _FLAGS and split_in_name(field):
                    self._flags.add(field)

    def chosen(self) -> tuple[str, dict[str, str]]:
        """Returns the field that gives splits, and splits by photo; both empty if none does."""
        found = {
            field: splits for field, splits in self._splits.items() if len({*splits.values()}) > 1
        }
        if len({tuple(sorted(splits.items())) for splits in found.values()}) != 1:
            return "", {}
        return next(iter(found.items()))

    def notes(self) -> list[str]:
        """Returns sentences about fields that seem to give splits but are not used."""
        field, _ = self.chosen()
        several = [one for one, splits in self._splits.items() if len({*splits.values()}) > 1]
        doubtful = self._flags | (set() if field else set(several))
        return [
            f"`{one}` seems to give splits and is not used: name the split of each photo (train, "
            "val, test) in a field or column `split`"
            for one in sorted(doubtful)
        ]


def with_split_field(file: CaptionFile, others: SplitFields) -> CaptionFile:
    """Returns a caption file with the splits of another field, if it has no splits yet."""
    if file.splits:
        return file
    field, splits = others.chosen()
    notes = (*file.notes, *(f"{file.path}: {note}" for note in others.notes()))
    if not splits:
        return replace(file, notes=notes)
    kind = "column" if file.layout == "csv" else "field"
    return replace(file, splits=splits, split_field=f"the {kind} `{field}`", notes=notes)
