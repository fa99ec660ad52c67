"""Loads a logged model as its users will, and lets it describe photos; run as a script.

It knows the model alone: nothing of this package is imported, so that the code which MLflow keeps
beside the model is what runs.

    python -P fresh_process.py MODEL_URI PHOTOS CAPTIONS

PHOTOS is a JSON file with a list of paths; CAPTIONS is written, a list of what is said of each.
"""

import json
import sys
from pathlib import Path

import mlflow
import pandas as pd


def main(model_uri: str, photos: str, captions: str) -> None:
    """Describes photos; see the head of this file."""
    paths = [Path(path) for path in json.loads(Path(photos).read_text(encoding="utf-8"))]
    table = pd.DataFrame({"photo": [path.read_bytes() for path in paths]})
    said = mlflow.pyfunc.load_model(model_uri).predict(table)["caption"]
    Path(captions).write_text(json.dumps(list(said)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
