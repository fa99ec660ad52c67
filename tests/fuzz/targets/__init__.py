"""What is changed, and how it is read."""

from collections.abc import Callable

from targets.datasets import captions, json_documents, words
from targets.encoders import encoders
from targets.files import archives, images
from targets.folders import folders
from targets.models import bundles, vectors, weights
from targets.target import Target

TARGETS: dict[str, Callable[[], Target]] = {
    "images": images,
    "archives": archives,
    "captions": captions,
    "json": json_documents,
    "folders": folders,
    "words": words,
    "vectors": vectors,
    "weights": weights,
    "bundles": bundles,
    "encoders": encoders,
}
