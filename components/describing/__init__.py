"""Captions photos with a trained model: a few for a person, or whole folders into a file."""
