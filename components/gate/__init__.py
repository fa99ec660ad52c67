"""Decides whether a new model may replace the champion."""
