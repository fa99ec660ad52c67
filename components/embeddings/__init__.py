"""GloVe vectors for the vocabulary, as one matrix."""
