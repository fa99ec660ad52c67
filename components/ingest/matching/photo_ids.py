"""Photo ids: what a photo is called in the manifest."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from components.ingest.matching.matching import Matched


@dataclass(frozen=True, slots=True)
class PhotoIds:
    """The ids of all photos that captions name.

    Attributes:
        by_name: For each caption file, ids by what the file calls a photo.
        files: Files (their paths below the data set) by id, for photos that are there.
        loose: The same, for ids whose file has only a similar name; see `matching`.
    """

    by_name: list[dict[str, str]]
    files: dict[str, str]
    loose: dict[str, str]


def name_photos(matches: Sequence[Matched]) -> PhotoIds:
    """Gives each photo an id: its path as the captions give it.

    Where caption files call different photos by one name (`1.jpg` in `train` and in `test`), it is
    the path below the data set instead.

    Args:
        matches: From `match_photos`.
    """
    # A missing photo is identified by the folder where it should be.
    targets = [
        {name: matched.found.get(name) or f"{matched.scope}/{name}".lstrip("/")
         for name in matched.names.values()}
        for matched in matches
    ]  # fmt: skip
    targets_of: dict[str, set[str]] = defaultdict(set)
    for one in targets:
        for name, target in one.items():
            targets_of[name].add(target)
    ids = PhotoIds([], {}, {})
    for matched, one in zip(matches, targets, strict=True):
        id_of = {
            name: name if len(targets_of[name]) == 1 else target for name, target in one.items()
        }
        ids.by_name.append({given: id_of[name] for given, name in matched.names.items()})
        for name, file in matched.found.items():
            ids.files[id_of[name]] = file
            if name in matched.loose:
                ids.loose[id_of[name]] = file
    return ids
