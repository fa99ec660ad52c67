"""Gives each captioned photo its id in the manifest."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.ingest.matching.matching import Matched


@dataclass(frozen=True, slots=True)
class PhotoIds:
    """The ids of all captioned photos.

    Attributes:
        by_name: For each caption file, maps the names it uses to photo ids.
        files: Maps ids to files (paths below the data set), for photos that exist.
        loose: The subset of `files` that was only matched loosely; see `matching`.
    """

    by_name: list[dict[str, str]]
    files: dict[str, str]
    loose: dict[str, str]


def name_photos(matches: Sequence[Matched]) -> PhotoIds:
    """Gives each photo an id: its path as written in the captions.

    If caption files use the same name for different photos (`1.jpg` in `train` and in `test`), the
    id is the path below the data set instead.

    Args:
        matches: From `match_photos`.
    """
    # A missing photo is identified by the path where it should be.
    targets = [
        {name: matched.found.get(name) or f"{matched.scope}/{name}".lstrip("/")
         for name in matched.names.values()}
        for matched in matches
    ]  # fmt: skip
    first_target: dict[str, str] = {}
    ambiguous: set[str] = set()
    for one in targets:
        for name, target in one.items():
            if first_target.setdefault(name, target) != target:
                ambiguous.add(name)
    ids = PhotoIds([], {}, {})
    for matched, one in zip(matches, targets, strict=True):
        id_of = {name: target if name in ambiguous else name for name, target in one.items()}
        ids.by_name.append({given: id_of[name] for given, name in matched.names.items()})
        for name, file in matched.found.items():
            ids.files[id_of[name]] = file
            if name in matched.loose:
                ids.loose[id_of[name]] = file
    return ids
