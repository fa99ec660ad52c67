import shutil

import pytest

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


@needs_java
def test_meteor_scores_need_a_caption_per_photo() -> None:
    with pytest.raises(ValueError, match="1 captions, references for 2 photos"):
        meteor_scores({"beam": ["a dog"]}, REFERENCES)
