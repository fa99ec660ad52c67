import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from components.describing.http.loopback import LOOPBACK
from components.describing.http.server import listen
from components.errors import SettingError


def test_listen_on_a_taken_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingError, match=f"--port .* Received: {port} "),
            listen(LOOPBACK, port),
        ):
            pass


def test_server_that_stops_finishes_requests_in_progress(served: Any) -> None:
    def get() -> httpx.Response:
        return httpx.get(f"http://{LOOPBACK}:{served.port}/work", timeout=30)

    with ThreadPoolExecutor() as threads:
        answer = threads.submit(get)
        while not served.server.server_state.tasks:
            pass
        served.server.should_exit = True
        assert answer.result().text == "done"


def test_server_that_stops_does_not_wait_for_a_stalled_body_for_ever(served: Any) -> None:
    with served.connection() as connection:
        connection.sendall(served.head("/count", "Content-Length: 9") + b"part")
        while not served.server.server_state.tasks:
            pass
        began = time.monotonic()
        served.server.should_exit = True
        served.answer(connection)
    assert time.monotonic() < began + 10
