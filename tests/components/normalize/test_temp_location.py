"""Why TFT runs in this process when Beam's workers share nothing, and that it does."""

from pathlib import Path

import pytest
import tensorflow as tf

from components.artifacts.manifest import Photo, write_manifest
from components.normalize.normalization import normalize_captions

# Nothing listens there.
FLAGS = "--runner=PortableRunner --job_endpoint=localhost:1 --temp_location=s3://nowhere/temp"


def test_tensorflow_has_no_file_system_for_s3() -> None:
    # If this fails, TensorFlow has one, and TFT could use a temp location at s3://.
    with pytest.raises(tf.errors.UnimplementedError, match="s3"):
        tf.io.gfile.exists("s3://bucket/file")


def test_normalize_captions_with_temp_location_runs_in_this_process(tmp_path: Path) -> None:
    (manifest := tmp_path / "manifest").mkdir()
    photo = Photo("1.jpg", "1.jpg", "0" * 64, 1, 1, "train", ("A dog runs.", "A dog"))
    write_manifest(manifest, [photo])
    written = []
    for name, flags in (("local", ""), ("remote", FLAGS)):
        normalize_captions(manifest, tmp_path / name, min_count=1, beam_flags=flags)
        files = ("captions.parquet", "vocabulary.txt", "report.json")
        written.append([(tmp_path / name / file).read_bytes() for file in files])
    assert written[0] == written[1]
