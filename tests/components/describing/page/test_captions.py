"""The captions that the web application returns."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
from page_requests import GREY, RED, connected, encoded, head, post, result_of
from PIL import Image

from components.captioning.inference.captioner import Captioner
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.describing.http import bodies
from components.errors import DataError

Serving = Callable[[Callable[[], Captioner]], AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def expected(service: Any) -> dict[str, Any]:
    """The captions of the grey photo, straight from the captioner."""
    captioner = service.queue.model.result()
    (found,) = captioner.alternatives([captioner.load(encoded(GREY))], beam_width=4)
    best, *others = [{"caption": s.text, "score": round(s.score, 4)} for s in found[:3]]
    return {**best, "alternatives": others}


def test_captions_are_those_of_the_model(service: Any, expected: dict[str, Any]) -> None:
    answer = post(service, encoded(GREY))
    assert result_of(answer) == expected
    assert answer.json()["photo"] == "my photo.png"
    assert result_of(post(service, encoded(RED))) != expected


def test_captions_come_with_the_confidence(service: Any) -> None:
    answer = post(service, encoded(GREY)).json()
    assert (answer["confidence"], answer["certainty"]) == (0.7311, "likely")
    assert "doubt" not in answer


def test_captions_come_with_saliency(service: Any) -> None:
    captioner = service.queue.model.result()
    answer = post(service, encoded(GREY)).json()
    expected = captioner.saliency(captioner.load(encoded(GREY)), answer["caption"])
    assert [each["word"] for each in answer["saliency"]] == answer["caption"].split()
    assert [each["place"] for each in answer["saliency"]] == [each.place for each in expected]
    for one, other in zip(answer["saliency"], expected, strict=True):
        np.testing.assert_allclose(one["cells"], other.cells, atol=0.005)


def test_captions_of_a_rotated_photo_are_those_of_the_upright_one(
    service: Any, expected: dict[str, Any], turned: Any
) -> None:
    assert (
        result_of(post(service, turned.tagged))
        == result_of(post(service, turned.upright))
        == expected
    )
    assert result_of(post(service, turned.untagged)) != expected


def test_captions_of_photos_of_any_mode(service: Any, odd_photo: bytes) -> None:
    assert result_of(post(service, odd_photo))["caption"]


def test_captions_of_another_file_are_an_error_and_the_next_photo_is_described(
    service: Any, expected: dict[str, Any], no_photo: tuple[bytes, str]
) -> None:
    content, reason = no_photo
    answer = post(service, content)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"my photo.png can't be read as a photo: {reason}")
    assert "\n" not in answer.json()["error"]
    assert result_of(post(service, encoded(GREY))) == expected


@pytest.mark.parametrize("name", ["", " \n\x1b "])
def test_captions_without_a_name_call_the_file_the_photo(service: Any, name: str) -> None:
    assert post(service, b"x", name).json()["error"].startswith("The photo can't be read as")


def test_captions_of_a_body_announced_as_too_large_are_refused_unread(service: Any) -> None:
    with connected(service) as connection:
        connection.sendall(head(service, f"Content-Length: {2**40}"))
        answer = b""
        # Headers and body may arrive separately.
        while b"}" not in answer and (part := connection.recv(10_000)):
            answer += part
    assert b" 413 " in answer.splitlines()[0]
    assert b"its file must not be larger than 64 MiB" in answer


def test_stalled_uploads_free_their_places(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 1.0)
    with ExitStack() as stack:
        uploads = [stack.enter_context(connected(service)) for _ in range(bodies.MAX_BODIES)]
        for upload in uploads:
            upload.sendall(head(service, "Content-Length: 9", "Expect: 100-continue"))
            assert b" 100 " in upload.recv(10_000)
            upload.sendall(b"part")
        assert post(service, encoded(RED)).status_code == 503
        for upload in uploads:
            assert b" 408 " in upload.recv(10_000)
        assert post(service, encoded(RED)).status_code == 200


def test_photos_wait_while_the_model_loads(
    serving: Serving, load: Callable[[], Captioner], expected: dict[str, Any]
) -> None:
    go = threading.Event()

    def load_late() -> Captioner:
        assert go.wait(60)
        return load()

    with serving(load_late) as late, ThreadPoolExecutor() as threads:
        waits = threads.submit(post, late, encoded(GREY))
        assert httpx.get(f"{late.url}/status").json() == {"ready": False}
        assert httpx.get(late.url).status_code == 200
        assert not waits.done()
        go.set()
        assert result_of(waits.result()) == expected
        assert httpx.get(f"{late.url}/status").json() == {"ready": True}


def test_captions_of_an_incomplete_model_are_an_error(serving: Serving) -> None:
    def fail() -> Captioner:
        raise DataError("captioner version 3 must be a complete model bundle")

    with serving(fail) as broken:
        answer = post(broken, encoded(RED))
        assert answer.status_code == 503
        assert answer.json() == {"error": "captioner version 3 must be a complete model bundle"}
        assert httpx.get(f"{broken.url}/status").json() == {"ready": False}


def test_captions_of_concurrent_requests_are_not_mixed_up(service: Any) -> None:
    contents = [encoded(Image.new("RGB", (9, 9), (shade, 0, 90))) for shade in range(0, 240, 30)]
    alone = [result_of(post(service, content)) for content in contents]
    with ThreadPoolExecutor(len(contents)) as threads:
        assert [result_of(a) for a in threads.map(lambda c: post(service, c), contents)] == alone


def test_captions_are_refused_while_too_many_photos_wait(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.queue, "max_waiting", 1)
    with connected(service) as connection:
        # It asks for the body when it starts to read it, with a slot taken.
        connection.sendall(head(service, "Content-Length: 9", "Expect: 100-continue"))
        assert b" 100 " in connection.recv(10_000)
        answer = post(service, encoded(RED))
        assert answer.status_code == 503
        assert "limit: 1" in answer.json()["error"]
        # Part of a photo, then the connection is closed.
        connection.sendall(b"half")
    for _ in range(100):
        answer = post(service, encoded(RED))
        if answer.status_code == 200:
            break
    assert answer.status_code == 200


def test_captions_after_an_internal_error_go_on(
    service: Any, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # The network predicts words that are not in this vocabulary.
        bundle = service.queue.model.result().bundle
        patch.setattr(bundle, "vocabulary", Vocabulary([*SPECIAL_TOKENS]))
        answer = post(service, encoded(GREY))
    assert answer.status_code == 500
    assert "internal error (IndexError)" in answer.json()["error"]
    assert result_of(post(service, encoded(GREY))) == expected
