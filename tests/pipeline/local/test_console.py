import io

import pytest
from rich.console import Console
from rich.text import Text

from pipeline.local.console import RunView

_RUN = """\
10:00:00.000 - INFO - Executing task \x1b[96m'train'\x1b[0m
    [KFP Executor INFO]: Looking for component
    I0000 00:00 a library's remark
    [train] 48 captions of 24 photos
    [train] epoch 1/4, step 5/10
    [train] epoch 2/4  loss 2.000
    TOOK train: 8.5 s to start, 12.5 s of work
"""


def _shown(text: str, *, terminal: bool) -> tuple[str, RunView, str]:
    screen, log = io.StringIO(), io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=120)
    with RunView(console, log) as view:
        # In pieces, as kfp writes: the indent first, then the line.
        for piece in (text[:40], text[40:90], text[90:]):
            view.write(piece)
    return screen.getvalue(), view, log.getvalue()


def test_run_view_in_a_log_prints_the_lines_of_steps_alone() -> None:
    screen, view, log = _shown(_RUN, terminal=False)
    assert screen.splitlines() == [
        "[train] 48 captions of 24 photos",
        "[train] epoch 1/4, step 5/10",
        "[train] epoch 2/4  loss 2.000",
    ]
    assert log == _RUN
    assert view.seconds == {"train": 21.0}
    assert view.failure is None


def test_run_view_on_a_terminal_draws_a_bar_for_the_step() -> None:
    screen, _, _ = _shown(_RUN, terminal=True)
    assert "train" in screen
    assert "epoch 2/4" in screen
    assert "✓" in screen
    assert "a library's remark" not in screen


def test_run_view_on_a_terminal_leaves_a_closing_table() -> None:
    table = "    [train]   photos  6\n    [train]   captions  12\n"
    screen, _, _ = _shown(_RUN + table, terminal=True)
    assert "[train]   photos  6" in screen
    assert "[train]   captions  12" in screen


def test_run_view_on_a_terminal_breaks_a_long_line_of_the_table_between_words() -> None:
    words = [f"word{number}" for number in range(20)]
    screen, _, _ = _shown(f"{_RUN}    [train]   note  {' '.join(words)}\n", terminal=True)
    lines = [line for line in screen.splitlines() if "word" in line]
    assert len(lines) == 2
    assert [word for line in lines for word in line.split() if "word" in word] == words
    # The second line begins below the text of the first.
    assert lines[1].startswith(" " * len("[train]   note  ") + "word")


@pytest.mark.parametrize("width", [80, 110])
def test_run_view_on_a_terminal_keeps_the_columns_of_a_long_table(width: int) -> None:
    text = " ".join(f"word{number}" for number in range(40))
    rows = [f"  splits from  {text}", f"  missing      {text}", f"  {text}"]
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width)
    with RunView(console, io.StringIO()) as view:
        view.write(_started("ingest") + "".join(f"    [ingest] {row}\n" for row in rows))
    plain = Text.from_ansi(screen.getvalue()).plain.splitlines()
    lines = [line.rstrip() for line in plain if "word" in line]
    assert max(map(len, lines)) <= width
    starts = [line.index("word") for line in lines]
    assert set(starts) == {len("[ingest]   splits from  "), len("[ingest]   ")}
    assert starts == sorted(starts, reverse=True)
    assert " ".join(" ".join(lines).split()).count("word39") == 3


@pytest.mark.parametrize(
    ("line", "completed", "total"),
    [
        ("epoch 2/4  loss 2.000", 2, 4),
        ("epoch 2/4, step 5/10", 1.5, 4),
        ("640 of 6996 photos, 60.2 a second", 640, 6996),
        ("Feature store: 640 of 6996 photos are encoded already", 0, None),
        ("quarantined 2 of 21 images", 0, None),
    ],
)
def test_run_view_moves_the_bar_by_lines_of_progress(
    line: str, completed: float, total: int | None
) -> None:
    _, view, _ = _shown(f"{_RUN.splitlines()[0]}\n    [train] {line}\n{' ' * 90}", terminal=True)
    (task,) = view._progress.tasks
    assert (task.completed, task.total) == (completed, total)


@pytest.mark.parametrize("width", [80, 110])
def test_run_view_cuts_a_long_message_and_nothing_else(width: int) -> None:
    steps = ["ingest", "normalize", "features", "embeddings", "evaluate"]
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width)
    with RunView(console, io.StringIO()) as view:
        for number, step in enumerate(steps):
            view.write(f"{_started(step)}    [{step}] {'a long message ' * 20}\n")
            view.write(f"    TOOK {step}: 8.5 s to start, {number}.5 s of work\n")
    lines = Text.from_ansi(screen.getvalue()).plain.splitlines()
    for number, step in enumerate(steps):
        (line,) = [line for line in lines[-len(steps) :] if f" {step} " in line]
        assert f" {9 + number}.0 s " in line
        assert "a long message" in line and line.rstrip().endswith("…")
        assert len(line) <= width


def test_run_view_keeps_how_a_step_failed() -> None:
    *before, _ = _RUN.splitlines()
    failed = "\n".join([*before, "    FAILED train: the loss must stay a number", ""])
    _, view, _ = _shown(failed, terminal=False)
    assert view.failure == "train: the loss must stay a number"
    assert view.seconds == {}


def _started(step: str) -> str:
    return _RUN.splitlines()[0].replace("train", step) + "\n"


def test_run_view_names_the_step_that_was_killed_and_not_a_later_one() -> None:
    view = RunView(Console(file=io.StringIO()), io.StringIO())
    view.write(f"{_started('features')}    [features] 32 of 48 photos, 9.1 a second\n")
    view.end("features", -9)
    view.write(f"{_started('embeddings')}    [embeddings] 50 words\n")
    view.end("embeddings", 0)
    view.write(f"{_started('normalize')}    FAILED normalize: no captions\n")
    view.end("normalize", 3)
    assert view.failure is not None
    for fact in ("features: ", "SIGKILL", "--encoder-batch", "32 of 48 photos"):
        assert fact in view.failure


def test_run_view_prefers_a_steps_own_error() -> None:
    view = RunView(Console(file=io.StringIO()), io.StringIO())
    view.write(f"{_started('normalize')}    FAILED normalize: no captions\n")
    view.end("normalize", 3)
    assert view.failure == "normalize: no captions"


def test_run_view_does_not_quote_an_earlier_step() -> None:
    view = RunView(Console(file=io.StringIO()), io.StringIO())
    view.write(f"{_started('ingest')}    [ingest] Drew 48 scenes\n{_started('trigger')}")
    view.end("trigger", 1)
    assert view.failure == "trigger: ended with exit code 1 and without an error message."
