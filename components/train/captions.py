"""Captions as arrays, from which batches are cut."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.model.vocabulary import END, PAD, START

#: Inputs and targets, see `Captions.batch`; with several workers also the weight of the loss.
Batch = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Captions:
    """M captions of N photos.

    Attributes:
        features: float16 [N, D].
        photos: int32 [M], the photo of each caption.
        lengths: int32 [M], without special tokens.
        sequences: int32 [M, T + 1], each `START`, the caption, `END`, then `PAD`.
    """

    features: NDArray[np.float16]
    photos: NDArray[np.int32]
    lengths: NDArray[np.int32]
    sequences: NDArray[np.int32]

    @classmethod
    def of(cls, examples: Examples, max_words: int) -> "Captions":
        """Returns all captions of the photos; longer ones are truncated to `max_words` words."""
        captions = [
            (photo, ids[:max_words])
            for photo, all_ids in enumerate(examples.tokens)
            for ids in all_ids
        ]
        sequences = np.full((len(captions), max_words + 2), PAD, np.int32)
        for row, (_, ids) in zip(sequences, captions, strict=True):
            row[: len(ids) + 2] = (START, *ids, END)
        return cls(
            examples.features,
            np.array([photo for photo, _ in captions], np.int32),
            np.array([len(ids) for _, ids in captions], np.int32),
            sequences,
        )

    def __len__(self) -> int:
        """Returns the number of captions, M."""
        return len(self.photos)

    def select(self, rows: NDArray[np.intp]) -> "Captions":
        """Returns some captions, each with its own copy of its photo's features."""
        return Captions(
            self.features[self.photos[rows]],
            np.arange(len(rows), dtype=np.int32),
            self.lengths[rows],
            self.sequences[rows],
        )

    def followed_by(self, others: "Captions") -> "Captions":
        """Returns these captions followed by the others."""
        return Captions(
            np.concatenate([self.features, others.features]),
            np.concatenate([self.photos, len(self.features) + others.photos]),
            np.concatenate([self.lengths, others.lengths]),
            np.concatenate([self.sequences, others.sequences]),
        )

    def batch(self, rows: NDArray[np.intp]) -> Batch:
        """Returns some captions as a batch, padded to the longest.

        Args:
            rows: The rows of B captions.

        Returns:
            The inputs, `features` float16 [B, D] and `tokens` int32 [B, T], and the targets, int32
            [B, T].
        """
        return self.part_of_batch(rows, rows, len(rows))

    def part_of_batch(self, rows: NDArray[np.intp], batch: NDArray[np.intp], size: int) -> Batch:
        """Returns a part of a batch, padded so that all parts have the same shapes.

        Args:
            rows: The rows of this part, at most B and possibly none.
            batch: The rows of the whole batch, to whose longest caption the part is padded.
            size: B. Missing captions are filled with padding, which the loss ignores.

        Returns:
            As `batch`.
        """
        longest = int(self.lengths[batch].max()) + 2
        sequences = self.sequences[rows, :longest]  # [B, T + 1]
        features = self.features[self.photos[rows]]
        if missing := size - len(rows):
            sequences = np.pad(sequences, ((0, missing), (0, 0)), constant_values=PAD)
            features = np.pad(features, ((0, missing), (0, 0)))
        # There is nothing to predict after END, so as an input it is padding.
        tokens = np.where(sequences == END, PAD, sequences)[:, :-1]
        return {"features": features, "tokens": tokens}, sequences[:, 1:]
