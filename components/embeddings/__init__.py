"""Builds the embedding matrix of the vocabulary from GloVe vectors."""
