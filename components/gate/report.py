"""Completes the report with the decision of the gate and the facts of this run."""

from datetime import UTC, datetime

import yaml
from markupsafe import Markup

from components.artifacts.champion_predictions import ChampionPredictions
from components.artifacts.git_commit import Commit
from components.artifacts.report import fill_places
from components.gate.command import command_of
from components.gate.decision import Decision
from components.registry.datasets import dataset_name
from components.registry.records import to_the_minute
from components.settings.run import RunSettings

_NO_COMMIT = "Unknown: the model was not trained from a Git checkout"


def complete_report(
    page: str,
    decision: Decision,
    champion: ChampionPredictions | None,
    *,
    model_name: str,
    run_config: str,
    commit: Commit | None,
    drift: str,
) -> str:
    """Returns the report with everything that is known after the gate.

    Args:
        page: The report of `evaluate`, HTML.
        decision: The gate's decision.
        champion: The champion's predictions; None if there is no champion.
        model_name: The registered model.
        run_config: All settings of this run, as YAML.
        commit: The commit of the training; None if it is unknown.
        drift: The outcome of this run's drift test; empty if there was none.

    Raises:
        DataError: If the report lacks one of the placeholders.
    """
    settings = RunSettings.check(yaml.safe_load(run_config))
    outcome, _, reason = decision.reason.partition(": ")
    released = "Passed; not registered yet" if decision.passed else "Not registered"
    texts = {
        "model": model_name,
        "passed" if decision.passed else "failed": outcome,
        # HTML, in which backticks have no meaning.
        "reason": f"{reason}.".replace("`", ""),
        "release": released,
        "date": to_the_minute(datetime.now(UTC)),
        "dataset": dataset_name(settings.dataset),
        "champion": _comparison(decision, champion),
        "commit": _NO_COMMIT if commit is None else str(commit),
        "command": _in_words(command_of(settings)),
    }
    if drift:
        texts["drift"] = drift
    return fill_places(page, texts)


def _in_words(command: str) -> Markup:
    """Returns a command as HTML that breaks between words, not after the hyphens of a flag."""
    word = Markup('<span class="word">{}</span>')
    return Markup(" ").join(word.format(each) for each in command.split(" "))


def _comparison(decision: Decision, champion: ChampionPredictions | None) -> str:
    if champion is None:
        return "There was no champion to compare with"
    name = f"Champion v{champion.version}"
    if champion.incomparable:
        return f"{name} {champion.incomparable}"
    compared = decision.comparison
    if compared is None:
        return f"{name}: not compared"
    theirs = compared.champion
    return (
        f"{name}: BLEU-4 {theirs.bleu4:.2f} and CIDEr-D {theirs.cider_d:.2f} on the same photos. "
        f"Difference of BLEU-4 + CIDEr-D, this model minus the champion: "
        f"{compared.difference:+.2f}, 95 % confidence interval {compared.low:+.2f} to "
        f"{compared.high:+.2f} (p = {compared.p_value:.3f})"
    )
