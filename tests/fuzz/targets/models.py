"""Targets that are parts of a model, or made into one."""

import bz2
import gzip
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from random import Random

import numpy as np
from mutations import mutate, mutate_json

from components.errors import DataError
from targets.target import Target, of_bytes

# Shorter than the loop's own, for the process that tries HDF5 files.
_PATIENCE = 6.0


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

    return of_bytes(seeds, read)


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

    return of_bytes(seeds, read)


def bundles() -> Target:
    """Files of a bundle, one changed at a time."""
    from components.artifacts.checksums import CHECKSUMS_FILE, write_checksums
    from components.artifacts.examples import Examples
    from components.captioning import hdf5
    from components.captioning.decoding.reranker_data import RerankerData
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
    trained = Bundle(network, vocabulary, DecodingConfig(3, 1.0, 4, 1.0), data)
    dev = Examples(["1"], np.ones((1, 2), np.float16), [((4, 6),)], [("a cat",)])
    trained.calibration = fit_calibration(trained, [dev], drawn_scenes=False)
    trained.save(whole)
    NORMALIZER.save(whole)
    names = sorted({path.name for path in whole.iterdir()} - {CHECKSUMS_FILE})
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
        write_checksums(bundle)
        Normalizer.load(bundle)
        model, features = Bundle.load(bundle), np.ones((1, 2), np.float32)
        said = model.captions(features)
        assert isinstance(said[0], str)
        assert 0 <= model.confidences(features, said)[0].probability <= 1

    return Target(make, read)
