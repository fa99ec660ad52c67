import time
from typing import Any

import pytest

from components.describing.http import connections

GET = b"GET /work HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)


@pytest.mark.parametrize("start", [b"", b"GET /work HTTP/1.1\r\n"])
def test_connection_without_a_whole_head_is_closed(served: Any, start: bytes) -> None:
    with served.connection() as connection:
        connection.sendall(start)
        assert served.answer(connection) == ""


def test_connection_whose_head_trickles_is_closed(served: Any) -> None:
    with served.connection() as connection, pytest.raises(OSError, match=r"pipe|reset"):
        connection.sendall(GET)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            connection.sendall(b"x")
            time.sleep(0.05)


def test_request_that_takes_longer_than_its_head_may_is_answered(served: Any) -> None:
    with served.connection() as connection:
        # Two requests on one connection: the second head has its own time.
        for _ in range(2):
            connection.sendall(GET + b"\r\n")
            answer = b""
            while not answer.endswith(b"done"):
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200 ")
