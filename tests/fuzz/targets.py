"""What is changed, and how it is read."""

import bz2
import gzip
import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from mutations import mutate, mutate_json
from PIL import Image

from components.errors import CaptionflowError, DataError

# Shorter than the loop's own, for the process that tries HDF5 files.
_PATIENCE = 6.0
_NAMES = ("a.jpg", "dogs/b.jpg", "c.png")


@dataclass(frozen=True)
class Target:
    """A kind of input.

    Attributes:
        make: Returns a case, a file's bytes, drawn at random.
        read: Reads the case, which lies as a file in an empty folder.
    """

    make: Callable[[Random], bytes]
    read: Callable[[Path], None]


def _of_bytes(seeds: list[bytes], read: Callable[[Path], None]) -> Target:
    return Target(lambda draw: mutate(draw.choice(seeds), seeds, draw), read)


def images() -> Target:
    """Image files of all formats that are read."""
    from components.captioning.encoder.images import load_photo
    from components.ingest.image_checks import check_image

    def read(file: Path) -> None:
        check = check_image("a", str(file))
        try:
            load_photo(file, 32)
        except CaptionflowError:
            assert check.reason, "refused, but passes ingest"
            raise

    return _of_bytes(list(_image_files()), read)


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
    from components.ingest.archives import Limits, unpack

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

    return _of_bytes(list(_archive_files()), read)


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


def _read_data_set(file: Path, name: str) -> None:
    from components.ingest.sources import read_source
    from components.ingest.texts import clean_captions

    folder = file.parent / "set"
    for photo in _NAMES:
        (folder / "Images" / photo).parent.mkdir(parents=True, exist_ok=True)
        (folder / "Images" / photo).write_bytes(photo.encode())
    file.rename(folder / name)
    clean_captions(read_source(str(folder), file.parent / "work").captions)


def captions() -> Target:
    """Tables of captions, and lists of splits."""
    rows = [
        (name, f"A {word}, \u201cbig\u201d dog's caf\u00e9 \u72ac")
        for name in _NAMES
        for word in "xy"
    ]
    texts = {
        "captions.txt": "image,caption\n" + "".join(f'{n},"{c}"\n' for n, c in rows),
        "captions.csv": ",image;caption;split\n" + "".join(f"{n};{c};train\n" for n, c in rows),
        "results.csv": "image_name| number| comment\n" + "".join(f"{n}| 0| {c}\n" for n, c in rows),
        "Flickr8k.token.txt": "".join(f"{n}#{k}\t{c}\n" for k, (n, c) in enumerate(rows)),
        "captions.jsonl": "".join(
            json.dumps({"image": n, "captions": [c], "split": "train"}) + "\n" for n, c in rows
        ),
    }
    seeds = [text.encode() for text in texts.values()]
    seeds.append(texts["captions.txt"].encode("utf-16"))
    names = list(texts)

    def make(draw: Random) -> bytes:
        number = draw.randrange(len(seeds))
        # The name travels in front: it decides how the file is read.
        return bytes([number % len(names)]) + mutate(seeds[number], seeds, draw)

    def read(file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[1:])
        _read_data_set(file, names[content[0]])

    return Target(make, read)


def json_documents() -> Target:
    """COCO captions and Karpathy's JSON."""
    coco = {
        "images": [{"id": k, "file_name": name, "split": "train"} for k, name in enumerate(_NAMES)],
        "annotations": [{"id": k, "image_id": k % 3, "caption": "A dog."} for k in range(6)],
    }
    karpathy = {
        "dataset": "x",
        "images": [
            {
                "filename": name, "imgid": k, "sentids": [k], "split": "restval",
                "sentences": [{"raw": "A dog.", "tokens": ["a", "dog"], "imgid": k, "sentid": k}],
            }
            for k, name in enumerate(_NAMES)
        ],
    }  # fmt: skip
    documents = [coco, karpathy]
    seeds = [json.dumps(document).encode() for document in documents]

    def make(draw: Random) -> bytes:
        if draw.random() < 0.6:
            return mutate_json(draw.choice(documents), draw)
        return mutate(draw.choice(seeds), seeds, draw)

    return Target(make, lambda file: _read_data_set(file, "captions_all.json"))


