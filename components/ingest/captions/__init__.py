"""Merges and cleans the captions of all files, counts their words and detects their language."""
