"""A short summary of a data set, for the log, the terminal and the report page."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from components.artifacts.language import UNDETERMINED
from components.captioning.model.caption_lengths import unit_of
from components.errors import one_line

_KNOWN = "left out of dev and test, since the model to continue from was trained on them"


def report_table(report: Mapping[str, Any]) -> Table:
    """Returns a report's summary as a table of two columns.

    Args:
        report: The content of the manifest's `report.json`.
    """
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for title, text in report["summary"]:
        table.add_row(title, text)
    return table


def table_lines(report: Mapping[str, Any]) -> list[str]:
    """Returns the table as plain lines, one for each row; a terminal breaks them at its width."""
    rows = report["summary"]
    width = max(len(title) for title, _ in rows)
    return [f"{title:<{width}}  {text}" for title, text in rows]


def summarize(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Summarizes a report as rows of text.

    Args:
        report: The facts and counts of `build_report`.

    Returns:
        Rows, each a title and a text.
    """
    counts, words = report["counts"], report["words"]
    unit = unit_of(words["unspaced_share"])
    rows = [
        ("photos", f"{report['photos']:,} ({report['source']})"),
        (
            "captions",
            f"{report['captions']:,}, {words['per_caption']:.1f} {unit} on average"
            + _also(counts, empty_captions="empty", too_long_captions="too long"),
        ),
        (
            "splits",
            ", ".join(f"{split} {size:,}" for split, size in report["splits"].items())
            + _also(
                counts,
                in_no_split="in no split",
                dropped_leakage="left out of train",
                parent_leakage=_KNOWN,
            ),
        ),
        ("splits from", report["splits_from"]),
        (
            unit,
            f"{words['distinct']:,} distinct; {words['unknown_share']:.1%} of the {unit} in dev "
            "and test are not in train",
        ),
        ("language", _language(report)),
        ("missing", _missing(report["captions_without_image"])),
        ("quarantined", _quarantined(report["quarantined_by_reason"])),
        (
            "look-alikes",
            _counted(counts["near_duplicates"], "pair", "between train and dev or test")
            + _also(counts, duplicates="identical within a split", same_in_dev_and_test="in both"),
        ),
    ]
    if counts["images_without_caption"]:
        rows.append(("no captions", _counted(counts["images_without_caption"], "image file")))
    if counts["loosely_matched"]:
        found = _counted(counts["loosely_matched"], "photo", "found by a similar name")
        rows.append(("loose names", found))
    rows += [("warning", finding["text"]) for finding in report["findings"]]
    rows += [("note", note) for note in report["notes"]]
    return [(title, one_line(text)) for title, text in rows]


def _counted(count: int, what: str, more: str = "") -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'} {more}".strip() if count else "none"


def _also(counts: Mapping[str, int], **kinds: str) -> str:
    found = [f"{counts[kind]:,} {words}" for kind, words in kinds.items() if counts.get(kind)]
    return f" ({', '.join(found)})" if found else ""


def _language(report: Mapping[str, Any]) -> str:
    if report["language"] == UNDETERMINED:
        return "not detected; set it with --language, for pages and speech"
    return f"{report['language']} ({report['language_from']})"


def _missing(missing: list[str]) -> str:
    if not missing:
        return "none"
    shown = ", ".join([*missing[:2], *(["…"] if len(missing) > 2 else [])])
    return f"{_counted(len(missing), 'captioned photo')}: {shown}"


def _quarantined(reasons: Mapping[str, int]) -> str:
    return "; ".join(f"{count:,}: {reason}" for reason, count in reasons.items()) or "none"
