"""Readers for the layouts of data sets, one module per layout; each returns a `CaptionFile`."""
