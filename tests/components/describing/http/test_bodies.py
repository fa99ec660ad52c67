import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from components.describing.http import bodies

PLACES = 8
MIB = 1 << 20


def _post(served: Any, path: str, body: bytes, *headers: str) -> str:
    with served.connection() as connection:
        connection.sendall(
            served.head(path, f"Content-Length: {len(body)}", "Connection: close", *headers) + body
        )
        return str(served.answer(connection))


def test_body_of_the_greatest_size_is_received(served: Any) -> None:
    answer = _post(served, "/count", bytes(MIB))
    assert answer.startswith("HTTP/1.1 200 ") and answer.endswith("1048576 bytes")


def test_stalled_bodies_free_their_places(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 1.0)
    monkeypatch.setattr(bodies, "LINGER_IDLE_SECONDS", 0.2)
    with ExitStack() as stack:
        stalled = [stack.enter_context(served.connection()) for _ in range(PLACES)]
        for connection in stalled:
            connection.sendall(served.head("/count", "Content-Length: 1000") + b"part")
        while (answer := _post(served, "/count", b"whole")).startswith("HTTP/1.1 200 "):
            time.sleep(0.01)
        assert "limit: 8" in answer
        for connection in stalled:
            assert served.answer(connection).startswith("HTTP/1.1 408 ")
    assert _post(served, "/count", b"whole").endswith("5 bytes")


def test_body_that_trickles_is_refused(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 1.0)
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 0.5)
    with served.connection() as connection:
        connection.sendall(served.head("/count", "Content-Length: 1000"))
        began = time.monotonic()
        connection.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() < began + 20:
            connection.sendall(b".")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() < began + 10


def test_slow_body_above_the_minimum_rate_is_received(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 1.0)
    # 20 parts of 0.1 s take twice as long as a stalled body may.
    with served.connection() as connection:
        connection.sendall(
            served.head("/count", f"Content-Length: {20 << 15}", "Connection: close")
        )
        for _ in range(20):
            connection.sendall(bytes(1 << 15))
            time.sleep(0.1)
        assert served.answer(connection).endswith("655360 bytes")


@pytest.mark.parametrize("close", [["Connection: close"], []])
def test_clients_refused_early_all_get_their_response(served: Any, close: list[str]) -> None:
    # Without the rest of the body being read, TCP resets the connection and the response is lost.
    body = bytes(3 * MIB)

    def post(_: int) -> str:
        with served.connection() as connection:
            head = served.head("/refuse", f"Content-Length: {len(body)}", *close)
            connection.sendall(head + body)
            time.sleep(0.05)
            return str(served.answer(connection))

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(post, range(300)))
    assert {answer.splitlines()[0] for answer in answers} == {"HTTP/1.1 403 Forbidden"}
    assert all(answer.endswith("\r\n\r\nno") for answer in answers)


@pytest.mark.parametrize("length", [f"Content-Length: {2**40}", f"Content-Length: {MIB + 1}"])
def test_body_announced_as_too_large_is_refused_before_it_is_sent(served: Any, length: str) -> None:
    with served.connection() as connection:
        connection.sendall(served.head("/count", length))
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"connection: close" in answer


def test_body_that_turns_out_too_large_is_refused(served: Any) -> None:
    with served.connection() as connection:
        connection.sendall(served.head("/count", "Transfer-Encoding: chunked"))
        for _ in range(8):
            connection.sendall(b"40000\r\n" + bytes(1 << 18) + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert served.answer(connection).startswith("HTTP/1.1 413 ")


def test_refused_client_that_sends_on_for_ever_is_cut_off(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 0.5)
    with served.connection() as connection:
        connection.sendall(served.head("/refuse", f"Content-Length: {2**40}"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")
        end = time.monotonic() + 20
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() < end:
                connection.sendall(bytes(1 << 16))


def test_client_that_waits_to_be_asked_for_its_body_is_refused_at_once(served: Any) -> None:
    with served.connection() as connection:
        connection.sendall(served.head("/refuse", "Content-Length: 9", "Expect: 100-continue"))
        began = time.monotonic()
        assert served.answer(connection).startswith("HTTP/1.1 403 ")
    assert time.monotonic() < began + bodies.LINGER_IDLE_SECONDS
