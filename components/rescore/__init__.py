"""Lets the champion describe the photos that a new model is scored on."""
