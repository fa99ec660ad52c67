"""Progress of a local run: a bar or lines for each step, and all output in a log file."""

import io
import re
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.table import Column, Table
from rich.text import Text

from components.runtime.execution import FAILED_MARK, TOOK_MARK
from pipeline.local.steps.exit import count_oom_kills, explain_exit

# kfp.local writes `Executing task 'ingest'`, with colours, and indents the output of steps.
_STARTED = re.compile(r"Executing task .*?'([\w-]+)'")
_STEP_LINE = re.compile(r"^ {4}\[(?P<step>[\w-]+)\] (?P<text>.*)")
_FAILED = re.compile(rf"^ {{4}}{FAILED_MARK} (?P<error>[\w-]+: .*)")
_TOOK = re.compile(
    rf"^ {{4}}{TOOK_MARK} (?P<step>[\w-]+): (?P<start_up>[\d.]+) s to start, (?P<work>[\d.]+) s "
)
# A line such as `epoch 3/10 …` or `640 of 6996 photos, …` advances the bar.
_PROGRESS = re.compile(
    r"^(?=\w+ \d+/|\d+ of \d+ photos, )(?:\w+ )?(?P<done>\d+)(?:/| of )(?P<total>\d+)"
    r"(?:, step (?P<step>\d+)/(?P<steps>\d+))?"
)
# A row of a table: a title of a few words, two spaces or more, and a text; or a text alone.
_ROW = re.compile(r"(?P<title>  +(?:\S{1,20}(?: \S{1,20}){0,3}  +)?)(?P<text>.*)")


class _TimeColumn(ProgressColumn):
    """The time that a step took, or has taken so far."""

    def render(self, task: Task) -> Text:
        """Returns the time in seconds."""
        took: float | None = task.fields["took"]
        if took is not None:
            return Text(f"{took:.1f} s", style="progress.elapsed")
        return Text(f"{task.elapsed or 0:.0f} s", style="progress.elapsed")


class RunView(io.TextIOBase):
    """Replaces standard output while kfp.local runs, and shows the progress of its steps.

    On a terminal each step has a progress bar; elsewhere each line that a step logs is printed. All
    other output goes to the log file only.

    Args:
        console: Where progress is shown.
        log: Where all output is written.

    Attributes:
        seconds: Time that each finished step took, in seconds.
        failure: The step that failed first, and its error.
    """

    def __init__(self, console: Console, log: TextIO) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self.failure: str | None = None
        self._console = console
        self._log = log
        self._unfinished = ""
        self._last_line = ""
        self._oom_kills = 0
        self._bar: TaskID | None = None
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.fields[step]:<10}", table_column=Column(no_wrap=True, min_width=10)),
            BarColumn(bar_width=20),
            _TimeColumn(table_column=Column(no_wrap=True, min_width=8, justify="right")),
            # Gets the rest of the line: a longer message is cut off, so that no other column is.
            TextColumn(
                "{task.description}",
                style="dim",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> "RunView":
        """Starts to show progress."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops showing progress; what is on the screen remains."""
        self._progress.stop()

    def writable(self) -> bool:
        """Returns True."""
        return True

    def write(self, text: str) -> int:
        """Receives output in pieces of any size."""
        self._log.write(text)
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            self._process(line)
        return len(text)

    def flush(self) -> None:
        """Flushes the log file."""
        self._log.flush()

    def end(self, step: str, code: int) -> None:
        """Receives the exit code of a step's process; negative: the signal that ended it."""
        if code and self.failure is None:
            new_kills = count_oom_kills() - self._oom_kills
            self.failure = explain_exit(step, code, last_line=self._last_line, oom_kills=new_kills)

    def _process(self, line: str) -> None:
        if line.startswith("    ") and line.strip():
            self._last_line = line.strip()
        if (match := _STARTED.search(line)) and not match[1].startswith("condition-"):
            self._last_line, self._oom_kills = "", count_oom_kills()
            self._bar = self._progress.add_task("", step=match[1], total=None, took=None)
        elif match := _STEP_LINE.match(line):
            self._show(match["step"], match["text"])
        elif match := _FAILED.match(line):
            # Steps that do not depend on the failed one still run.
            self.failure = self.failure or match["error"]
        elif match := _TOOK.match(line):
            self._finish(match["step"], float(match["start_up"]) + float(match["work"]))

    def _show(self, step: str, text: str) -> None:
        # Indented lines belong to a table at a step's end; they remain on the screen.
        if not self._console.is_terminal:
            self._console.print(f"[{step}] {text}", markup=False, highlight=False, soft_wrap=True)
        elif match := _ROW.fullmatch(text):
            # Lines that are too long break between words, and continue below the text.
            line = Table.grid(Column(no_wrap=True), Column(overflow="fold"))
            line.add_row(Text(f"[{step}] {match['title']}"), Text(match["text"]))
            self._console.print(line)
        elif self._bar is not None:
            self._progress.update(self._bar, description=text)
            if match := _PROGRESS.match(text):
                fraction = int(match["step"]) / int(match["steps"]) if match["step"] else 1
                done = int(match["done"]) - 1 + fraction
                self._progress.update(self._bar, completed=done, total=int(match["total"]))

    def _finish(self, step: str, seconds: float) -> None:
        self.seconds[step] = seconds
        if self._bar is not None:
            self._progress.update(self._bar, completed=1, total=1, took=seconds)