def words() -> Target:
    """Captions, as the normaliser takes them."""
    import tensorflow as tf

    from components.captioning.model.normalizer import NORMALIZER
    from components.ingest.texts import clean_captions

    seeds = [
        text.encode()
        for text in (
            "A man&#39;s dog &amp; caf&eacute;", "\u4e00\u53ea\u72d7\u5728\u8dd1\u3002",
            "\u0e19\u0e49\u0e33 \u0e2b\u0e21\u0e32", "\u0645\u06cc\u200c\u0631\u0648\u062f",
            "\u0915\u094d\u200d\u0937 cafe\u0301\u0301", "<start> dogs' \u2764\ufe0f <end>",
        )
    ]  # fmt: skip

    def read(file: Path) -> None:
        text = file.read_bytes().decode(errors="replace")
        clean = clean_captions({"a": text.split("\n")}).captions.get("a", ())
        # All at once, with one that fixes the shape.
        once = NORMALIZER(tf.constant(["", *clean])).numpy().tolist()
        assert NORMALIZER(tf.constant(once)).numpy().tolist() == once, "not stable"
        for caption in once:
            assert b"  " not in caption, "two spaces"
            assert caption == caption.strip(), "a space at an end"

    return _of_bytes(seeds, read)


def vectors() -> Target:
    """Word vectors as text, packed or not."""
    from components.embeddings.glove import glove_vectors
    from components.embeddings.source import open_glove

    text = b"3 3\nthe 0.1 -0.2 3e-1\ndog 1 2 3\n. . 4 5 6\n" * 3
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("glove.txt", text)
        archive.writestr("README", "hello")
    seeds = [text, text[4:], gzip.compress(text), packed.getvalue(), bz2.compress(text)]

    def read(file: Path) -> None:
        with open_glove(str(file)) as opened:
            for word, vector in glove_vectors(opened, ["dog", "the"]):
                assert np.isfinite(vector).all(), word

    return _of_bytes(seeds, read)


def weights() -> Target:
    """Weights files, as Keras 3 and older versions write them."""
    import keras

    from components.captioning import hdf5
    from components.captioning.hdf5 import (
        WeightsError,
        check_weights_file,
        load_weights_strictly,
    )

    hdf5._SECONDS = _PATIENCE
    # Small, so that changes hit the file's structure and not its numbers.
    layers = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()]
    model = keras.Sequential(layers)
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.weights.h5", "a.h5"):
            path = Path(folder) / name
            model.save_weights(path) if "weights" in name else model.save(path)
            seeds.append(path.read_bytes())

    def read(file: Path) -> None:
        # Keras goes by the name.
        copies = [Path(shutil.copy(file, file.with_name(n))) for n in ("a.weights.h5", "a.h5")]
        try:
            check_weights_file(model, file)
            try:
                load_weights_strictly(model, copies[0])
            except WeightsError:
                load_weights_strictly(model, copies[1])
        except WeightsError as error:
            raise DataError(str(error)) from error

    return _of_bytes(seeds, read)


def bundles() -> Target:
    """Files of a bundle, one changed at a time."""
    from components.artifacts.examples import Examples
    from components.captioning import hdf5
    from components.captioning.decoding.reranking import RerankerData
    from components.captioning.decoding.search import DecodingConfig
    from components.captioning.inference.bundle import Bundle
    from components.captioning.model.decoder import ModelConfig
    from components.captioning.model.ensemble import build_network
    from components.captioning.model.normalizer import NORMALIZER, Normalizer
    from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
    from components.evaluate.calibration import fit_calibration

    hdf5._SECONDS = _PATIENCE
    whole = Path(tempfile.mkdtemp(prefix="captionflow-fuzz-"))
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "cat"])
    network = build_network(ModelConfig(7, 2, 2, 3, 0.0, True, "par_inject"), seed=1)
    data = RerankerData(np.eye(2, dtype=np.float16), [("cat", "a cat"), ("a dog",)])
    bundle = Bundle(network, vocabulary, DecodingConfig(3, 1.0, 4, 1.0), data)
    photos = Examples(["1"], np.ones((1, 2), np.float16), [((4, 6),)], [("a cat",)])
    bundle.calibration = fit_calibration(bundle, photos, drawn_scenes=False)
    bundle.save(whole)
    NORMALIZER.save(whole)
    names = sorted(path.name for path in whole.iterdir())
    sound = [(whole / name).read_bytes() for name in names]

    def make(draw: Random) -> bytes:
        number = draw.randrange(len(names))
        if names[number].endswith(".json") and draw.random() < 0.7:
            return bytes([number]) + mutate_json(json.loads(sound[number]), draw)
        return bytes([number]) + mutate(sound[number], sound, draw)

    def read(file: Path) -> None:
        content = file.read_bytes()
        bundle = Path(shutil.copytree(whole, file.with_name("bundle")))
        (bundle / names[content[0]]).write_bytes(content[1:])
        Normalizer.load(bundle)
        model, features = Bundle.load(bundle), np.ones((1, 2), np.float32)
        said = model.captions(features)
        assert isinstance(said[0], str)
        assert 0 <= model.confidences(features, said)[0].probability <= 1

    return Target(make, read)


TARGETS: dict[str, Callable[[], Target]] = {
    "images": images,
    "archives": archives,
    "captions": captions,
    "json": json_documents,
    "words": words,
    "vectors": vectors,
    "weights": weights,
    "bundles": bundles,
}
