"""Registers a model that passed the gate, and makes it champion."""
