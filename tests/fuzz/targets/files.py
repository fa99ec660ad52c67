"""Targets that are photos, or archives of them."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

from components.errors import CaptionflowError
from targets.target import Target, of_bytes


def images() -> Target:
    """Image files of all formats that are read."""
    from components.captioning.encoder.images import load_photo
    from components.ingest.images.checks import check_image

    def read(file: Path) -> None:
        check = check_image("a", str(file))
        try:
            load_photo(file, 32)
        except CaptionflowError:
            assert check.reason, "refused, but passes ingest"
            raise

    return of_bytes(list(_image_files()), read)


def _image_files() -> Any:
    photo = Image.radial_gradient("L").resize((48, 32)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    for kind, mode, options in (
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True, "exif": exif, "comment": b"hello"}),
        ("JPEG", "CMYK", {"icc_profile": bytes(300)}),
        ("MPO", "RGB", {"save_all": True, "append_images": [photo]}),
        ("PNG", "RGB", {"exif": exif}),
        ("PNG", "P", {"transparency": 0}),
        ("PNG", "I;16", {}),
        ("PNG", "RGBA", {"save_all": True, "append_images": [photo.convert("RGBA")]}),
        ("GIF", "P", {"comment": b"hello"}),
        ("GIF", "P", {"save_all": True, "append_images": [photo.rotate(90)]}),
        ("WEBP", "RGB", {"exif": exif}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("BMP", "RGB", {}),
        ("BMP", "P", {}),
    ):
        buffer = io.BytesIO()
        source = photo.convert("L").convert(mode) if mode == "I;16" else photo.convert(mode)
        source.save(buffer, kind, **options)
        yield buffer.getvalue()


def archives() -> Target:
    """Zip and tar files."""
    from components.ingest.archives.unpacking import Limits, unpack

    limits = Limits(size=64 << 20, files=1000, spared=8 << 20)

    def read(file: Path) -> None:
        name = "a.zip" if file.read_bytes()[:2] == b"PK" else "a.tar.gz"
        archive = file.rename(file.with_name(name))
        out = file.with_name("deep") / "out"
        try:
            unpack(archive, out, limits)
        finally:
            assert {path.name for path in file.parent.iterdir()} <= {name, "deep"}, "escaped"
            assert {path.name for path in out.parent.glob("*")} <= {"out"}, "left something"
            assert not any(path.is_symlink() for path in out.rglob("*")), "made a link"

    return of_bytes(list(_archive_files()), read)


def _archive_files() -> Any:
    names = ("set/captions.txt", "set/Images/M\u00e4dchen.jpg", "set/Images/\u732b.jpg", "set/x/")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name in names:
                archive.writestr(name, b"" if name.endswith("/") else name.encode() * 20)
            link = zipfile.ZipInfo("set/link.jpg")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "Images/a.jpg")
        yield buffer.getvalue()
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
            for name in (*names[:-1], "d/" * 60 + "long.jpg"):
                info = tarfile.TarInfo(name)
                info.size = 100
                tar.addfile(info, io.BytesIO(b"x" * 100))
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE):
                info = tarfile.TarInfo(f"set/of-{kind.decode()}")
                info.type, info.linkname = kind, "set/captions.txt"
                tar.addfile(info)
        yield buffer.getvalue()
        yield gzip.compress(buffer.getvalue())
