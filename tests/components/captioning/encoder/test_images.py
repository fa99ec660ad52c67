import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from components.captioning.encoder import images as photos
from components.captioning.encoder.images import load_photo, upright_rgb
from components.errors import DataError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_load_photo_has_one_shape_whatever_the_photo() -> None:
    photo = load_photo(encoded(Image.new("RGB", (50, 20), RED)), 8)
    assert photo.shape == (8, 8, 3)
    assert photo.dtype == np.uint8
    assert np.unique(photo.reshape(-1, 3), axis=0).tolist() == [list(RED)]


def test_load_photo_takes_a_path_or_its_text_or_bytes(tmp_path: Path) -> None:
    content = encoded(Image.linear_gradient("L"))
    path = tmp_path / "photo.jpg"  # The content counts, not the name.
    path.write_bytes(content)
    expected = load_photo(content, 8)
    assert np.array_equal(load_photo(path, 8), expected)
    assert np.array_equal(load_photo(str(path), 8), expected)


def test_load_photo_with_a_rotation_tag_is_upright() -> None:
    image = Image.new("RGB", (16, 16), BLUE)
    image.paste(RED, (0, 0, 16, 8))  # Red above blue, but the camera was turned: 90 degrees right.
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photo = load_photo(encoded(image, "JPEG", exif=exif, quality=100, subsampling=0), 16)
    # Shown turned clockwise: what was above is on the right.
    assert photo[8, 14].tolist() == pytest.approx(RED, abs=3)
    assert photo[8, 1].tolist() == pytest.approx(BLUE, abs=3)


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("L", (9, 9), 100), (100, 100, 100)),
        (Image.new("1", (9, 9), 1), WHITE),
        (Image.new("RGBA", (9, 9), (255, 0, 0, 0)), WHITE),
        (Image.new("RGBA", (9, 9), (255, 0, 0, 128)), (255, 127, 127)),
        (Image.new("LA", (9, 9), (0, 0)), WHITE),
        (Image.new("RGB", (9, 9), GREEN).quantize(4), GREEN),
        # 16 bits a pixel: 0x8000 is half of white.
        (Image.fromarray(np.full((9, 9), 0x8000, np.uint16)), (128, 128, 128)),
    ],
    ids=["grey", "bilevel", "transparent", "half-transparent", "grey-alpha", "palette", "16-bit"],
)
def test_load_photo_of_any_mode_is_rgb(image: Image.Image, colour: tuple[int, ...]) -> None:
    assert load_photo(encoded(image), 4)[2, 2].tolist() == pytest.approx(colour, abs=1)


def test_load_photo_of_a_transparent_palette_is_over_white() -> None:
    image = Image.new("P", (9, 9), 0)
    image.putpalette([*RED, *GREEN])
    assert load_photo(encoded(image, "GIF", transparency=0), 4)[2, 2].tolist() == list(WHITE)


def test_load_photo_of_cmyk_is_rgb() -> None:
    photo = load_photo(encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"), 4)
    assert photo[2, 2].tolist() == pytest.approx(RED, abs=3)


def test_load_photo_of_16_bits_a_colour_is_rgb() -> None:
    # Pillow writes no such file: two pixels in a row, of red and of half white.
    row = np.array([[0xFFFF, 0, 0], [0x8000, 0x8000, 0x8000]], ">u2").tobytes()
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" + row)),
        (b"IEND", b""),
    ):
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    assert load_photo(content, 2)[0].tolist() == [list(RED), [128, 128, 128]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_load_photo_of_an_animation_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in (RED, BLUE)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="bytes can't be read as a photo: it is an animation; a"):
        load_photo(content, 4)


def test_load_photo_with_a_preview_after_it_is_no_animation() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in (RED, BLUE)]
    content = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert load_photo(content, 4)[2, 2].tolist() == pytest.approx(RED, abs=3)


def test_load_photo_averages_what_it_shrinks() -> None:
    # Stripes of one pixel, black and white: without antialiasing they would stay as extreme.
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    inner = load_photo(encoded(Image.fromarray(stripes)), 8)[:, 1:-1]
    assert np.abs(inner.astype(int) - 127).max() <= 2


def test_load_photo_of_a_large_jpeg_looks_the_same_as_decoded_whole() -> None:
    size = 1600
    wave = np.sin(np.linspace(0, 30, size))
    colours = np.stack([np.outer(wave, wave), np.outer(wave, wave[::-1]), np.outer(wave**2, wave)])
    image = Image.fromarray((127 + 127 * colours.transpose(1, 2, 0)).astype(np.uint8))
    content = encoded(image, "JPEG", quality=95)
    whole = Image.open(io.BytesIO(content)).resize((100, 100), Image.Resampling.BILINEAR)
    difference = load_photo(content, 100).astype(int) - np.asarray(whole)
    assert np.abs(difference).mean() < 1.5


