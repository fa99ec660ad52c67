"""`python -m pipeline.cli`: the program `captionflow`."""

from pipeline.cli.app import app

if __name__ == "__main__":
    app(prog_name="captionflow")
