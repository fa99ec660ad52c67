import re
import shutil
from pathlib import Path

import pytest

from components.captioning.metrics import spice
from components.captioning.metrics.java import JAVA_METRICS
from components.captioning.metrics.spice import spice_scores

needs_models = pytest.mark.skipif(
    JAVA_METRICS["spice"].why_not("en") != "", reason="SPICE needs Java and its models"
)

REFERENCES = [
    ["a dog runs on the grass"],
    ["two men sit on a bench", "men are sitting"],
    ["a brown dog"],
]


@needs_models
def test_spice_scores_count_objects_attributes_and_relations() -> None:
    scores = spice_scores(
        {
            "equal": ["a dog runs on the grass", "two men sit on a bench", "a brown dog"],
            "other": ["red buses", "green cars", "a tall tree"],
            "empty": ["", "", ""],
            # Of the two tuples of the last photo, dog and (dog, brown), one: F = 2/3.
            "object": ["a dog runs on the grass", "red buses", "a dog"],
        },
        REFERENCES,
    )
    # The second photo's references have a tuple more than its caption: (man, sit), F = 8/9.
    assert scores["equal"] == pytest.approx(100 * (1 + 8 / 9 + 1) / 3)
    assert scores["object"] == pytest.approx(100 * (1 + 0 + 2 / 3) / 3)
    assert scores["other"] == scores["empty"] == 0


def test_spice_scores_need_a_caption_per_photo() -> None:
    with pytest.raises(ValueError, match="1 captions, references for 3 photos"):
        spice_scores({"beam": ["a dog"]}, REFERENCES)


@pytest.mark.skipif(shutil.which("java") is None, reason="SPICE needs Java")
def test_spice_scores_without_its_program_say_what_java_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spice, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"exit code 1, .*SpiceScorer"):
        spice_scores({"beam": ["a dog"]}, [["a dog"]])


def test_spice_scores_without_a_javascript_engine_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\necho 'NullPointerException: ScriptEngine' >&2\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ValueError, match=r"nashorn-core.*" + re.escape(str(spice._FOLDER))):
        spice_scores({"beam": ["a dog"]}, [["a dog"]])
