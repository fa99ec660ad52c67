"""Train, dev and test: where the splits come from, and what must not be in two of them."""
