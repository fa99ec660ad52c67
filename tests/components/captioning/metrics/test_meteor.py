import shutil

import pytest
from java_programs import FakeJava

from components.captioning.metrics import java_program
from components.captioning.metrics.java_program import JavaError
from components.captioning.metrics.meteor import meteor_scores

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="METEOR needs Java")

REFERENCES = [["a dog runs on the grass"], ["two men sit on a bench", "men are sitting"]]


@needs_java
def test_meteor_scores_prefer_equal_words_then_synonyms() -> None:
    scores = meteor_scores(
        {
            "equal": ["a dog runs on the grass", "two men sit on a bench"],
            "stems": ["a dog running on the grass", "two men sits on a bench"],
            "other": ["red buses", "green cars"],
            "empty": ["", ""],
        },
        REFERENCES,
    )
    assert scores["equal"] == pytest.approx(100)
    assert scores["equal"] > scores["stems"] > scores["other"]
    assert scores["other"] == scores["empty"] == 0


def test_meteor_scores_need_a_caption_per_photo() -> None:
    with pytest.raises(ValueError, match="1 captions, references for 2 photos"):
        meteor_scores({"beam": ["a dog"]}, REFERENCES)


def test_meteor_scores_of_a_program_that_fails_are_its_error(fake_java: FakeJava) -> None:
    fake_java(
        "import sys\n"
        "print('Error: Invalid or corrupt jarfile\\n\\tat A.b(A.java:1)', file=sys.stderr)\n"
        "sys.exit(2)\n"
    )
    with pytest.raises(JavaError, match=r"^exit code 2, Error: Invalid or corrupt jarfile$"):
        meteor_scores({"beam": ["a dog"]}, [["a dog"]])


def test_meteor_scores_of_a_program_that_gives_no_number_are_an_error(fake_java: FakeJava) -> None:
    fake_java("import sys\nfor line in sys.stdin: print('what?', flush=True)\n")
    with pytest.raises(JavaError, match=r"its answer is not valid: .*what"):
        meteor_scores({"beam": ["a dog"]}, [["a dog"]])


def test_meteor_scores_of_a_program_that_hangs_are_an_error(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_java("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(java_program, "_START", 1.0)
    # Of two captions and two references: 1 + 4 * 0.1.
    with pytest.raises(JavaError, match="no answer after 1 s"):
        meteor_scores({"beam": ["a dog"], "greedy": ["a"]}, [["a dog"]])
