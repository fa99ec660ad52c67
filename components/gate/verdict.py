"""The gate at work: asks MLflow for the champion, decides, and notes all of it in the run."""

import logging
from pathlib import Path

from components.gate.decision import Decision, decide
from components.platform.artifacts import read_json
from components.platform.registry import champion, log_metrics, require_run
from components.platform.scores import main_figures
from components.platform.tracking import mlflow_client

logger = logging.getLogger(__name__)


def judge(
    model: str | Path,
    scores: str | Path,
    report: str | Path,
    *,
    model_name: str,
    floor: float,
    tolerance: float = 0.0,
) -> Decision:
    """Decides whether a model passes, and notes scores, report and decision in its MLflow run.

    The run gets as metrics what `platform.scores.main_figures` names, each with `test_` before it
    (`test_bleu4`, `test_cider_d`, `test_greedy_bleu4`, ...), the tags `gate_passed` and
    `gate_reason`, and the artifacts `scores.json` and `report.html`.

    Args:
        model: The model artifact: a directory with `training.json`, which names the run.
        scores: The scores artifact: a directory with `scores.json`.
        report: The HTML report, a file.
        model_name: The registered model whose champion is asked for.
        floor: The least BLEU-4, 0 to 100.
        tolerance: BLEU points that the model may be worse than the champion.

    Returns:
        The decision, with its reason in words.

    Raises:
        SettingError: If floor or tolerance is out of range.
        DataError: If MLflow does not know the run that trained the model.
        CaptionflowError: If MLflow can't be used.
    """
    scores_file = Path(scores) / "scores.json"
    measured = read_json(scores_file)
    run_id = read_json(Path(model) / "training.json")["mlflow_run_id"]
    require_run(run_id)
    decision = decide(measured, champion(model_name), floor=floor, tolerance=tolerance)
    logger.info("%s", decision.reason)
    figures = main_figures(measured)
    log_metrics(run_id, {f"test_{name}": value for name, value in figures.items()})
    with mlflow_client() as client:
        client.set_tag(run_id, "gate_passed", str(decision.passed).lower())
        client.set_tag(run_id, "gate_reason", decision.reason)
        client.log_artifact(run_id, str(scores_file))
        # Under a name that MLflow's user interface shows as a page.
        client.log_text(run_id, Path(report).read_text(encoding="utf-8"), "report.html")
    return decision
