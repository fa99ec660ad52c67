"""Decodes photos as input for the encoder: upright, RGB, square."""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from components.captioning.encoder.image_metadata import CostlyImageError, strip_metadata
from components.errors import DataError

#: Supported formats, detected by content, not by file name. Pillow tries no other decoder.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
#: Maximum number of pixels, more than any camera's photo has: a file of a few bytes can announce
#: gigabytes of pixels.
MAX_PIXELS = 64_000_000
#: Maximum width and height in pixels, which are also the limits of JPEG and GIF. Pillow needs
#: memory for each row, however short: 1.7 GB for 1 x 64,000,000 pixels.
MAX_SIDE = 65_535
#: Maximum size of a file in bytes, also more than any camera's photo has.
MAX_BYTES = 64 << 20
#: Animations are rejected: no single frame stands for the whole, and the first is often empty.
ANIMATION = "is an animation; a photo has one frame"

# Decoding a JPEG at a half (a quarter, ...) of its size is several times faster. At least twice the
# requested size is kept, so that the final resize is still smooth.
_DRAFT = 2

# Pixels of a transparent photo that are blended with white at the same time.
_STRIP_PIXELS = 1 << 20

# The transposition that turns a photo upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: What Pillow's decoders raise for broken files: each parser has its own kinds of errors.
DECODER_ERRORS = (
    Image.DecompressionBombError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    CostlyImageError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def load_photo(source: str | Path | bytes, size: int, *, named: str = "") -> NDArray[np.uint8]:
    """Decodes a photo and resizes it to a square.

    The photo is turned upright according to its EXIF orientation; greyscale, palettes, CMYK and
    16-bit colours become RGB; transparent areas become white. Both sides are resized to `size`,
    whatever the aspect ratio, as for the training of the networks: bilinear, with antialiasing.

    Args:
        source: An image file's path or content.
        size: Height and width of the result, in pixels.
        named: The photo's name in error messages; empty: its path, or its number of bytes.

    Returns:
        Pixel values from 0 to 255, uint8 [size, size, 3].

    Raises:
        DataError: As `decode_photo`.
    """
    image = decode_photo(source, draft=_DRAFT * size, named=named)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def decode_photo(
    source: str | Path | bytes, *, draft: int | None = None, named: str = ""
) -> Image.Image:
    """Decodes a photo to an upright RGB image.

    Args:
        source: An image file's path or content.
        draft: A JPEG may be decoded at a half (a quarter, ...) of its size, as long as both sides
            have at least this many pixels; None: full size.
        named: The photo's name in error messages; empty: its path, or its number of bytes.

    Raises:
        DataError: If it can't be read, has more than `MAX_BYTES`, `MAX_PIXELS` or `MAX_SIDE`, is
            not a photo, or is an animation.
    """
    name = named or (
        f"a photo of {len(source)} bytes" if isinstance(source, bytes) else str(source)
    )
    refused = f"{name} can't be read as a photo:"
    try:
        content = source if isinstance(source, bytes) else _read(Path(source))
        if len(content) > MAX_BYTES:
            raise DataError(f"{refused} its file must not be larger than {MAX_BYTES} bytes")
        with open_photo(content) as (image, orientation):
            if fault := size_fault(*image.size):
                raise DataError(f"{refused} it {fault}")
            if is_animation(image):
                raise DataError(f"{refused} it {ANIMATION}")
            if draft:
                image.draft(None, (draft, draft))
            return upright_rgb(image, orientation)
    except CostlyImageError as error:
        raise DataError(f"{refused} {error}") from error
    except UnidentifiedImageError as error:
        # Pillow's own message would contain the memory address of the content.
        raise DataError(
            f"{refused} the content is not an image of a known format ({', '.join(FORMATS)})"
        ) from error
    except Image.DecompressionBombError as error:
        # Pillow itself rejects even larger images.
        raise DataError(f"{refused} it must not have more than {MAX_PIXELS} pixels") from error
    except DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{refused} {error}") from error
        why = str(error) or type(error).__name__
        raise DataError(f"{refused} the file is damaged or incomplete ({why})") from error


def size_fault(width: int, height: int) -> str:
    """Returns which limit an image of a given size exceeds.

    Args:
        width: In pixels.
        height: In pixels.

    Returns:
        The end of a sentence about the image; empty if no limit is exceeded.
    """
    if width * height > MAX_PIXELS:
        return f"must not have more than {MAX_PIXELS} pixels. Received: {width} x {height}"
    if max(width, height) > MAX_SIDE:
        return f"must not be wider or higher than {MAX_SIDE} pixels. Received: {width} x {height}"
    return ""


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


@contextmanager
def open_photo(content: bytes) -> Iterator[tuple[Image.Image, int]]:
    """Opens an image file without its metadata; its pixels are not decoded yet.

    Args:
        content: The file's bytes.

    Yields:
        The image, and its EXIF orientation, 1 to 8.

    Raises:
        DECODER_ERRORS, UnidentifiedImageError: If it is not an image of `FORMATS`, or is broken.
    """
    essential = strip_metadata(content)
    with Image.open(io.BytesIO(essential.content), formats=FORMATS) as image:
        yield image, essential.orientation


def is_animation(image: Image.Image) -> bool:
    """Returns whether an open image has several frames.

    Raises:
        DECODER_ERRORS: If the file is broken.
    """
    # Previews that cameras append to a JPEG (MPO) were removed with the metadata.
    return bool(getattr(image, "is_animated", False))


def upright_rgb(image: Image.Image, orientation: int) -> Image.Image:
    """Decodes an open image fully, as a viewer would show it.

    Args:
        image: An image of any mode.
        orientation: Its EXIF orientation, 1 (upright) to 8.

    Returns:
        A new RGB image, turned upright, with white instead of transparency.

    Raises:
        DECODER_ERRORS: If the file is broken.
    """
    turn = _TURNS.get(orientation)
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I;16"):
        # 16 bits per pixel; Pillow would clip values above 255, which become white.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Returns an image blended with white, RGB; in strips, as each operation makes a copy."""
    whole = Image.new("RGB", image.size)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        strip = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        whole.paste(Image.alpha_composite(white, strip).convert("RGB"), box)
    return whole
