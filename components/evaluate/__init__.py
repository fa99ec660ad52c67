"""Scores a model on the test split, and shows what it says."""
