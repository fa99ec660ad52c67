import io
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.local.summary_tables import outcome_line, steps_table

_RUN = Path("/work/runs/artifacts/captionflow-2026-11-30-17-02-38-169531Z")
_SENTENCE = " ".join(f"word{number}" for number in range(20))


def _printed(line: Table | Text, *, soft_wrap: bool = False) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=80).print(line, soft_wrap=soft_wrap)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_steps_table_at_80_columns_keeps_each_path_on_one_line() -> None:
    files = {"evaluate": {"scored_model": _RUN / "evaluate" / "scored_model"}}
    table = steps_table(files, {"evaluate": 139.8}, {}, folder=_RUN)
    assert _printed(table)[1:] == ["evaluate  139.8 s  evaluate/scored_model"]


def test_outcome_line_on_a_terminal_breaks_between_words_below_its_title() -> None:
    lines = _printed(outcome_line("Gate", _SENTENCE, terminal=True), soft_wrap=True)
    assert len(lines) > 1
    assert lines[0].startswith("Gate    word0 word1")
    assert all(line.startswith(" " * 8 + "word") for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == f"Gate {_SENTENCE}"


def test_outcome_line_in_a_log_stays_on_one_line() -> None:
    lines = _printed(outcome_line("Gate", _SENTENCE, terminal=False), soft_wrap=True)
    assert lines == [f"Gate    {_SENTENCE}"]
