"""Generates the data set `sample` as a `Source`, like any other data set."""

import logging
from pathlib import Path
from typing import Final

import numpy as np

from components.ingest.reading.source import Source
from components.ingest.sample.drawing import draw_scene
from components.ingest.sample.grammar import describe_scene
from components.ingest.sample.scenes import make_scene

logger = logging.getLogger(__name__)

# High, to avoid compression artefacts at the edges.
_JPEG_QUALITY: Final = 92


def draw_sample(directory: Path, *, scenes: int, seed: int) -> Source:
    """Generates scenes, their pictures and captions.

    Each scene has its own random generator, so a larger sample starts with the same scenes as a
    smaller one.

    Args:
        directory: Output directory for the pictures; it is created.
        scenes: Number of scenes.
        seed: Random seed; the same seed gives the same bytes and captions.

    Returns:
        The source: JPEG files with five captions each, without split lists.
    """
    directory.mkdir(parents=True)
    captions: dict[str, list[str]] = {}
    images: dict[str, Path] = {}
    for index in range(scenes):
        random = np.random.default_rng([seed, index])
        scene = make_scene(random)
        name = f"scene-{index:05}.jpg"
        images[name] = directory / name
        draw_scene(scene).save(images[name], quality=_JPEG_QUALITY, subsampling=0)
        captions[name] = describe_scene(scene, random)
    logger.info("Drew %d scenes with seed %d", scenes, seed)
    return Source("sample", directory, captions, images)
