"""The evaluate step: scores on the test split, and a report."""
