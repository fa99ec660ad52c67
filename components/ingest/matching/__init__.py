"""Matches captioned photos to files, and gives each photo an id."""
