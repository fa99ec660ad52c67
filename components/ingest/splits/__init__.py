"""Splits photos into train, dev and test, and detects leakage between them."""
