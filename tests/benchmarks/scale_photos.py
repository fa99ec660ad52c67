"""A generated data set of any size: tiny photos, no two with the same bytes, and captions."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

# Enough blocks that no two photos look alike: pairs that do would fill the report.
_BLOCKS = (12, 16, 3)
_SIZE = (32, 24)
_PHOTOS_A_FOLDER = 1000
_WORDS, _SEED = 2500, 17


def draw_dataset(folder: Path, photos: int, captions: int) -> None:
    """Generates photos, and writes `captions.jsonl` beside them, unless that file exists.

    Args:
        folder: Where the photos are written.
        photos: Number of photos.
        captions: Number of captions per photo.
    """
    lines = folder / "captions.jsonl"
    if lines.exists():
        return
    generator = np.random.default_rng(_SEED)
    # Word frequencies follow Zipf's law, as in real captions.
    shares = 1 / np.arange(1, _WORDS + 1)
    words = np.array([f"word{number}" for number in range(_WORDS)])
    aside = lines.with_suffix(".part")
    folder.mkdir(parents=True, exist_ok=True)
    with aside.open("w") as file:
        for number in range(photos):
            name = f"{number // _PHOTOS_A_FOLDER:05d}/{number:08d}.jpg"
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            pixels = generator.integers(0, 256, _BLOCKS, np.uint8)
            image = Image.fromarray(pixels).resize(_SIZE, Image.Resampling.NEAREST)
            # The number makes the bytes differ even if two photos have the same pixels.
            image.save(path, comment=f"{number}".encode())
            lengths = generator.integers(7, 15, captions)
            chosen = generator.choice(words, lengths.sum(), p=shares / shares.sum())
            texts = [" ".join(part) for part in np.split(chosen, np.cumsum(lengths)[:-1])]
            file.write(json.dumps({"image": name, "captions": texts}) + "\n")
    aside.rename(lines)
