"""Chooses settings for a local run on a user's own data, and shows them in a table."""
