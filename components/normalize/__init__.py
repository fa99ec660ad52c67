"""Captions to token ids: one definition of a token, a vocabulary from the train split."""
