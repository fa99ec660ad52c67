"""Normalises captions and converts them to token ids, using a vocabulary of the train split."""
