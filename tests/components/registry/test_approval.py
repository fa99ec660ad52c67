from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from promotions import MODEL, at_once

from components.errors import CaptionflowError, DataError, SettingError
from components.registry import approval
from components.registry.approval import approve, propose, reject
from components.registry.candidacy import Candidacy, find_candidate, read_candidacies
from components.registry.history import read_history
from components.registry.models import find_champion, read_model
from components.registry.promotion import promote, rollback
from components.registry.rejected_candidates import find_rejected_candidate


def _propose(version: str, compared_with: str = "1", key: str = "k") -> Candidacy:
    return propose(
        MODEL, version, reason="Passed: better", compared_with=compared_with,
        experiment="photos", key=key,
    )  # fmt: skip


def _aliases() -> dict[str, str]:
    return {name: str(v) for name, v in MlflowClient().get_registered_model(MODEL).aliases.items()}


def _waiting() -> str | None:
    found = find_candidate(MODEL)
    return None if found is None else found.version


@pytest.fixture(autouse=True)
def champion(client: MlflowClient) -> None:
    """Makes version 1 of four the champion."""
    promote(MODEL, "1", reason="the first", compared_with="")


def test_propose_leaves_the_champion_and_says_who_has_to_do_what(client: MlflowClient) -> None:
    client.update_model_version(MODEL, "2", "# A card")
    candidacy = _propose("2")
    assert _aliases() == {"champion": "1", "candidate": "2"}
    assert (_waiting(), candidacy.reason, "@" in candidacy.author) == ("2", "Passed: better", True)
    version = client.get_model_version(MODEL, "2")
    for text in (
        version.tags["approval"],
        version.description,
        client.get_run(version.run_id).data.tags["approval"],
    ):
        assert "waits for approval" in text
        assert "captionflow models approve 2 --why" in text
        assert "captionflow models reject 2 --why" in text
    assert version.description.endswith("\n\n# A card")


def test_propose_again_records_nothing_and_restores_the_alias(client: MlflowClient) -> None:
    first = _propose("2")
    client.delete_registered_model_alias(MODEL, "candidate")
    assert _propose("2") == first
    assert _aliases()["candidate"] == "2"
    assert len(read_candidacies(read_model(MODEL).tags)) == 1


def test_propose_replaces_a_waiting_version_and_records_it(client: MlflowClient) -> None:
    _propose("2")
    _propose("3")
    assert (_waiting(), _aliases()["candidate"]) == ("3", "3")
    old = client.get_model_version(MODEL, "2")
    assert old.tags["approval"].startswith("replaced by version 3")
    assert not old.description
    assert [each.version for each in read_candidacies(read_model(MODEL).tags)] == ["2", "3"]
    with pytest.raises(SettingError, match=r"Version 2 .*does not wait for approval; version 3"):
        approve(MODEL, "2", reason="good")


def test_propose_compared_with_another_than_the_champion_is_refused() -> None:
    with pytest.raises(DataError, match="no version, but version 1 is champion now"):
        _propose("2", compared_with="")
    assert _waiting() is None


def test_approve_makes_champion_and_records_reason_and_author(client: MlflowClient) -> None:
    client.update_model_version(MODEL, "2", "# A card")
    _propose("2")
    assert approve(MODEL, "2", reason="reads well") == "2"
    assert (_aliases(), _waiting()) == ({"champion": "2"}, None)
    last = read_history(read_model(MODEL).tags)[-1]
    assert (last.action, last.version, last.reason) == ("approve", "2", "reads well")
    assert "@" in last.author
    version = client.get_model_version(MODEL, "2")
    assert version.tags["approval"].startswith(f"approved by {last.author}")
    assert version.tags["approval"].endswith(": reads well")
    assert version.description == "# A card"
    # An approved version does not wait again once it is rolled back.
    assert rollback(MODEL) == "1"
    assert (_aliases(), _waiting()) == ({"champion": "1"}, None)


def test_approve_of_the_first_model_makes_a_champion(client: MlflowClient) -> None:
    client.create_registered_model("young")
    client.create_model_version("young", "file:///nowhere")
    propose("young", "1", reason="Passed", compared_with="", experiment="photos", key="k")
    assert find_champion("young") is None
    assert approve("young", "1", reason="good") == "1"
    champion = find_champion("young")
    assert champion is not None and champion.version == "1"


def test_approve_after_the_champion_changed_is_refused_and_keeps_the_candidate() -> None:
    _propose("2")
    promote(MODEL, "3", reason="by hand")
    facts = r"compared version 2 with version 1, but version 3 is champion .*promote 2 --why"
    with pytest.raises(DataError, match=facts):
        approve(MODEL, "2", reason="good")
    assert (_aliases(), _waiting()) == ({"champion": "3", "candidate": "2"}, "2")
    # Compared with the present champion, by another run of the pipeline.
    _propose("2", compared_with="3")
    assert approve(MODEL, "2", reason="good") == "2"


