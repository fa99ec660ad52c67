"""The top floor: what runs, and where."""
