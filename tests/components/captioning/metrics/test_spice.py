import shutil
from pathlib import Path

import pytest
from java_programs import FakeJava

from components.captioning.metrics import java_program, spice
from components.captioning.metrics.java import JAVA_METRICS
from components.captioning.metrics.java_program import JavaError
from components.captioning.metrics.spice import spice_scores

needs_models = pytest.mark.skipif(
    JAVA_METRICS["spice"].why_not("en") != "", reason="SPICE needs Java and its models"
)

REFERENCES = [
    ["a dog runs on the grass"],
    ["two men sit on a bench", "men are sitting"],
    ["a brown dog"],
]
# Reads what SPICE reads, and writes what it writes.
PROGRAM = """
import json, sys

words = sys.argv[sys.argv.index("edu.anu.spice.SpiceScorer"):]
items = json.load(open(words[1]))


def answer(content):
    open(words[words.index("-out") + 1], "w").write(content)


def scored(item, f):
    return {"image_id": item["image_id"], "scores": {"All": {"f": f, "pr": 1.0, "tp": 1}}}

"""


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


def test_spice_scores_are_means_by_set_whatever_the_order_of_the_answer(
    fake_java: FakeJava,
) -> None:
    fake_java(
        PROGRAM
        + "scores = [scored(item, 0.5 if item['test'] in item['refs'] else 0) for item in items]\n"
        "answer(json.dumps(scores[::-1]))\n"
    )
    captions = {"beam": ["a dog runs on the grass", "men are sitting", "a cat"], "greedy": [""] * 3}
    # Two of three captions are among their references.
    assert spice_scores(captions, REFERENCES) == {"beam": pytest.approx(100 / 3), "greedy": 0}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("'[]'", "each of 4 captions must be scored once. Received: 0 scores of 0 captions"),
        ("json.dumps([scored(items[0], 1.0)])", "Received: 1 scores of 1 captions"),
        ("json.dumps([scored(items[0], 1.0)] * 4)", "Received: 4 scores of 1 captions"),
        (
            "json.dumps([scored(item, 1.0) for item in items + items[:1]])",
            "Received: 5 scores of 4",
        ),
        ("json.dumps([scored({'image_id': 1 + n}, 1.0) for n in range(4)])", "Received: 4 scores"),
        ("'{\"a\": 1}'", "its answer is not valid: the file: Input should be a valid array"),
        ("'5'", "its answer is not valid: the file: Input should be a valid array"),
        ("'[{\"image_id\": 0}]'", "its answer is not valid: 0.scores: Field required"),
        ("json.dumps([scored(item, None) for item in items])", "0.scores.All.f: Input should be a"),
        ("json.dumps([scored(item, 1.5) for item in items])", "0.scores.All.f: .* equal to 1"),
        ("'[{'", "its answer is not valid: the file: Invalid JSON"),
        ("''", "its answer is not valid: the file: Invalid JSON"),
    ],
)
def test_spice_scores_of_an_unusable_answer_are_an_error(
    given: str, message: str, fake_java: FakeJava
) -> None:
    fake_java(f"{PROGRAM}answer({given})\n")
    with pytest.raises(JavaError, match=message):
        spice_scores({"beam": ["a dog", "a cat"], "greedy": ["a", "a"]}, [["a dog"], ["a cat"]])


def test_spice_scores_without_an_answer_are_an_error(fake_java: FakeJava) -> None:
    fake_java("")
    with pytest.raises(JavaError, match="its answer is not valid"):
        spice_scores({"beam": ["a dog"]}, [["a dog"]])


def test_spice_scores_of_a_program_that_fails_are_its_error_whatever_it_wrote(
    fake_java: FakeJava,
) -> None:
    fake_java(
        PROGRAM + "answer(json.dumps([scored(item, 1.0) for item in items]))\n"
        "print('java.lang.OutOfMemoryError: heap\\n\\tat A.b(A.java:1)', file=sys.stderr)\n"
        "sys.exit(3)\n"
    )
    with pytest.raises(JavaError, match=r"^exit code 3, java\.lang\.OutOfMemoryError: heap$"):
        spice_scores({"beam": ["a dog"]}, [["a dog"]])


def test_spice_scores_of_a_program_that_hangs_are_an_error(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_java("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(java_program, "_START", 0.5)
    # Of a caption and two references: 0.5 + 3 * 0.5.
    with pytest.raises(JavaError, match="no answer after 2 s"):
        spice_scores({"beam": ["a dog"]}, [["a dog", "a cat"]])


@pytest.mark.skipif(shutil.which("java") is None, reason="SPICE needs Java")
def test_spice_scores_without_its_program_say_what_java_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spice, "SPICE_FOLDER", tmp_path)
    with pytest.raises(JavaError, match=r"exit code 1, .*ClassNotFoundException.*SpiceScorer"):
        spice_scores({"beam": ["a dog"]}, [["a dog"]])
