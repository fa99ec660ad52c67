"""Checks whether a file is a photo that the rest of the pipeline can use."""

import hashlib
import re
from dataclasses import dataclass

import imagehash
from PIL import Image, UnidentifiedImageError

from components.captioning.encoder.image_metadata import CostlyImageError
from components.captioning.encoder.images import (
    ANIMATION,
    DECODER_ERRORS,
    FORMATS,
    MAX_BYTES,
    is_animation,
    open_photo,
    size_fault,
    upright_rgb,
)
from components.storage.reading import FileTooLargeError, read_bytes

MIN_SIDE = 16

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v"
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImageCheck:
    """The result of a check.

    Attributes:
        image_id: The image's id.
        reason: Why the image can't be used, as text for the user; empty if it can.
        sha256: SHA-256 of the file's bytes, 64 hex digits; empty if they were not read.
        width: Width in pixels after EXIF rotation; 0 if the image can't be used.
        height: Height in pixels after EXIF rotation; 0 if the image can't be used.
        perceptual_hash: `imagehash.phash` of the image, 16 hex digits; empty if the image can't be
            used.
    """

    image_id: str
    reason: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    perceptual_hash: str = ""


def check_image(image_id: str, path: str) -> ImageCheck:
    """Reads, hashes and fully decodes one image file.

    Args:
        image_id: The image's id.
        path: The file's path, local or in a bucket.

    Returns:
        The result. Whatever the file contains, this function does not raise an error.

    Raises:
        SettingError, CaptionflowError: If the bucket can't be used.
    """
    try:
        content = read_bytes(path, most=MAX_BYTES)
    except FileTooLargeError as error:
        return ImageCheck(
            image_id, f"the file must not be larger than {MAX_BYTES} bytes. Received: {error}"
        )
    except OSError as error:
        return ImageCheck(image_id, f"the file can't be read: {error.strerror or error}")
    if not content:
        return ImageCheck(image_id, "the file is empty (0 bytes)")
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image = _decode(content)
    except _UnusableError as error:
        return ImageCheck(image_id, str(error), sha256)
    return ImageCheck(
        image_id, "", sha256, *image.size, perceptual_hash=str(imagehash.phash(image))
    )


class _UnusableError(Exception):
    """Why an image can't be used."""


def _decode(content: bytes) -> Image.Image:
    """Returns the image fully decoded, with EXIF rotation applied, as RGB."""
    try:
        with open_photo(content) as (image, orientation):
            _check_header(image)
            return upright_rgb(image, orientation)
    except CostlyImageError as error:
        raise _UnusableError(f"the image would take too much time to read: {error}") from error
    except UnidentifiedImageError as error:
        raise _UnusableError(
            _known_content(content)
            or f"the content is not an image of a known format ({', '.join(FORMATS)})"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _UnusableError(f"the image is too large: {error}") from error
    except DECODER_ERRORS as error:
        raise _UnusableError(f"the image does not decode fully: {error}") from error


def _known_content(content: bytes) -> str:
    """Returns what a file is, if it is a known non-image stored in place of a photo; else empty."""
    if content.startswith(_LFS_POINTER):
        return "the file is a Git LFS pointer, not the photo itself: run `git lfs pull`"
    if _HTML.match(content):
        return "the file is an HTML page, as from a failed download, not a photo: download it again"
    return ""


def _check_header(image: Image.Image) -> None:
    # Checked before decoding: a header of a few bytes can declare gigabytes of pixels.
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise _UnusableError(
            f"each side must have at least {MIN_SIDE} pixels. Received: {width} x {height}"
        )
    if fault := size_fault(width, height):
        raise _UnusableError(f"the image {fault}")
    if is_animation(image):
        raise _UnusableError(f"the image {ANIMATION}")
