import hashlib
import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.captioning.encoder.images import MAX_BYTES
from components.ingest.images.checks import ImageCheck, check_image

Check = Callable[..., ImageCheck]
Encode = Callable[..., bytes]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(content: bytes, name: str = "photo.jpg") -> ImageCheck:
        (tmp_path / name).write_bytes(content)
        return check_image(name, str(tmp_path / name))

    return run


def test_check_image_valid(check: Check, encode: Encode) -> None:
    content = encode()
    result = check(content)
    assert result.reason == ""
    assert result.sha256 == hashlib.sha256(content).hexdigest()
    assert (result.width, result.height) == (24, 20)


def test_check_image_recompressed_has_a_similar_perceptual_hash(check: Check) -> None:
    def perceptual_hash(seed: int, side: int, quality: int) -> int:
        blots = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
        photo = Image.fromarray(blots).resize((256, 256), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        photo.resize((side, side)).save(buffer, "JPEG", quality=quality)
        return int(check(buffer.getvalue()).perceptual_hash, 16)

    original = perceptual_hash(1, 256, 95)
    assert (original ^ perceptual_hash(1, 90, 30)).bit_count() <= 6
    assert (original ^ perceptual_hash(2, 256, 95)).bit_count() > 6


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("1", "PNG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("RGB", "BMP"),
        ("RGB", "WEBP"),
        ("P", "GIF"),
    ],
)
def test_check_image_of_any_mode(check: Check, mode: str, form: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (24, 20)).save(buffer, form)
    assert check(buffer.getvalue()).reason == ""


def test_check_image_with_a_wrong_extension_passes(check: Check, encode: Encode) -> None:
    # The content decides, not the extension.
    assert check(encode(format="PNG"), "photo.jpg").reason == ""


def test_check_image_text_with_an_image_extension(check: Check) -> None:
    reason = check(b"I am no photo", "photo.jpg").reason
    assert reason == "the content is not an image of a known format (JPEG, PNG, WEBP, BMP, GIF)"


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            ["Git LFS", "git lfs pull"],
        ),
        (b"<!DOCTYPE html>\n<html><title>404</title></html>", ["HTML"]),
        (b"\xef\xbb\xbf\r\n<HTML lang=en>", ["HTML"]),
    ],
)
def test_check_image_names_what_lies_in_its_place(
    check: Check, content: bytes, facts: list[str]
) -> None:
    reason = check(content).reason
    assert all(fact in reason for fact in facts)


def test_check_image_of_unknown_format(check: Check, encode: Encode) -> None:
    assert "not an image of a known format" in check(encode(format="TIFF")).reason


def test_check_image_zero_bytes(check: Check) -> None:
    assert check(b"").reason == "the file is empty (0 bytes)"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_check_image_truncated(check: Check, form: str) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(buffer, form)
    result = check(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    assert result.reason.startswith(("the image does not decode fully", "the content is not"))
    assert result.width == result.height == 0


def test_check_image_truncated_jpeg_names_the_cause(check: Check) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "JPEG")
    reason = check(buffer.getvalue()[:-200]).reason
    assert reason.startswith("the image does not decode fully: image file is truncated")


def test_check_image_missing(tmp_path: Path) -> None:
    reason = check_image("a.jpg", str(tmp_path / "a.jpg")).reason
    assert reason == "the file can't be read: No such file or directory"


def test_check_image_too_small(check: Check, encode: Encode) -> None:
    assert check(encode(size=(16, 16))).reason == ""
    reason = check(encode(size=(200, 15))).reason
    assert reason == "each side must have at least 16 pixels. Received: 200 x 15"


def test_check_image_too_long(check: Check) -> None:
    long = io.BytesIO()
    Image.new("1", (16, 65_536), 1).save(long, "PNG")
    assert check(long.getvalue()).reason.endswith("65535 pixels. Received: 16 x 65536")


def test_check_image_too_many_pixels(check: Check) -> None:
    # 8,001 x 8,000 white pixels in a few kilobytes; and a header that declares 20,000 x 20,000.
    large = io.BytesIO()
    Image.new("1", (8_001, 8_000), 1).save(large, "PNG")
    assert "must not have more than 64000000 pixels" in check(large.getvalue()).reason
    side = (20_000).to_bytes(4, "big")
    header = b"IHDR" + side + side + bytes([8, 2, 0, 0, 0])
    bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + header + zlib.crc32(header).to_bytes(4, "big")
    assert check(bomb + b"\x00\x00\x00\x00IDAT").reason.startswith("the image is too large")


def test_check_image_too_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    reason = check_image("large.jpg", str(path)).reason
    assert (
        reason == f"the file must not be larger than {MAX_BYTES} bytes. Received: {MAX_BYTES + 1}"
    )


def test_check_image_applies_exif_orientation(check: Check, encode: Encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    result = check(encode(size=(40, 20), exif=exif))
    assert (result.width, result.height) == (20, 40)
    exif[0x0112] = 3  # rotated by 180 degrees
    result = check(encode(size=(40, 20), exif=exif))
    assert (result.width, result.height) == (40, 20)


def test_check_image_animation(check: Check) -> None:
    frames = [Image.new("RGB", (24, 20), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert check(buffer.getvalue()).reason == "the image is an animation; a photo has one frame"


def test_check_image_jpeg_with_preview_passes(check: Check) -> None:
    frames = [Image.new("RGB", (24, 20), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "MPO", save_all=True, append_images=frames[1:])
    assert check(buffer.getvalue()).reason == ""


def test_check_image_corrupt_at_any_position_never_raises(check: Check, encode: Encode) -> None:
    for form in ("JPEG", "PNG", "WEBP", "BMP", "GIF"):
        content = encode(format=form)
        for position in range(0, len(content), 7):
            check(content[:position] + b"\xff\x00\xff" + content[position + 3 :])
