"""Targets that say what photos show: tables, JSON documents, captions."""

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random

from mutations import mutate, mutate_json

from targets.target import Target, of_bytes

_NAMES = ("a.jpg", "dogs/b.jpg", "c.png")


def read_data_set(file: Path, name: str, beside: Mapping[str, str] | None = None) -> None:
    """Reads a data set of three photos.

    Args:
        file: The case.
        name: What it is called in the data set.
        beside: The data set's other files.
    """
    from components.ingest.captions.texts import clean_captions
    from components.ingest.reading.sources import read_source

    folder = file.parent / "set"
    for photo in _NAMES:
        (folder / "Images" / photo).parent.mkdir(parents=True, exist_ok=True)
        (folder / "Images" / photo).write_bytes(photo.encode())
    for other, text in (beside or {}).items():
        (folder / other).write_text(text)
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
        read_data_set(file, names[content[0]])

    return Target(make, read)


def json_documents() -> Target:
    """COCO captions, boxes without captions, Karpathy's JSON, and one object of all captions."""
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
    boxes = {
        **coco,
        "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}],
    }
    by_photo = {name: ["A dog.", "A cat."] for name in _NAMES}
    documents = [coco, karpathy, boxes, by_photo]
    seeds = [json.dumps(document).encode() for document in documents]

    def make(draw: Random) -> bytes:
        if draw.random() < 0.6:
            return mutate_json(draw.choice(documents), draw)
        return mutate(draw.choice(seeds), seeds, draw)

    def read(file: Path) -> None:
        # By COCO's own name, a broken file is refused; by another one, it is no COCO captions.
        is_coco = b'"caption"' in file.read_bytes()
        read_data_set(file, "captions_all.json" if is_coco else "all.json")

    return Target(make, read)


def words() -> Target:
    """Captions, as the normaliser takes them."""
    import tensorflow as tf

    from components.captioning.model.normalizer import NORMALIZER
    from components.ingest.captions.texts import clean_captions

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

    return of_bytes(seeds, read)
