"""Captions the photos that a new model is scored on with the champion."""
