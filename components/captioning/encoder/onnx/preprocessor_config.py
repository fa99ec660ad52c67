"""Reads `preprocessor_config.json`, the file in which transformers saves an image processor."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from components.captioning.encoder.onnx.folder import open_file
from components.captioning.encoder.onnx.image_processor import ImageProcessor
from components.errors import DataError, first_fault
from components.settings.backbone_names import PREPROCESSOR_FILE

_MAX_BYTES = 1 << 20
_CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_EDGE_224 = {"size": {"shortest_edge": 224}, "do_center_crop": True, "crop_size": 224}
_COMMON: dict[str, Any] = {
    "do_resize": True,
    "resample": 2,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "rescale_offset": False,
    "do_normalize": True,
    "include_top": False,
}
# Defaults of transformers' classes for settings that are missing in the file or null. All other
# classes have steps of their own, which an `ImageProcessor` does not have.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "Bit": {**_CLIP, **_EDGE_224, "resample": 3},
    "CLIP": {**_CLIP, **_EDGE_224, "resample": 3},
    "ConvNext": {
        **_HALVES, "size": {"shortest_edge": 384}, "resample": 3, "crop_pct": 224 / 256,
    },
    "DeiT": {**_HALVES, "size": 256, "do_center_crop": True, "crop_size": 224, "resample": 3},
    "EfficientNet": {
        **_HALVES, "size": 346, "crop_size": 289, "resample": 3, "include_top": True,
    },
    "MobileNetV2": {**_HALVES, **_EDGE_224, "size": {"shortest_edge": 256}},
    "Siglip": {**_HALVES, "size": {"height": 224, "width": 224}, "resample": 3},
    "ViT": {**_HALVES, "size": 224},
}  # fmt: skip
# Classes that read a single number in `size` as the length of the shorter side, not of both.
_SHORTEST_EDGE = {"Bit", "CLIP", "ConvNext", "MobileNetV2", "Siglip"}
_TYPE = re.compile(r"(\w+?)(?:ImageProcessor|FeatureExtractor)(?:Fast|Pil)?")
_STEPS = {
    "do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb",
    "do_reduce_labels",
}  # fmt: skip
# From this size on, ConvNext ignores the ratio and does not crop.
_CONVNEXT_WARPS = 384

_Colours = Annotated[list[float], Field(min_length=3, max_length=3)] | float


class _Size(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    height: int | None = None
    width: int | None = None
    shortest_edge: int | None = None


class _Config(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    do_resize: bool
    size: _Size | int | None = None
    resample: int
    do_center_crop: bool
    crop_size: _Size | int | None = None
    crop_pct: float | None = Field(None, gt=0, le=1)
    do_rescale: bool
    rescale_factor: float
    rescale_offset: bool
    do_normalize: bool
    image_mean: _Colours | None = None
    image_std: _Colours | None = None
    include_top: bool


def read_image_processor(folder: Path) -> ImageProcessor:
    """Reads the `preprocessor_config.json` of a folder.

    Raises:
        DataError: If it can't be read, or names a class, a step or a value that is not supported.
    """
    file = folder / PREPROCESSOR_FILE
    with open_file(folder, PREPROCESSOR_FILE) as opened:
        content = opened.read(_MAX_BYTES + 1)
    try:
        if len(content) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
        values = json.loads(content)
        if not isinstance(values, dict):
            raise ValueError("it is not a JSON object")
        return image_processor(values)
    except ValidationError as error:
        received = error.errors()[0]["input"]
        raise DataError(
            f"{file} is invalid: {first_fault(error)}. Received: {received!r:.80}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} can't be used: {error}") from error


def image_processor(values: dict[str, Any]) -> ImageProcessor:
    """Returns the image processor that a configuration of transformers describes.

    Raises:
        ValueError: If it has a class, a step or a value that is not supported.
    """
    given = {name: value for name, value in values.items() if value is not None}
    kind = _kind(given)
    if unknown := [
        name for name in sorted(given) if name.startswith("do_") and name not in _STEPS
        and given[name]
    ]:  # fmt: skip
        raise ValueError(f"{unknown[0]} is a step that captionflow does not support")
    if kind is None:
        # Without a class, the file has the steps for which it has values.
        defaults = {"do_resize": "size" in given, "do_normalize": "image_mean" in given}
    else:
        defaults = _DEFAULTS[kind]
    # From JSON, strict pydantic accepts objects, but still no booleans or text as numbers.
    config = _Config.model_validate_json(json.dumps({**_COMMON, **defaults, **given}))
    size, edge, crop = _geometry(config, kind)
    std = _colours(config.image_std, "image_std") if _uses_std(config) else (1.0, 1.0, 1.0)
    return TypeAdapter(ImageProcessor).validate_python(
        {
            "size": size,
            "shortest_edge": edge,
            "resample": config.resample,
            "crop_size": crop,
            "rescale_factor": config.rescale_factor if config.do_rescale else None,
            "rescale_offset": config.do_rescale and config.rescale_offset,
            "mean": _colours(config.image_mean, "image_mean") if config.do_normalize else None,
            "std": std,
            "include_top": config.include_top,
        }
    )


def _kind(given: dict[str, Any]) -> str | None:
    name = given.get("image_processor_type", given.get("feature_extractor_type"))
    if name is None:
        return None
    matched = _TYPE.fullmatch(str(name))
    if not matched or matched[1] not in _DEFAULTS:
        raise ValueError(
            f"image_processor_type must be one of {', '.join(_DEFAULTS)}, followed by "
            f"ImageProcessor. Received: {str(name)[:80]!r}"
        )
    return matched[1]


def _geometry(
    config: _Config, kind: str | None
) -> tuple[tuple[int, int] | None, int | None, tuple[int, int] | None]:
    """Returns the size or the shortest edge to resize to, and the size of the crop."""
    crop = _square(config.crop_size, "crop_size") if config.do_center_crop else None
    if not config.do_resize:
        return None, None, crop
    edge = _shortest_edge(config, kind)
    if config.crop_pct is not None and edge:
        # As in timm: the photo is resized larger by 1 / crop_pct, and its centre is kept.
        if kind == "ConvNext" and edge >= _CONVNEXT_WARPS:
            return (edge, edge), None, crop
        return None, int(edge / config.crop_pct), crop or (edge, edge)
    return (None, edge, crop) if edge else (_square(config.size, "size"), None, crop)


def _shortest_edge(config: _Config, kind: str | None) -> int | None:
    if isinstance(config.size, _Size):
        return config.size.shortest_edge
    counts = kind in _SHORTEST_EDGE or (kind is None and config.crop_pct is not None)
    return config.size if counts else None


def _square(size: _Size | int | None, name: str) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    if size is None or size.height is None or size.width is None:
        raise ValueError(f"{name} must be a number, or have height and width. Received: {size!r}")
    return size.height, size.width


def _uses_std(config: _Config) -> bool:
    return config.do_normalize or config.include_top


def _colours(value: list[float] | float | None, name: str) -> tuple[float, ...]:
    if value is None:
        raise ValueError(f"{name} must have a number for each colour. Received: none")
    return tuple(value) if isinstance(value, list) else (value,) * 3
