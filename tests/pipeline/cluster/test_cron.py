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
    ("line", "rule"),
    [
        ("0 3 * *", "cron must have five fields"),
        ("0 0 3 * * 0", "cron must have five fields"),
        ("@weekly", "cron must have five fields"),
        ("60 3 * * 0", "cron's minute must be 0 to 59"),
        ("0 3 * * 7", "cron's day of week must be 0 to 6 or SUN to SAT"),
        ("0 3 0 * *", "cron's day of month must be 1 to 31"),
        ("0 3 * 13 *", "cron's month must be 1 to 12 or JAN to DEC"),
        ("0 17-9 * * *", "cron's hour must be"),
        ("0 */0 * * *", "cron's hour must be"),
        ("0 */ * * *", "cron's hour must be"),
        ("0 -3 * * *", "cron's hour must be"),
        ("0 1,,2 * * *", "cron's hour must be"),
        ("0 ³ * * *", "cron's hour must be"),
        ("0 MON * * *", "cron's hour must be"),
        ("0 0 31 2 *", "cron must name a day that there is"),
    ],
)
def test_read_cron_of_no_such_line_says_the_rule(line: str, rule: str) -> None:
    with pytest.raises(SettingError, match=rule):
        read_cron(line)
