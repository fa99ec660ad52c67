"""The table that ingest ends with: what came in, in a few lines."""

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDTH = 88


def report_table(report: Mapping[str, Any]) -> Table:
    """Returns a report's facts as a table of two columns.

    Args:
        report: As in the manifest's `report.json`.
    """
    counts, words = report["counts"], report["words"]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("photos", f"{report['photos']:,} ({report['source']})")
    table.add_row(
        "captions",
        f"{report['captions']:,} of {words['per_caption']:.1f} words"
        + _also(counts, empty_captions="empty", too_long_captions="too long"),
    )
    table.add_row(
        "splits",
        ", ".join(f"{split} {size:,}" for split, size in report["splits"].items())
        + _also(counts, in_no_split="in none", dropped_leakage="dropped from train as copies"),
    )
    table.add_row("splits from", report["splits_from"])
    table.add_row(
        "words",
        f"{words['distinct']:,} different in {words['total']:,}; "
        f"{words['unknown_share']:.1%} of dev's and test's are not in train",
    )
    table.add_row("missing", _missing(report))
    table.add_row("quarantined", _quarantined(report))
    table.add_row(
        "look-alikes",
        f"{counts['near_duplicates']:,} pairs, one photo in train and one in dev or test"
        + _also(counts, duplicates="copies in a split", same_in_dev_and_test="in dev and test"),
    )
    for note in report["notes"]:
        table.add_row("note", note)
    return table


def table_lines(report: Mapping[str, Any]) -> list[str]:
    """Returns the table as plain lines; what goes on in a next line is set in."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(report_table(report), markup=False)
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def _also(counts: Mapping[str, int], **kinds: str) -> str:
    found = [f"{counts[kind]:,} {words}" for kind, words in kinds.items() if counts.get(kind)]
    return f" ({', '.join(found)})" if found else ""


def _missing(report: Mapping[str, Any]) -> str:
    counts, missing = report["counts"], report["captions_without_image"]
    if not missing:
        said = "no captioned photo"
    else:
        more = ", …" if len(missing) > 1 else ""
        said = f"{len(missing):,} captioned photos ({missing[0]}{more})"
    return said + _also(
        counts,
        images_without_caption="photos without captions",
        loosely_matched="matched by case or ending",
    )


def _quarantined(report: Mapping[str, Any]) -> str:
    reasons = report["quarantined_by_reason"]
    if not reasons:
        return "none"
    return "; ".join(f"{count:,}: {reason}" for reason, count in reasons.items())
