"""Promotions of what the gate compared with one champion, and that may replace no other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from mlflow import MlflowClient

from components.errors import DataError
from components.platform.registry import champion
from components.register.history import Promotion, counting, next_promotion
from components.register.promotion import promote, settle
from components.register.versions import read_model

_MODEL = "captioner"


def _register(version: str, compared_with: str) -> str:
    return promote(_MODEL, version, why="passed", action="register", compared_with=compared_with)


def _alias() -> str | None:
    found = champion(_MODEL)
    return None if found is None else found.version


def _history() -> list[Promotion]:
    return list(read_model(_MODEL).history)


def _note(client: MlflowClient, version: str, compared_with: str | None = None) -> Promotion:
    """Notes a promotion and no more: as one that is under way, or broke off."""
    model = read_model(_MODEL)
    noted = next_promotion(
        model.history, action="register", version=version, before=model.champion, why="x", by="x",
        compared_with=compared_with,
    )  # fmt: skip
    client.set_registered_model_tag(_MODEL, *noted.tag)
    return noted


@pytest.mark.usefixtures("client")
def test_promote_compared_with_the_champion_replaces_it_and_notes_so() -> None:
    assert (_register("1", ""), _register("2", "1"), _alias()) == ("1", "2", "2")
    assert [each.compared_with for each in _history()] == ["", "1"]


@pytest.mark.usefixtures("client")
def test_promote_compared_with_another_than_the_champion_is_refused() -> None:
    for version in ("1", "2"):
        promote(_MODEL, version, why="better")
    for compared_with, then in (("1", "version 1"), ("", "no version")):
        with pytest.raises(DataError) as raised:
            _register("3", compared_with)
        assert str(raised.value) == (
            f"The champion of captioner must still be what the gate compared with, {then}: run "
            "the pipeline again, which takes up from here. Received: version 2"
        )
    assert (_alias(), len(_history())) == ("2", 2)


@pytest.mark.usefixtures("client")
def test_promote_compared_is_repeated_when_it_is_champion_already() -> None:
    assert [_register("1", ""), _register("1", "")] == ["1", "1"]
    assert len(_history()) == 1


@pytest.mark.usefixtures("patient")
def test_promote_compared_waits_for_a_promotion_under_way_and_is_refused(
    client: MlflowClient,
) -> None:
    _register("1", "")
    _note(client, "2", "1")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(_register, "3", "1")
        assert settle(client, _MODEL) == "2"
        with pytest.raises(DataError, match=r"Received: version 2$"):
            late.result()


@pytest.mark.usefixtures("impatient")
def test_promote_compared_after_one_that_broke_off_goes_by_the_alias(client: MlflowClient) -> None:
    _register("1", "")
    _note(client, "2", "1")
    assert (_register("3", "1"), _alias()) == ("3", "3")


def test_settle_of_two_at_the_same_time_counts_the_one_that_was_first(
    client: MlflowClient,
) -> None:
    _register("1", "")
    model = read_model(_MODEL)
    first, second = (
        next_promotion(
            model.history, action="register", version=version, before="1", why="x", by="x",
            compared_with="1",
        )
        for version in ("2", "3")
    )  # fmt: skip
    # The later one is faster: both compared with version 1, neither with the other.
    client.set_registered_model_tag(_MODEL, *second.tag)
    assert settle(client, _MODEL) == "3"
    client.set_registered_model_tag(_MODEL, *first.tag)
    assert (settle(client, _MODEL), _alias()) == ("2", "2")
    assert _history()[1:] == [first, second]
    assert counting(_history())[1:] == [first]


@pytest.mark.usefixtures("client", "patient")
def test_promote_many_compared_at_the_same_time_end_in_one_of_them() -> None:
    _register("1", "")
    start = Barrier(3)

    def act(version: str) -> str | None:
        start.wait()
        try:
            return _register(version, "1")
        except DataError as error:
            assert "the gate compared with, version 1: run" in str(error)
            return None

    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(act, ["2", "3", "4"]))
    (_, counted) = counting(_history())
    assert _alias() == counted.version
    assert _alias() in told
    assert None in told
