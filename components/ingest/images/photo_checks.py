"""The checks of all photos of a data set, in little memory."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from components.ingest.files.mapped import Mapped
from components.ingest.images.check_store import StoredChecks
from components.ingest.images.checks import ImageCheck


class PhotoChecks(Mapping[str, ImageCheck]):
    """The checks of photos by id, in the order of their ids.

    Args:
        ids: Ids of the photos, ascending; N of them.
        rows: Their rows in `stored`, integers [N]; several ids may have the same file.
        stored: Their checks.
    """

    def __init__(self, ids: Sequence[str], rows: NDArray[np.intp], stored: StoredChecks) -> None:
        self._ids = ids
        self._rows = rows
        self._stored = stored

    def __getitem__(self, image_id: str) -> ImageCheck:
        """The check of a photo."""
        place = self._place(image_id)
        if place is None:
            raise KeyError(image_id)
        return self._stored.check(int(self._rows[place]), image_id)

    def __contains__(self, image_id: object) -> bool:
        """Whether a photo has a check."""
        return isinstance(image_id, str) and self._place(image_id) is not None

    def __iter__(self) -> Iterator[str]:
        """The ids of the photos, ascending."""
        return iter(self._ids)

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._ids)

    def failed(self) -> list[ImageCheck]:
        """Returns the checks of the photos that can't be used."""
        return [self[self._ids[place]] for place in np.flatnonzero(self._are_broken()).tolist()]

    def passed(self) -> "PhotoChecks":
        """Returns the checks of all other photos."""
        places = np.flatnonzero(~self._are_broken())
        ids = [self._ids[place] for place in places.tolist()]
        return PhotoChecks(ids, self._rows[places], self._stored)

    def each(self, attribute: str) -> Mapping[str, str]:
        """Returns an attribute of each check, such as `sha256`, by the photo's id."""
        return Mapped(self, attrgetter(attribute))

    def _are_broken(self) -> NDArray[np.bool_]:
        reasons = self._stored.reasons
        return np.isin(self._rows, np.fromiter(reasons, np.intp, len(reasons)))

    def _place(self, image_id: str) -> int | None:
        place = bisect_left(self._ids, image_id)
        return place if place < len(self._ids) and self._ids[place] == image_id else None
