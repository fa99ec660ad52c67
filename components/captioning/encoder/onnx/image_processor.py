"""Preprocesses photos as the image processors of Hugging Face's transformers do.

The results equal those of transformers' PIL backend (`CLIPImageProcessorPil` and others, version
5); its torchvision backend resizes slightly differently. Three things differ on purpose, because
transformers would not encode the photo as people see it: photos are turned upright as EXIF says,
transparency becomes white, and 16-bit colours are reduced to 8 bits.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

#: The largest side that a photo is resized or cropped to, in pixels.
MAX_SIDE = 4096

_Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
_Colour = tuple[float, float, float]
# Maximum aspect ratio of a photo that is resized by its shorter side. A longer one is cropped
# first: most of it would be cropped afterwards anyway, and resizing one that is a few pixels wide
# and millions long would exceed the memory.
_MAX_RATIO = 16


@dataclass(frozen=True, slots=True)
class ImageProcessor:
    """The steps from a photo to the input of an encoder, in their order.

    Attributes:
        size: Height and width to resize to, whatever the photo's ratio; None: see `shortest_edge`.
        shortest_edge: Length that the shorter side is resized to, keeping the ratio; None with
            `size` None: not resized.
        resample: Pillow's number of the filter: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box,
            5 Hamming.
        crop_size: Height and width of the centre that is kept, padded with black if the photo is
            smaller; None: not cropped.
        rescale_factor: Factor of pixel values, usually 1 / 255; None: not rescaled.
        rescale_offset: Whether 1 is subtracted after rescaling (EfficientNet).
        mean: Mean of each colour, subtracted; None: not normalized.
        std: Standard deviation of each colour, the divisor of that difference.
        include_top: Whether the result is divided by `std` again (EfficientNet).
    """

    size: tuple[_Side, _Side] | None
    shortest_edge: _Side | None
    resample: Literal[0, 1, 2, 3, 4, 5]
    crop_size: tuple[_Side, _Side] | None
    rescale_factor: float | None
    rescale_offset: bool
    mean: _Colour | None
    std: _Colour
    include_top: bool

    def __post_init__(self) -> None:
        """Raises ValueError if the result is not square, or its numbers are not finite."""
        shape = self.crop_size or self.size
        if shape is None or shape[0] != shape[1]:
            raise ValueError(
                "photos must become squares of one size: size or crop_size must have equal height "
                f"and width. Received: size {self.size or self.shortest_edge}, crop_size "
                f"{self.crop_size}"
            )
        with np.errstate(all="ignore"):
            if not np.isfinite(self.lookup_table()).all():
                raise ValueError(
                    "rescale_factor, image_mean and image_std must give finite numbers. Received: "
                    f"{self.rescale_factor}, {self.mean} and {self.std}"
                )

    @property
    def side(self) -> int:
        """Height and width of the result, in pixels."""
        shape = self.crop_size or self.size
        assert shape is not None  # noqa: S101 # as `__post_init__` checks
        return shape[0]

    def resize_and_crop(self, image: Image.Image) -> NDArray[np.uint8]:
        """Returns the pixels of an RGB image, uint8 [side, side, 3], not yet normalized."""
        if self.size:
            height, width = self.size
            image = image.resize((width, height), self.resample)
        elif self.shortest_edge:
            image = _cut(image)
            image = image.resize(_scaled(image, self.shortest_edge), self.resample)
        return _center_crop(np.asarray(image), *self.crop_size or (self.side, self.side))

    def lookup_table(self) -> NDArray[np.float32]:
        """Returns the encoder's input for each pixel value and colour, float32 [256, 3]."""
        values = np.arange(256).reshape(-1, 1).repeat(3, axis=1)  # [256] -> [256, 3]
        # As transformers: the product in float64, all else in float32.
        table = (values.astype(np.float64) * (self.rescale_factor or 1)).astype(np.float32)
        std = np.array(self.std, np.float32)
        if self.rescale_offset:
            table -= 1
        if self.mean is not None:
            table = (table - np.array(self.mean, np.float32)) / std
        return table / std if self.include_top else table


def _cut(image: Image.Image) -> Image.Image:
    short, long = sorted(image.size)
    if long <= _MAX_RATIO * short:
        return image
    side = _MAX_RATIO * short
    left, top = max(0, (image.width - side) // 2), max(0, (image.height - side) // 2)
    return image.crop((left, top, min(image.width, left + side), min(image.height, top + side)))


def _scaled(image: Image.Image, shortest_edge: int) -> tuple[int, int]:
    short, long = sorted(image.size)
    longest = int(shortest_edge * long / short)
    return (shortest_edge, longest) if image.width <= image.height else (longest, shortest_edge)


def _center_crop(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Returns the centre of an image [H, W, 3], padded with black to [height, width, 3]."""
    vertical, horizontal = height - pixels.shape[0], width - pixels.shape[1]
    if vertical > 0 or horizontal > 0:
        # transformers rounds the padding before the image up.
        sides = [(math.ceil(n / 2), n // 2) for n in (max(vertical, 0), max(horizontal, 0))]
        pixels = np.pad(pixels, (*sides, (0, 0)))
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])
