"""Captions of all files together: merged, cleaned and counted."""
