"""`python -m pipeline.local`."""

from pipeline.local.run import app

if __name__ == "__main__":
    app()
