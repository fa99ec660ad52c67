import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def script() -> ModuleType:
    # The script is not part of a package.
    spec = spec_from_file_location(
        "tutorial_scores", Path(__file__).with_name("tutorial_scores.py")
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _one(script: ModuleType, caption: str, *references: str) -> Any:
    return script.Scored([caption], [list(references)])


def test_tutorial_bleu_has_weights_for_bleu3_that_sum_to_nine_tenths(script: ModuleType) -> None:
    # Unigrams 4 of 5, bigrams 3 of 4, trigrams 2 of 3, 4-grams 1 of 2; same length.
    # BLEU-3 is (4/5 * 3/4 * 2/3) ** 0.3 = 0.4 ** 0.3 = 0.759658 instead of 0.4 ** (1/3).
    scored = _one(script, "a b c d x", "a b c d e")
    tutorial = [80, 77.4597, 75.9658, 66.8740]
    assert script.tutorial_bleu(scored) == pytest.approx(tutorial, abs=1e-4)
    assert script.our_bleu(scored) == pytest.approx([80, 77.4597, 73.6806, 66.8740], abs=1e-4)


def test_tutorial_bleu_with_special_tokens_rewards_a_wrong_caption(script: ModuleType) -> None:
    scored = _one(script, "two cats", "one dog")
    assert script.our_bleu(scored) == [0, 0, 0, 0]
    # startseq and endseq of four words match; no bigram does.
    with_tokens = script.with_special_tokens(scored)
    assert with_tokens == _one(script, "startseq two cats endseq", "startseq one dog endseq")
    assert script.our_bleu(with_tokens) == pytest.approx([50, 0, 0, 0])
    assert script.tutorial_bleu(with_tokens) == pytest.approx([50, 0, 0, 0], abs=1e-3)


def test_without_short_words_drops_the_article(script: ModuleType) -> None:
    cleaned = script.without_short_words(_one(script, "a dog", "a t shirt", "on a bed"))
    assert cleaned == _one(script, "dog", "shirt", "on bed")


def test_with_one_reference_keeps_the_first(script: ModuleType) -> None:
    assert script.with_one_reference(_one(script, "a", "b", "a")) == _one(script, "a", "b")


def test_read_captions_of_either_search(script: ModuleType, tmp_path: Path) -> None:
    line = {"image_id": "1", "hypothesis": "a dog", "greedy": "ein Bär", "references": ["a"]}
    file = tmp_path / "captions.jsonl"
    file.write_text(json.dumps(line, ensure_ascii=False) + "\n", encoding="utf-8")
    assert script.read_captions(file, "hypothesis") == _one(script, "a dog", "a")
    assert script.read_captions(file, "greedy") == _one(script, "ein Bär", "a")
