"""From a path to a `Source`: a data set as it was found, or why it can't be read."""
