"""Registers a model that passed the gate, and promotes it to champion."""
