from pathlib import Path

import pytest

from pipeline.local.steps.exit import count_oom_kills, explain_exit


@pytest.mark.parametrize(
    ("code", "oom_kills", "facts"),
    [
        (-9, 0, ("signal 9 (SIGKILL)", "Most likely memory ran out", "--batch-size")),
        (-9, 1, ("signal 9 (SIGKILL)", "Memory ran out", "--batch-size")),
        (-11, 0, ("signal 11 (SIGSEGV)", "crashed")),
        (-25, 0, ("signal 25 (SIGXFSZ)", "size limit")),
        (-40, 0, ("signal 40",)),
        (1, 0, ("exit code 1",)),
    ],
)
def test_explain_exit_has_step_cause_and_last_line(
    code: int, oom_kills: int, facts: tuple[str, ...]
) -> None:
    text = explain_exit("train", code, last_line="epoch 2/4", oom_kills=oom_kills)
    assert text.startswith("train: ")
    assert text.endswith("epoch 2/4")
    assert all(fact in text for fact in facts)


def test_count_oom_kills_adds_the_counters_that_exist(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 9\n")
    (tmp_path / "vmstat").write_text("nr_free_pages 100\noom_kill 5\n")
    counters = tuple(tmp_path / name for name in ("memory.events", "vmstat", "none"))
    assert count_oom_kills(counters) == 7
