from pathlib import Path

import pytest
from rich.console import Console

from pipeline.local.choices.choose import Choice, Choices
from pipeline.local.choices.table import show_choices


@pytest.mark.parametrize("width", [80, 110])
def test_show_choices_keeps_every_value_and_flag(
    capsys: pytest.CaptureFixture[str], width: int
) -> None:
    glove = "/data/a folder with a long name/" + 60 * "x" + ".txt"
    rows = (Choice("word vectors", glove, "beside", "--glove"),)
    show_choices(Choices("small", {}, rows), Path("runs"), Console(width=width, markup=False))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    for fact in ("word vectors", "beside", "--glove", "runs", "--root"):
        assert fact in shown
    assert glove.replace(" ", "") in "".join(
        line[14:].partition("  ")[0].strip().replace(" ", "") for line in shown.splitlines()[1:]
    )


def test_show_choices_without_choices_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_choices(Choices("sample", {}), Path("runs"))
    assert capsys.readouterr().out == ""