def test_approve_interrupted_before_the_alias_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch, client: MlflowClient
) -> None:
    from components.registry import promotion

    _propose("2")
    reconcile = promotion.reconcile_aliases

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(promotion, "reconcile_aliases", killed)
    with pytest.raises(KeyboardInterrupt):
        approve(MODEL, "2", reason="good")
    assert _aliases() == {"champion": "1", "candidate": "2"}
    monkeypatch.setattr(promotion, "reconcile_aliases", reconcile)
    assert approve(MODEL, "2", reason="good") == "2"
    assert _aliases() == {"champion": "2"}
    assert len(read_history(read_model(MODEL).tags)) == 2


def test_promote_of_the_candidate_ends_its_candidacy() -> None:
    _propose("2")
    promote(MODEL, "2", reason="at once")
    rollback(MODEL)
    assert (_aliases(), _waiting()) == ({"champion": "1"}, None)


def test_rollback_while_a_candidate_waits_keeps_it() -> None:
    promote(MODEL, "4", reason="by hand")
    _propose("2", compared_with="4")
    assert rollback(MODEL) == "1"
    assert (_aliases(), _waiting()) == ({"champion": "1", "candidate": "2"}, "2")


def test_reject_removes_the_alias_and_notes_it_for_the_trigger(client: MlflowClient) -> None:
    _propose("2", key="abc")
    reject(MODEL, "2", reason="dogs everywhere")
    assert (_aliases(), _waiting()) == ({"champion": "1"}, None)
    for noted in (
        find_rejected_candidate("photos", "abc"),
        client.get_model_version(MODEL, "2").tags["approval"],
    ):
        assert "rejected by" in noted and noted.endswith("dogs everywhere")
    # The history of champions has nothing of it.
    assert len(read_history(read_model(MODEL).tags)) == 1
    with pytest.raises(SettingError, match=r"Version 2 .*does not wait for approval; none does"):
        reject(MODEL, "2", reason="again")
    # Forced training may propose it once more.
    _propose("2")
    assert _waiting() == "2"


def test_reject_of_a_former_champion_that_was_proposed_again_is_no_conflict() -> None:
    promote(MODEL, "2", reason="by hand")
    rollback(MODEL)
    _propose("2")
    reject(MODEL, "2", reason="still no")
    assert (_aliases(), _waiting()) == ({"champion": "1"}, None)


def test_reject_of_a_candidate_that_another_has_replaced_meanwhile_keeps_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _propose("2")

    def overtaken(*_: str) -> None:
        _propose("3")

    monkeypatch.setattr(approval, "record_rejected_candidate", overtaken)
    reject(MODEL, "2", reason="no")
    assert (_waiting(), _aliases()["candidate"]) == ("3", "3")


def test_candidate_whose_version_was_deleted_waits_no_longer(client: MlflowClient) -> None:
    _propose("2")
    client.delete_model_version(MODEL, "2")
    assert _waiting() is None
    promote(MODEL, "3", reason="good")
    assert _aliases() == {"champion": "3"}


@pytest.mark.parametrize("decide", [approve, reject])
def test_decision_about_an_unknown_version_is_an_error(decide: Callable[..., object]) -> None:
    with pytest.raises(SettingError, match="captioner has no version 7"):
        decide(MODEL, "7", reason="x")


def test_approve_and_reject_at_the_same_time_leave_one_decision_or_say_so() -> None:
    _propose("2")
    results = at_once(
        lambda: approve(MODEL, "2", reason="yes"), lambda: reject(MODEL, "2", reason="no")
    )
    assert _waiting() is None and "candidate" not in _aliases()
    # Whoever is late is told; if both were recorded, the version is champion.
    assert any(isinstance(each, CaptionflowError) for each in results)
    approved = any(each.action == "approve" for each in read_history(read_model(MODEL).tags))
    assert _aliases()["champion"] == ("2" if approved else "1")


def test_approve_and_promote_at_the_same_time_leave_one_champion() -> None:
    _propose("2")
    at_once(lambda: approve(MODEL, "2", reason="yes"), lambda: promote(MODEL, "3", reason="hand"))
    champion = find_champion(MODEL)
    history = read_history(read_model(MODEL).tags)
    assert champion is not None and champion.version in {"2", "3"}
    assert champion.version == history[-1].version or history[-1].action == "approve"


def test_three_proposals_at_the_same_time_leave_one_candidate() -> None:
    at_once(*(lambda v=v: _propose(v) for v in ("2", "3", "4")))
    assert _waiting() == _aliases()["candidate"]
    assert len(read_candidacies(read_model(MODEL).tags)) == 3
