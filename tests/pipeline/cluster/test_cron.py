import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from components.errors import SettingError
from pipeline.cluster.cron import read_cron

# A Thursday.
NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "due"),
    [
        ("0 3 * * 0", "2026-01-04 03:00"),
        ("0 3 * * SUN", "2026-01-04 03:00"),
        ("31 12 * * *", "2026-01-01 12:31"),
        ("30 12 * * *", "2026-01-02 12:30"),
        ("*/20 * * * *", "2026-01-01 12:40"),
        ("5/20 13 * * *", "2026-01-01 13:05"),
        ("0 9-17/4 * * mon-fri", "2026-01-01 13:00"),
        ("0 0 29 feb ?", "2028-02-29 00:00"),
        ("0 0 * * 1-5/2", "2026-01-02 00:00"),
        # Either of two restricted days will do.
        ("0 0 13 * 5", "2026-01-02 00:00"),
        ("0 0 3,13 * 1", "2026-01-03 00:00"),
    ],
)
def test_next_after_counted_by_hand(line: str, due: str) -> None:
    assert read_cron(line).next_after(NOW) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_next_after_a_moment_of_another_zone_counts_in_utc() -> None:
    moment = datetime(2026, 1, 4, 4, 30, tzinfo=timezone(timedelta(hours=2)))
    assert read_cron("0 3 * * 0").next_after(moment) == datetime(2026, 1, 4, 3, tzinfo=UTC)


def test_with_seconds_has_six_fields() -> None:
    assert read_cron(" 0  3 * * 0 ").with_seconds == "0 0 3 * * 0"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("0 3 * *", "Wrong number of fields"),
        ("0 0 3 * * 0", "Wrong number of fields"),
        ("@weekly", "Wrong number of fields"),
        ("60 3 * * 0", "Bad minute"),
        ("0 17-9 * * *", "Bad hour"),
        ("0 3 0 * *", "Bad day-of-month"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("0 3 * 13 *", "Bad month"),
        # What cronsim knows and KFP's server does not.
        ("0 3 L * *", "Bad day-of-month"),
        ("0 3 * * 7", "Bad day-of-week"),
        ("0 3 * * fri-7", "Bad day-of-week"),
        ("0 3 * * 5L", "Bad day-of-week"),
        ("0 3 * * MON#1", "Bad day-of-week"),
        # For KFP's server Saturday is the last day of the week, for cronsim Sunday.
        ("0 3 * * 0,1/2", "Bad day-of-week"),
    ],
)
def test_read_cron_of_what_kfp_refuses_names_the_field(line: str, fault: str) -> None:
    with pytest.raises(SettingError, match=f"^cron .*{fault}.*{re.escape(repr(line))}"):
        read_cron(line)
