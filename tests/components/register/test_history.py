from datetime import UTC, datetime

import pytest

from components.register.history import (
    LONGEST_WHY,
    Action,
    Promotion,
    Turn,
    next_promotion,
    read_history,
    standing,
)


def _promotion(
    number: int,
    version: str,
    *,
    identity: str = "0",
    second: int = 0,
    before: str | None = None,
    back_to: str | None = None,
) -> Promotion:
    return Promotion(
        number=number,
        identity=identity * 12,
        when=datetime(2026, 11, 24, 3, 0, second, tzinfo=UTC),
        action="promote" if back_to is None else "rollback",
        version=version,
        before=before,
        why="better",
        by="ann@here",
        back_to=back_to,
    )


def _versions(history: list[Promotion]) -> list[str]:
    return [turn.version for turn in standing(history)]


def test_tag_says_all_and_is_read_back() -> None:
    noted = _promotion(7, "2", identity="a", before="1", back_to="000001.000000000000")
    key, value = noted.tag
    assert key == "promotion.000007.aaaaaaaaaaaa"
    assert value == (
        '{"when":"2026-11-24T03:00:00Z","action":"rollback","version":"2","before":"1",'
        '"why":"better","by":"ann@here","back_to":"000001.000000000000"}'
    )
    assert read_history({key: value, "team": "photos"}) == [noted]


def test_read_history_goes_by_number_then_clock_then_identity() -> None:
    ordered = [
        _promotion(1, "1", second=9),
        _promotion(2, "2", identity="b", second=3),
        _promotion(2, "3", identity="a", second=4),
        _promotion(2, "4", identity="c", second=4),
        # After all of them, though its clock is behind.
        _promotion(10, "5", second=1),
    ]
    tags = dict(promotion.tag for promotion in reversed(ordered))
    assert read_history(tags) == ordered


@pytest.mark.parametrize("value", ["", "[]", "no json", '{"version": "2"}'])
def test_read_history_leaves_out_what_cannot_be_read(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = _promotion(1, "1")
    assert read_history({"promotion.000002.aaaaaaaaaaaa": value, **dict([good.tag])}) == [good]
    assert "promotion.000002.aaaaaaaaaaaa can't be read" in caplog.text


def test_next_promotion_comes_after_all_and_has_an_identity_of_its_own() -> None:
    def make(action: Action = "register", why: str = "passed") -> Promotion:
        history = [_promotion(1, "1"), _promotion(4, "2")]
        return next_promotion(
            history, action=action, version="3", before="2", why=why, by="ann@here"
        )

    assert make().number == 5
    assert make().identity != make().identity
    assert (make().before, make().why, make().by) == ("2", "passed", "ann@here")
    assert make().when.utcoffset() is not None


def test_next_promotion_shortens_a_reason_that_would_not_fit_into_a_tag() -> None:
    noted = next_promotion(
        [], action="promote", version="1", before=None, why='"' * 5000, by="ann@here"
    )
    assert len(noted.why) == LONGEST_WHY and noted.why.endswith("…")
    assert len(noted.tag[1]) <= 5000
    assert noted.number == 1


def test_standing_without_history_is_empty() -> None:
    assert standing([]) == []


def test_standing_begins_with_the_champion_from_before_promotions_were_noted() -> None:
    assert standing([_promotion(1, "2", before="1")]) == [
        Turn("1", ""), Turn("2", "000001.000000000000"),
    ]  # fmt: skip


def test_standing_rollbacks_go_further_back_and_a_promotion_starts_from_there() -> None:
    first, second, third = (_promotion(number, str(number)) for number in (1, 2, 3))
    once = _promotion(4, "2", back_to=second.place)
    twice = _promotion(5, "1", back_to=first.place)
    again = _promotion(6, "3")
    assert _versions([first, second, third]) == ["1", "2", "3"]
    assert _versions([first, second, third, once]) == ["1", "2"]
    assert _versions([first, second, third, once, twice]) == ["1"]
    assert _versions([first, second, third, once, twice, again]) == ["1", "3"]


def test_standing_of_two_rollbacks_at_once_goes_back_once() -> None:
    first, second, third = (_promotion(number, str(number)) for number in (1, 2, 3))
    rollbacks = [_promotion(4, "2", identity=name, back_to=second.place) for name in "ab"]
    assert _versions([first, second, third, *rollbacks]) == ["1", "2"]


def test_standing_rollback_to_what_was_taken_back_before_it_counts_as_promotion() -> None:
    first, second, third = (_promotion(number, str(number)) for number in (1, 2, 3))
    further = _promotion(4, "1", identity="a", back_to=first.place)
    less = _promotion(4, "2", identity="b", back_to=second.place)
    assert _versions([first, second, third, further, less]) == ["1", "2"]
