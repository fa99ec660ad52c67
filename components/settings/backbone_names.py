"""Names of encoders: the backbones of Keras, or the path of an ONNX model's folder."""

import difflib

from components.errors import SettingError

#: The networks of keras.applications, as Keras spells them, with the height and width of the
#: images they were trained on, in pixels. Keras has these only as defaults in its constructors.
INPUT_SIZES = {
    "ConvNeXtBase": 224,
    "ConvNeXtLarge": 224,
    "ConvNeXtSmall": 224,
    "ConvNeXtTiny": 224,
    "ConvNeXtXLarge": 224,
    "DenseNet121": 224,
    "DenseNet169": 224,
    "DenseNet201": 224,
    "EfficientNetB0": 224,
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B0": 224,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2L": 480,
    "EfficientNetV2M": 480,
    "EfficientNetV2S": 384,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "MobileNet": 224,
    "MobileNetV2": 224,
    "MobileNetV3Large": 224,
    "MobileNetV3Small": 224,
    "NASNetLarge": 331,
    "NASNetMobile": 224,
    "ResNet101": 224,
    "ResNet101V2": 224,
    "ResNet152": 224,
    "ResNet152V2": 224,
    "ResNet50": 224,
    "ResNet50V2": 224,
    "VGG16": 224,
    "VGG19": 224,
    "Xception": 299,
}

#: Paths of the network in the folder of an ONNX model; the first that exists is used. The vision
#: tower comes first, because a CLIP's `model.onnx` also takes text.
ONNX_MODEL_FILES = (
    "vision_model.onnx",
    "onnx/vision_model.onnx",
    "model.onnx",
    "onnx/model.onnx",
)
#: The file in such a folder in which transformers saves the preprocessing of photos.
PREPROCESSOR_FILE = "preprocessor_config.json"


def canonical_backbone_name(name: str) -> str:
    """Returns a network's name as Keras spells it, ignoring case.

    Raises:
        SettingError: If there is no such network; the message suggests similar names.
    """
    canonical = {known.lower(): known for known in INPUT_SIZES}
    if name.lower() not in canonical:
        close = difflib.get_close_matches(name.lower(), canonical, n=3, cutoff=0.5)
        hint = ", ".join(canonical[match] for match in close) or ", ".join(INPUT_SIZES)
        raise SettingError(
            f"encoder must name a network of keras.applications, such as: {hint}; or the folder of "
            f"an ONNX model, as a path with a '/', such as ./{name or 'FOLDER'}. Received: {name!r}"
        )
    return canonical[name.lower()]


def is_model_folder(encoder: str) -> bool:
    """Returns whether the setting `encoder` names the folder of an ONNX model.

    A path has a slash, which no network's name has, so the answer does not depend on the machine.
    """
    return "/" in encoder
