"""Runs the model server."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from components.captioning.inference.scoring import PhotoScorer
from components.describing.http.bodies import MAX_BODIES
from components.describing.http.server import make_server, run_server
from components.describing.model import Model
from components.describing.serving.application import make_application
from components.describing.serving.metrics import Metrics

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner

#: Seconds that requests in progress have to finish when the server stops; Kubernetes kills a pod
#: after 30 seconds.
GRACE = 25


def serve(
    listener: socket.socket,
    load_captioner: "Callable[[], Captioner]",
    model: Model,
    *,
    features: str | None = None,
) -> None:
    """Serves a model until Ctrl-C or SIGTERM; the model is loaded in the background.

    Args:
        listener: Obtained from `listen`.
        load_captioner: Loads the captioner.
        model: The model, for `/version` and `/metrics`.
        features: Folder to keep the features of all photos in, see `components.drift`.

    Raises:
        CaptionflowError: If the model can't be loaded, or the folder can't be used.
    """
    metrics = Metrics(model)
    with ExitStack() as stack:

        def watch_features(captioner: "Captioner") -> None:
            # This imports TensorFlow, which is loaded by now.
            from components.describing.drift import keep_features, monitor_drift

            if features is not None:
                stack.enter_context(keep_features(captioner, features))
            if monitor := monitor_drift(captioner):
                stack.callback(monitor.close)
                metrics.show_drift(monitor)

        scorer = PhotoScorer(load_captioner, on_warm=watch_features, max_waiting=MAX_BODIES)
        server = make_server(make_application(scorer, model, metrics), grace=GRACE)
        run_server(server, listener, scorer.batcher.model)
