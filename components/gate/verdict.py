"""The step's work: read the scores, decide, and record the decision in the MLflow run."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.artifacts.champion_predictions import ChampionPredictions, read_champion_predictions
from components.artifacts.files import (
    CAPTIONS_FILE,
    SCORES_FILE,
    TRAINING_FILE,
    atomic_file,
    read_json,
)
from components.artifacts.scores import main_figures
from components.captioning.metrics.bootstrap import SIGNATURE
from components.gate.comparison import Comparison
from components.gate.decision import Decision, Prediction, decide
from components.gate.report import complete_report
from components.registry.models import ModelVersion, find_champion
from components.registry.rejected_candidates import candidate_key, record_rejected_candidate
from components.registry.runs import REPORT_NAME, log_metrics, log_tags, log_text_files, require_run
from components.registry.source import commit_of
from components.settings.release import GateSettings

logger = logging.getLogger(__name__)

_COMPARISON_TAGS = (
    "gate_bleu4",
    "gate_cider_d",
    "gate_champion_bleu4",
    "gate_champion_cider_d",
    "gate_interval",
    "gate_p_value",
    "gate_signature",
)


def judge(
    model: str | Path,
    scores: str | Path,
    report: str | Path,
    baseline: str | Path,
    settings: GateSettings,
    *,
    training_config: str,
    run_config: str,
    drift: str,
    final_report: str | Path,
) -> Decision:
    """Decides whether a model passes, and records scores, report and decision in its MLflow run.

    - Metrics: the figures of `artifacts.scores.main_figures`, prefixed with `test_` (`test_bleu4`,
      `test_cider_d`, `test_greedy_bleu4`, ...).
    - Tags: the decision and the numbers behind it (`gate_passed`, `gate_reason`, ...).
    - Artifacts: `scores.json`, `captions.jsonl` and `report.html`.

    Args:
        model: The model artifact: a directory with `training.json`, which names the run.
        scores: The scores artifact: a directory with `scores.json` and `captions.jsonl`.
        report: The HTML report of `evaluate`, a file.
        baseline: The champion's predictions, from `rescore`.
        settings: Thresholds and margin; the registered model, whose current champion must be the
            one that made the baseline; and the experiment in which a rejection is recorded.
        training_config: The training config. After a rejection, `trigger` does not train with it
            again.
        run_config: All settings of this run, as YAML.
        drift: The outcome of this run's drift test; empty if there was none.
        final_report: Where to write the report with the decision, an HTML file.

    Returns:
        The decision.

    Raises:
        SettingError: If a threshold or the margin breaks its rule.
        DataError: If MLflow does not know the run that trained the model, or the report has no
            placeholder for the decision.
        CaptionflowError: If MLflow can't be used.
    """
    scores_file, captions_file = Path(scores) / SCORES_FILE, Path(scores) / CAPTIONS_FILE
    measured, champion = read_json(scores_file), read_champion_predictions(baseline)
    run_id = read_json(Path(model) / TRAINING_FILE)["mlflow_run_id"]
    require_run(run_id)
    current = find_champion(settings.model_name)
    champion_changed = (current and current.version) != (champion and champion.version)
    if champion_changed:
        decision = Decision(False, _explain_change(champion, current))
    else:
        decision = decide(
            measured,
            _read_predictions(captions_file),
            champion,
            floors=settings.floors,
            margin=settings.margin,
        )
    decision = decision._replace(champion=champion.version if champion else "")
    logger.info("%s", decision.reason)
    log_metrics(run_id, {f"test_{name}": value for name, value in main_figures(measured).items()})
    log_tags(run_id, {"model_name": settings.model_name, **_tags(decision, measured)})
    page = complete_report(
        Path(report).read_text(encoding="utf-8"),
        decision,
        champion,
        model_name=settings.model_name,
        run_config=run_config,
        commit=commit_of(run_id),
        drift=drift,
    )
    with atomic_file(final_report) as aside:
        aside.write_text(page, encoding="utf-8")
    files = {SCORES_FILE: scores_file, CAPTIONS_FILE: captions_file, REPORT_NAME: final_report}
    log_text_files(run_id, files)
    if champion and not decision.passed and not champion_changed:
        key = candidate_key(
            training_config,
            champion.version,
            model_name=settings.model_name,
            floors=settings.floors,
            margin=settings.margin,
        )
        record_rejected_candidate(settings.experiment, key, decision.reason)
    return decision


def _explain_change(champion: ChampionPredictions | None, current: ModelVersion | None) -> str:
    before = f"champion v{champion.version}" if champion else "no champion"
    now = f"v{current.version} is the champion" if current else "there is no champion"
    return (
        f"Not released: this run was compared with {before}, but now {now}. Run the pipeline "
        "again; finished steps are reused"
    )


def _tags(decision: Decision, measured: Mapping[str, Any]) -> dict[str, str]:
    # Empty tags are removed, so that a repeated gate leaves none of the first decision's.
    return {
        "gate_passed": str(decision.passed).lower(),
        "gate_reason": decision.reason,
        "gate_champion": decision.champion,
        "gate_near_duplicates": str(measured.get("near_duplicates", "")),
        **_comparison_tags(decision.comparison),
    }


def _comparison_tags(comparison: Comparison | None) -> dict[str, str]:
    if comparison is None:
        return dict.fromkeys(_COMPARISON_TAGS, "")
    ours, theirs = comparison.challenger, comparison.champion
    values = (
        *(f"{score:.4f}" for score in (ours.bleu4, ours.cider_d, theirs.bleu4, theirs.cider_d)),
        f"{comparison.low:+.4f} to {comparison.high:+.4f}",
        f"{comparison.p_value:.4f}",
        SIGNATURE,
    )
    return dict(zip(_COMPARISON_TAGS, values, strict=True))


def _read_predictions(path: Path) -> list[Prediction]:
    with path.open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [Prediction(each["image_id"], each["hypothesis"], each["references"]) for each in lines]
