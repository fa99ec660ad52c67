"""The key of an encoder in the feature store, computed without loading a network."""

from components.artifacts.code_version import code_version
from components.artifacts.external import external_content_hash
from components.artifacts.fingerprint import fingerprint_value
from components.captioning.encoder.weights import IMAGENET, RANDOM
from components.settings.backbone_names import canonical_backbone_name, is_model_folder

# The package that reads and resizes photos, and builds and runs the network.
_CODE = "components.captioning.encoder"


def encoder_key(
    network: str,
    weights: str,
    seed: int,
    precision: str,
    *,
    multi_crop: bool,
    output: str = "",
) -> str:
    """Returns the fingerprint of everything but the photo that determines a photo's feature.

    It includes the encoder's code and libraries, see `code_version`, but not rounding differences
    between machines.

    Args:
        network: A backbone of keras.applications, or the folder of an ONNX model, local or remote.
            The folder is identified by the content of its files, which include the weights.
        weights: "imagenet", "random", or the path of a weights file, local or remote, which is
            identified by its content. (Buckets and disks have different checksums for the same
            content.)
        seed: Seed of random weights; ignored for all others.
        precision: "float32" or "bfloat16".
        output: The setting `encoder_output`.
        multi_crop: The setting of this name.

    Returns:
        64 hex digits.

    Raises:
        SettingError: If there is no such backbone, or the path's scheme is not supported.
        DataError: If there is nothing at the path.
    """
    if is_model_folder(network):
        model = external_content_hash(network)
        parts = {
            "model": model,
            "output": output,
            "precision": precision,
            "multi_crop": multi_crop,
        }
        return fingerprint_value({"code": code_version(_CODE), **parts})
    return fingerprint_value(
        {
            "code": code_version(_CODE),
            "network": canonical_backbone_name(network),
            "weights": external_content_hash(weights, IMAGENET, RANDOM),
            "seed": seed if weights == RANDOM else None,
            "precision": precision,
            "multi_crop": multi_crop,
        }
    )
