"""Loads a logged model as its users will, and captions photos with it; run as a script.

Nothing of this package is imported, so the copy of the code that MLflow keeps with the model runs.

    python -P fresh_process.py MODEL_URI PHOTOS CAPTIONS

PHOTOS is a JSON file with a list of paths; the list of their captions is written to CAPTIONS.
"""

import json
import sys
from pathlib import Path

import mlflow
import pandas as pd


def main(model_uri: str, photos: str, captions: str) -> None:
    """Captions photos; see the module docstring."""
    paths = [Path(path) for path in json.loads(Path(photos).read_text(encoding="utf-8"))]
    table = pd.DataFrame({"photo": [path.read_bytes() for path in paths]})
    predicted = mlflow.pyfunc.load_model(model_uri).predict(table)["caption"]
    Path(captions).write_text(json.dumps(list(predicted)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
