"""What the gate adds to the report."""

import re
from html import unescape
from pathlib import Path

from judgements import PAGE, judged, register_champion, run_of, write_champion
from mlflow import MlflowClient

from components.artifacts.champion_predictions import (
    ChampionPredictions,
)
from components.artifacts.report import PLACES


def _shown(artifacts: dict[str, str], name: str) -> str:
    """Returns what the report says in a place."""
    return unescape(re.sub(r"<[^>]*>", "", _markup(artifacts, name)))


def _markup(artifacts: dict[str, str], name: str) -> str:
    page = Path(artifacts["report"]).with_name("final_report").read_text(encoding="utf-8")
    return page.partition(f"<!-- {name} -->")[2].partition("<!-- /")[0]


def test_judge_completes_the_report_with_decision_and_run(artifacts: dict[str, str]) -> None:
    decision = judged(artifacts)
    assert _shown(artifacts, "model") == "captioner"
    assert (_shown(artifacts, "passed"), _shown(artifacts, "failed")) == ("Passed", "")
    assert decision.reason == f"Passed: {_shown(artifacts, 'reason')[:-1]}"
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", _shown(artifacts, "date"))
    assert _shown(artifacts, "dataset") == "sample"
    assert "no champion" in _shown(artifacts, "champion")
    assert _shown(artifacts, "command") == "captionflow run --epochs 9 --force"
    # A line never ends within a flag.
    assert '<span class="word">--epochs</span>' in _markup(artifacts, "command")
    # This run recorded no commit.
    assert "Unknown" in _shown(artifacts, "commit")
    # The step register has not decided yet.
    assert _shown(artifacts, "version") == ""
    assert "not registered yet" in _shown(artifacts, "release")


def test_judge_shows_the_commit_of_the_training(artifacts: dict[str, str]) -> None:
    run_id = run_of(artifacts)
    MlflowClient().set_tag(run_id, "mlflow.source.git.commit", "c" * 40)
    judged(artifacts)
    assert _shown(artifacts, "commit") == "c" * 40
    MlflowClient().set_tag(run_id, "mlflow.source.git.dirty", "true")
    judged(artifacts)
    assert _shown(artifacts, "commit") == f"{'c' * 40} with changes that are not committed"


def test_judge_shows_the_comparison_with_the_champion(artifacts: dict[str, str]) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    compared = judged(artifacts).comparison
    assert compared is not None
    shown = _shown(artifacts, "champion")
    for number in (
        f"v1: BLEU-4 {compared.champion.bleu4:.2f} and CIDEr-D {compared.champion.cider_d:.2f}",
        f"{compared.difference:+.2f}",
        f"{compared.low:+.2f} to {compared.high:+.2f}", f"p = {compared.p_value:.3f}",
    ):  # fmt: skip
        assert number in shown


def test_judge_below_a_threshold_shows_that_nothing_was_compared(
    artifacts: dict[str, str],
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    decision = judged(artifacts, floors="bleu4=70")
    assert "`--floors`" in decision.reason
    assert "(--floors)." in _shown(artifacts, "reason")
    assert (_shown(artifacts, "passed"), _shown(artifacts, "failed")) == ("", "Not released")
    assert _shown(artifacts, "champion") == "Champion v1: not compared"
    incomparable = ChampionPredictions("1", incomparable="has no record of its training photos")
    write_champion(Path(artifacts["baseline"]), incomparable)
    judged(artifacts)
    assert _shown(artifacts, "champion") == "Champion v1 has no record of its training photos"


def test_judge_shows_the_drift_of_its_own_run_in_the_report(artifacts: dict[str, str]) -> None:
    # The report of evaluate is the same each time, as if it came from the cache.
    for drift in ("p = 0.003", "", "p < 0.5"):
        judged(artifacts, drift=drift)
        assert _shown(artifacts, "drift") == (drift or PLACES["drift"])
    assert Path(artifacts["report"]).read_text(encoding="utf-8") == PAGE
