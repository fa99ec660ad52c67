"""The gate at work: reads what was scored, decides, and notes all of it in the MLflow run."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.artifacts.champion_predictions import ChampionPredictions, read_champion_predictions
from components.artifacts.files import CAPTIONS_FILE, SCORES_FILE, TRAINING_FILE, read_json
from components.artifacts.scores import main_figures
from components.gate.decision import Decision, Described, decide
from components.registry.models import ModelVersion, find_champion
from components.registry.rejected_candidates import candidate_key, record_rejected_candidate
from components.registry.runs import log_metrics, log_tags, log_text_files, require_run
from components.settings.release import GateSettings

logger = logging.getLogger(__name__)


def judge(
    model: str | Path,
    scores: str | Path,
    report: str | Path,
    baseline: str | Path,
    settings: GateSettings,
    *,
    training_config: str,
) -> Decision:
    """Decides whether a model passes, and notes scores, report and decision in its MLflow run.

    The run gets as metrics what `artifacts.scores.main_figures` names, each with `test_` before it
    (`test_bleu4`, `test_cider_d`, `test_greedy_bleu4`, ...), as tags the decision and what it
    rests on (`gate_passed`, `gate_reason`, ...), and as artifacts `scores.json`, `captions.jsonl`
    and `report.html`.

    Args:
        model: The model artifact: a directory with `training.json`, which names the run.
        scores: The scores artifact: a directory with `scores.json` and `captions.jsonl`.
        report: The HTML report, a file.
        baseline: The baseline artifact.
        settings: Thresholds and margin; the registered model, whose present champion must be the
            one that was compared; and the experiment in which a rejection is recorded.
        training_config: What the model was trained on. If it is rejected, the same is not trained
            again.

    Returns:
        The decision, with its reason in words.

    Raises:
        SettingError: If a floor or the tolerance breaks its rule.
        DataError: If MLflow does not know the run that trained the model.
        CaptionflowError: If MLflow can't be used.
    """
    scores_file, captions_file = Path(scores) / SCORES_FILE, Path(scores) / CAPTIONS_FILE
    measured, compared = read_json(scores_file), read_champion_predictions(baseline)
    run_id = read_json(Path(model) / TRAINING_FILE)["mlflow_run_id"]
    require_run(run_id)
    test, now = _read_captions(captions_file), find_champion(settings.model_name)
    moved = (now and now.version) != (compared and compared.version)
    if moved:
        decision = Decision(False, _moved(compared, now))
    else:
        decision = decide(measured, test, compared, floors=settings.floors, margin=settings.margin)
    decision = decision._replace(champion=compared.version if compared else "")
    logger.info("%s", decision.reason)
    log_metrics(run_id, {f"test_{name}": value for name, value in main_figures(measured).items()})
    log_tags(run_id, {"model_name": settings.model_name, **_tags(decision, measured)})
    # MLflow's user interface shows as a page what is named so.
    files = {SCORES_FILE: scores_file, CAPTIONS_FILE: captions_file, "report.html": report}
    log_text_files(run_id, files)
    if compared and not decision.passed and not moved:
        key = candidate_key(
            training_config,
            compared.version,
            model_name=settings.model_name,
            floors=settings.floors,
            margin=settings.margin,
        )
        record_rejected_candidate(settings.experiment, key, decision.reason)
    return decision


def _moved(compared: ChampionPredictions | None, now: ModelVersion | None) -> str:
    then = f"champion v{compared.version}" if compared else "no champion"
    there = f"v{now.version} is champion" if now else "there is no champion"
    return (
        f"not passed: {there} now, and this run compared with {then}: run the pipeline again, "
        "which takes up from here"
    )


def _tags(decision: Decision, measured: Mapping[str, Any]) -> dict[str, str]:
    # Those that have nothing to say are emptied: a gate that is run again leaves none of before.
    compared = decision.comparison
    return {
        "gate_passed": str(decision.passed).lower(),
        "gate_reason": decision.reason,
        "gate_champion": decision.champion,
        "gate_near_duplicates": str(measured.get("near_duplicates", "")),
        "gate_bleu4": f"{compared.bleu4:.4f}" if compared else "",
        "gate_champion_bleu4": f"{compared.champion_bleu4:.4f}" if compared else "",
        "gate_interval": f"{compared.low:+.4f} to {compared.high:+.4f}" if compared else "",
        "gate_p_value": f"{compared.p_value:.4f}" if compared else "",
        "gate_signature": compared.signature if compared else "",
    }


def _read_captions(path: Path) -> list[Described]:
    with path.open(encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines]
    return [Described(each["image_id"], each["hypothesis"], each["references"]) for each in told]