def test_load_photo_truncated_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    content = encoded(Image.linear_gradient("L"), "JPEG")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"half.jpg can't be read as a photo: .*truncated"):
        load_photo(path, 8)


@pytest.mark.parametrize("content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_load_photo_of_something_else_says_so(content: bytes) -> None:
    with pytest.raises(
        DataError, match=rf"a photo of {len(content)} bytes can't .* not an image of a known"
    ):
        load_photo(content, 8)


def test_load_photo_of_a_palette_image_without_a_palette_says_so() -> None:
    image = Image.new("P", (16, 16))
    image.putpalette([0, 0, 0])
    content = encoded(image)
    start = content.index(b"PLTE") - 4
    without = content[:start] + content[start + 12 + 3 :]
    with pytest.raises(DataError, match="the file is damaged or incomplete"):
        load_photo(without, 8)


def test_load_photo_without_a_file_names_it() -> None:
    with pytest.raises(DataError, match=r"nowhere.jpg can't be read as a photo"):
        load_photo("nowhere.jpg", 8)


def test_load_photo_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MAX_PIXELS", 80)
    with pytest.raises(DataError, match=r"not have more than 80 pixels. Received: 9 x 9"):
        load_photo(encoded(Image.new("L", (9, 9))), 8)
    # So many that Pillow will not even look at them.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(DataError, match=r"big.png can't .* not have more than 80 pixels$"):
        load_photo(encoded(Image.new("L", (9, 9))), 8, named="big.png")


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1)])
@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_load_photo_with_a_side_that_no_jpeg_has_is_not_decoded(
    kind: str, size: tuple[int, int]
) -> None:
    # Formats with longer sides. Every row takes memory: 1 x 64,000,000 pixels took 1.7 GB.
    with pytest.raises(DataError, match=f"65535 pixels. Received: {size[0]} x {size[1]}"):
        load_photo(encoded(Image.new("1", size), kind), 8)


def test_load_photo_of_the_longest_side_is_read() -> None:
    for size in ((1, 65_535), (65_535, 1)):
        assert load_photo(encoded(Image.new("1", size, 1)), 4).tolist() == [[[255] * 3] * 4] * 4


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF", "BMP"])
def test_load_photo_that_is_cut_says_so_whatever_the_format(kind: str) -> None:
    content = encoded(Image.radial_gradient("L").convert("RGB"), kind)
    with pytest.raises(DataError, match=r"^my photo can't be .* damaged or incomplete \(.+\)$"):
        load_photo(content[: len(content) // 2], 8, named="my photo")


def test_load_photo_with_odd_exif_is_read_all_the_same() -> None:
    # As some cameras write it: the tag Make as a fraction, beside an orientation of 6.
    directory = struct.pack("<H", 2)
    directory += struct.pack("<HHII", 0x010F, 10, 1, 38) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    directory += struct.pack("<I", 0) + struct.pack("<ii", 1, 3)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory
    photo = Image.new("RGB", (40, 20), "red")
    photo.paste("blue", (0, 0, 20, 20))  # left before the turn, on top after it
    loaded = load_photo(encoded(photo, "JPEG", exif=exif, quality=100, subsampling=0), 16)
    assert loaded[2, 8, 2] > 200 and loaded[13, 8, 0] > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_upright_rgb_blends_strips_as_it_would_the_whole(mode: str) -> None:
    random = np.random.default_rng(0)
    size = (1500, 1100, 4)  # three strips, the last one shorter
    image = Image.fromarray(random.integers(0, 256, size, dtype=np.uint8), "RGBA").convert(mode)
    whole = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    blended = np.asarray(upright_rgb(image, 1))
    np.testing.assert_array_equal(blended, np.asarray(whole.convert("RGB")))


def test_upright_rgb_of_a_large_transparent_photo_takes_one_copy(tmp_path: Path) -> None:
    # 61 MiB decoded, and as much once it is RGB; blended at once it took five times as much.
    Image.new("RGBA", (4000, 4000), (10, 20, 30, 128)).save(tmp_path / "a.png")
    program = (
        "import sys, re; from pathlib import Path\n"
        "from components.captioning.encoder.images import open_photo, upright_rgb\n"
        "status = Path('/proc/self/status')\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', status.read_text())[1])\n"
        "before = peak()\n"
        "with open_photo(Path(sys.argv[1]).read_bytes()) as (image, turn):\n"
        "    upright_rgb(image, turn)\n"
        "print(peak() - before)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.png")],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )  # fmt: skip
    assert int(ended.stdout) < 180 << 10
