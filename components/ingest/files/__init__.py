"""The files of a data set, found by their paths."""
