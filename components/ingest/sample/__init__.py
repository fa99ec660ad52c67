"""The built-in data set `sample`: generated pictures of simple shapes, with captions."""
