import io
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from components.captioning.inference.captioner import Captioner
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.describing.http import bodies
from components.describing.model import DecodeOptions
from components.describing.page.application import make_application
from components.errors import DataError

Serving = Callable[[Callable[[], Captioner]], AbstractContextManager[Any]]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


RED = Image.new("RGB", (32, 24), "red")
GREY = Image.linear_gradient("L")


def post(service: Any, content: Any, name: str = "my photo.png", **headers: str) -> Any:
    return httpx.post(
        f"{service.url}/captions", params={"name": name}, content=content, timeout=60,
        headers={each.replace("_", "-"): value for each, value in headers.items()},
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected(service: Any) -> dict[str, Any]:
    """The captions of the grey photo, straight from the captioner."""
    captioner = service.queue.model.result()
    (found,) = captioner.alternatives([captioner.load(encoded(GREY))], beam_width=4)
    best, *others = [{"caption": s.text, "score": round(s.score, 4)} for s in found[:3]]
    return {**best, "alternatives": others}


def result_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {key: answer.json()[key] for key in ("caption", "score", "alternatives")}


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


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "192.168.0.1", ""])
def test_another_host_is_refused(service: Any, host: str) -> None:
    for path in ("/", "/status"):
        answer = httpx.get(service.url + path, headers={"Host": host})
        assert answer.status_code == 400
    assert post(service, encoded(RED), Host=host).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_captions_requested_by_another_site_are_refused(
    service: Any, headers: dict[str, str]
) -> None:
    answer = post(service, encoded(RED), **headers)
    assert answer.status_code == 403
    assert "another site" in answer.json()["error"]


def test_captions_requested_by_the_page_itself_are_returned(service: Any) -> None:
    answer = post(service, encoded(RED), Origin=service.url, Sec_Fetch_Site="same-origin")
    assert answer.status_code == 200


def test_example_photos_are_offered(service: Any) -> None:
    page = httpx.get(service.url).text
    photo = httpx.get(f"{service.url}/examples/hearts.jpg")
    assert page.count('class="example"') == 3
    assert photo.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(photo.content)).format == "JPEG"
    assert httpx.get(f"{service.url}/examples/..%2Fconftest.py").status_code == 404


def test_page_without_example_photos(service: Any) -> None:
    page = TestClient(make_application(service.queue, DecodeOptions(4, 2), "captioner", "en"))
    assert "Or try one" not in page.get("/", headers={"Host": "localhost"}).text


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/icon.svg", "/status", "/gone"])
def test_every_response_has_a_content_security_policy(service: Any, path: str) -> None:
    answer = httpx.get(service.url + path)
    assert answer.status_code == (404 if path == "/gone" else 200)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


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
        raise DataError("captioner version 3 must be a whole model bundle")

    with serving(fail) as broken:
        answer = post(broken, encoded(RED))
        assert answer.status_code == 503
        assert answer.json() == {"error": "captioner version 3 must be a whole model bundle"}
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


def connected(service: Any) -> socket.socket:
    url = httpx.URL(service.url)
    return socket.create_connection((url.host, url.port), timeout=30)


def head(service: Any, *lines: str) -> bytes:
    host = httpx.URL(service.url).netloc.decode()
    return "\r\n".join(["POST /captions HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()
