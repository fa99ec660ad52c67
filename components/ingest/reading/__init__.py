"""Reads the data set at a path into a `Source`, or explains why it can't be read."""
