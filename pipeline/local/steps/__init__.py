"""The steps of a local run: their processes, how these end, their times, and locks."""
