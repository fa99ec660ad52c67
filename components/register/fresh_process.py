"""Loads a logged model as its users will, and captions photos with it; run as a script.

This package is not imported, so the copy of the code that MLflow keeps with the model is used.

    python -P fresh_process.py CAPTIONS

The script first imports the libraries that every model needs, and connects to MLflow. Then it reads
a line of JSON from standard input, with `model` (MLflow's URI), `photos` (paths) and `environment`
(variables to set), and writes the list of captions to CAPTIONS. If standard input ends without a
line, the script does nothing.
"""

import gc
import json
import os
import sys
from pathlib import Path


def main(captions: str) -> None:
    """Captions photos; see the module docstring."""
    # Without collections, importing takes a fifth less time.
    gc.disable()
    import mlflow
    import pandas as pd
    import tensorflow  # noqa: F401 # takes longest; the model is logged meanwhile

    gc.enable()
    # Loads the client of MLflow's store and connects to it, which also takes a second.
    mlflow.MlflowClient().search_experiments(max_results=1)
    line = sys.stdin.readline()
    if not line:
        return
    request = json.loads(line)
    os.environ.update(request["environment"])
    table = pd.DataFrame({"photo": [Path(path).read_bytes() for path in request["photos"]]})
    # Without warnings: to tell whether the installed libraries are those that were logged a moment
    # ago, MLflow would read the lists of all files of all libraries, which takes a second.
    model = mlflow.pyfunc.load_model(request["model"], suppress_warnings=True)
    predicted = model.predict(table)["caption"]
    Path(captions).write_text(json.dumps(list(predicted)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Python would first wait for TensorFlow's threads to end.
    os._exit(0)
