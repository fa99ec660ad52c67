"""The report's only row that `evaluate` does not write: how the drift test of the run ended.

`evaluate` is cached, and so is its report, but each run tests its own requests. So `evaluate`
leaves the row out, and the gate, which is never cached, adds it.
"""

from html import escape

from components.errors import DataError

#: Where the row belongs, in the section about the data. Text from the data is escaped, so it can't
#: contain it.
DRIFT_PLACE = "<!-- drift -->"


def add_drift(page: str, drift: str) -> str:
    """Returns a report with the outcome of the run's drift test.

    Args:
        page: The report as `evaluate` wrote it, HTML.
        drift: The outcome, plain text; empty if there was no test.

    Raises:
        DataError: If there is an outcome, but the report has no place for it.
    """
    if not drift:
        return page
    if DRIFT_PLACE not in page:
        raise DataError(f"The report must have a place for the drift test, {DRIFT_PLACE}")
    row = f"<div><dt>Drift</dt><dd>{escape(drift)}</dd></div>"
    return page.replace(DRIFT_PLACE, row, 1)
