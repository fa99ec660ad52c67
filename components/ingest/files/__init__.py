"""Lists the files of a data set and finds them by their paths."""
