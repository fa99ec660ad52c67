"""The table of choices, printed before a run begins."""

from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from pipeline.local.choices.choose import Choices


def show_choices(choices: Choices, root: Path, console: Console | None = None) -> None:
    """Prints what was chosen, why, and the options that change it.

    Args:
        choices: The choices; nothing is printed if there are none.
        root: The work folder, which is named too.
        console: Where to print; standard output if None.
    """
    if not choices.rows:
        return
    table = Table(
        "setting",
        Column("chosen", overflow="fold"),
        Column("because", overflow="fold"),
        Column("to change", overflow="fold"),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    console = console or Console(markup=False, highlight=False)
    for row in choices.rows:
        table.add_row(row.title, row.value, row.why, row.flags)
    table.add_row("results", str(root), "", "--root")
    console.print(table)
    console.print()
