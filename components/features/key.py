"""What decides a photo's feature besides the photo itself, told without loading a network."""

from importlib.metadata import version

from components.artifacts.fingerprint import fingerprint_value
from components.captioning.encoder.backbone_names import INPUT_SIZES, canonical_backbone_name
from components.captioning.encoder.weights import IMAGENET, RANDOM
from components.platform.contents import named_content

#: Raise it by one with each change that gives other features: of how a photo is read and resized,
#: how a network is built, gets its weights and prepares its input, what it puts out, or how it
#: computes in one of its precisions. `tests/components/features/test_key.py` fails where that is
#: forgotten.
FEATURES_VERSION = 1

# Keras pins ImageNet's weights by their checksum, and brings networks and their preprocessing.
_LIBRARIES = ("keras", "pillow", "tensorflow")


def encoder_key(network: str, weights: str, seed: int, precision: str) -> str:
    """Returns what tells an encoder from all that would give other features.

    Two machines round differently; that does not count.

    Args:
        network: A network of keras.applications.
        weights: "imagenet", "random", or the local or `gs://` path of a weights file, which counts
            by its content. (A bucket knows contents by another checksum.)
        seed: Of random weights; counts for no others.
        precision: What it computes in, "float32" or "bfloat16". float32 adds nothing to the key:
            stores of before there was a choice stay good.

    Returns:
        64 hex digits.

    Raises:
        SettingError: If there is no such network, or the path is neither local nor `gs://`.
        DataError: If nothing lies at the path.
    """
    name = canonical_backbone_name(network)
    chosen = {} if precision == "float32" else {"precision": precision}
    return fingerprint_value(
        {
            "version": FEATURES_VERSION,
            "network": name,
            "size": INPUT_SIZES[name],
            "weights": named_content(weights, IMAGENET, RANDOM),
            "seed": seed if weights == RANDOM else None,
            **chosen,
            "libraries": {library: version(library) for library in _LIBRARIES},
        }
    )
