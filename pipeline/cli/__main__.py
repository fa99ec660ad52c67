"""Runs the program `captionflow` without installing it: `python -m pipeline.cli`."""

from pipeline.cli.app import app

if __name__ == "__main__":
    app(prog_name="captionflow")
