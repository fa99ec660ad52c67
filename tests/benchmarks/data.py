"""Features and captions of Flickr8k with its official splits, for the benchmarks.

The vocabulary is counted in the train split only.
"""

import argparse
import hashlib
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.artifacts.captions import VOCABULARY_FILE, CaptionedPhoto, write_captions
from components.artifacts.examples import Examples
from components.artifacts.files import MATRIX_FILE
from components.artifacts.manifest import SPLITS
from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.embeddings.matrix import build_embeddings
from components.ingest.captions.texts import clean_captions
from components.ingest.reading.sources import read_source
from components.ingest.splits.assignment import assign_splits

SHARED = Path(__file__).parents[3] / "shared"
FLICKR8K = SHARED / "flickr8k"
FEATURES = SHARED / "features" / "efficientnet_lite2.train_dev.npz"
GLOVE = SHARED / "glove" / "glove.6B.50d.txt"
ONNX = SHARED / "encoders" / "efficientnet_lite2"
WEIGHTS = SHARED / "encoders" / "inception_v3.trained.weights.h5"

MIN_COUNT = 5


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name Flickr8k, its features and GloVe."""
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="folder of Flickr8k")
    parser.add_argument(
        "--features", type=Path, default=FEATURES, help=".npz file with names and x"
    )
    parser.add_argument("--glove", type=Path, default=GLOVE, help="GloVe file")


def load_examples(
    root: Path = FLICKR8K, features: Path = FEATURES, *, min_count: int = MIN_COUNT
) -> tuple[dict[str, Examples], Vocabulary]:
    """Joins captions and features, as `ingest`, `normalize` and `features` would.

    Args:
        root: Flickr8k in its original layout, with its split lists.
        features: An `.npz` with `names` [N] and `x` float16 [N, D] of the same photos.
        min_count: Minimum number of occurrences in the train split of a word in the vocabulary.

    Returns:
        Examples by split (train, dev, test), and the vocabulary in the order of `normalize`:
        special tokens, then words by descending count, ties in reverse alphabetical order.
    """
    splits, references = _splits_and_references(root)
    counts = Counter(
        word
        for name, captions in references.items()
        if splits[name] == "train"
        for caption in captions
        for word in caption.split()
    )
    frequent = [(count, word.encode()) for word, count in counts.items() if count >= min_count]
    words = [word.decode() for _, word in sorted(frequent, reverse=True)]
    vocabulary = Vocabulary((*SPECIAL_TOKENS, *words))
    with np.load(features) as stored:
        rows = dict(zip(map(_file_name, stored["names"].tolist()), stored["x"], strict=True))
    examples = {
        split: _examples(
            [name for name in sorted(references) if splits[name] == split and name in rows],
            rows,
            references,
            vocabulary,
        )
        for split in SPLITS
    }
    return examples, vocabulary


def sample_photos(examples: Examples, share: float, seed: int = 0) -> Examples:
    """Returns a random sample of a split's photos, each with all its captions.

    Args:
        examples: The split.
        share: Share of the photos to sample, above 0, up to 1; at least one photo is returned.
        seed: Seed of the sample.
    """
    photos = len(examples.image_ids)
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(photos)[: max(1, round(share * photos))])
    return Examples(
        image_ids=[examples.image_ids[photo] for photo in chosen],
        features=examples.features[chosen],
        tokens=[examples.tokens[photo] for photo in chosen],
        references=[examples.references[photo] for photo in chosen],
    )


def glove_matrix(
    vocabulary: Vocabulary, glove: Path = GLOVE, *, seed: int = 0
) -> NDArray[np.float32]:
    """Returns the embedding matrix of the step `embeddings`, float32 [V, E].

    Args:
        vocabulary: V words.
        glove: A GloVe file of E-dimensional vectors.
        seed: Seed of the vectors of words that GloVe lacks.
    """
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-") as temporary:
        captions = Path(temporary) / "captions"
        captions.mkdir()
        vocabulary.save(captions / VOCABULARY_FILE)
        # The step also counts train tokens with a vector, which the benchmarks do not need.
        write_captions(captions, [CaptionedPhoto("none", "train", (), ())])
        build_embeddings(captions, str(glove), Path(temporary) / "matrix", seed=seed)
        matrix: NDArray[np.float32] = np.load(Path(temporary) / "matrix" / MATRIX_FILE)
    return matrix


def _splits_and_references(root: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Returns each photo's split and its normalized captions, without empty ones, by file name."""
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-") as work:
        source = read_source(str(root), Path(work))
    captions = clean_captions(source.captions).captions
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in source.images.items()
        if name in captions
    }
    # The lists decide; a train photo whose content is also in dev or test is left out.
    splits = assign_splits(digests, source.splits, seed=0, dev_share=0, test_share=0).splits
    owners = [name for name in splits for _ in captions[name]]
    texts = NORMALIZER(tf.constant([text for name in splits for text in captions[name]])).numpy()
    references: dict[str, list[str]] = {}
    for name, text in zip(owners, texts, strict=True):
        if text:
            references.setdefault(_file_name(name), []).append(text.decode())
    return {_file_name(name): split for name, split in splits.items()}, references


def _file_name(path: str) -> str:
    """Returns a photo's file name without folders, in Unicode NFC."""
    return unicodedata.normalize("NFC", PurePosixPath(path.strip()).name)


def _examples(
    names: list[str],
    rows: Mapping[str, NDArray[np.float16]],
    references: Mapping[str, list[str]],
    vocabulary: Vocabulary,
) -> Examples:
    return Examples(
        image_ids=names,
        features=np.stack([rows[name] for name in names]),  # float16 [N, D]
        tokens=[
            tuple(tuple(vocabulary.encode(text)) for text in references[name]) for name in names
        ],
        references=[tuple(references[name]) for name in names],
    )
