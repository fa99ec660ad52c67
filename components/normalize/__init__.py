"""Normalises captions and converts them to token ids, with a vocabulary of the train split."""
