"""The vocabulary: words and their ids, with four special tokens at fixed ids."""

from collections.abc import Iterable, Sequence
from pathlib import Path

SPECIAL_TOKENS = ("<pad>", "<start>", "<end>", "<unk>")
PAD, START, END, UNK = range(len(SPECIAL_TOKENS))


class Vocabulary:
    """Words by id, as in `vocabulary.txt`: one word per line, whose line number is its id.

    Args:
        words: All words in the order of their ids, starting with the four `SPECIAL_TOKENS`.

    Raises:
        ValueError: If the special tokens are not first, or a word is listed twice.
    """

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
            raise ValueError(
                f"A vocabulary must start with {', '.join(SPECIAL_TOKENS)}. "
                f"Received: {', '.join(words[: len(SPECIAL_TOKENS)])}"
            )
        self.words = tuple(words)
        self._ids = {word: index for index, word in enumerate(self.words)}
        if len(self._ids) != len(self.words):
            duplicate = next(word for i, word in enumerate(self.words) if self._ids[word] != i)
            raise ValueError(f"The words of a vocabulary must be unique. Duplicate: {duplicate!r}")

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Reads a `vocabulary.txt`."""
        return cls(Path(path).read_text(encoding="utf-8").splitlines())

    def save(self, path: str | Path) -> None:
        """Writes a `vocabulary.txt`."""
        Path(path).write_text("\n".join(self.words) + "\n", encoding="utf-8")

    def __len__(self) -> int:
        """Returns the number of ids, including the special tokens."""
        return len(self.words)

    def encode(self, caption: str) -> list[int]:
        """Returns a normalized caption's token ids, without special tokens but `UNK`."""
        return [self._ids.get(word, UNK) for word in caption.split()]

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the words of the ids before the first `END`, skipping special tokens."""
        words = []
        for index in ids:
            if index == END:
                break
            if index >= len(SPECIAL_TOKENS):
                words.append(self.words[index])
        return " ".join(words)
