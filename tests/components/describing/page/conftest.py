"""The page's application with a tiny model, as uvicorn serves it on loopback; and a browser."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import uvicorn

from components.captioning.describer import Describer
from components.describing.model import Asked, Model
from components.describing.page.application import make_application
from components.describing.page.turns import Turns
from components.describing.saying import make_describer


class Service(NamedTuple):
    url: str
    turns: Turns


@contextmanager
def _serving(make: Callable[[], Describer]) -> Iterator[Service]:
    """Serves what is made on any free port."""
    turns = Turns(make, Asked(4, 2))
    server = uvicorn.Server(
        uvicorn.Config(make_application(turns, "captioner version 3"), port=0, log_config=None)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Service(f"http://127.0.0.1:{port}", turns)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[[Callable[[], Describer]], AbstractContextManager[Service]]:
    """Serves what is made, in a with statement."""
    return _serving


@pytest.fixture(scope="session")
def make(tiny_bundle: Path) -> Callable[[], Describer]:
    return lambda: make_describer(Model("captioner version 3", tiny_bundle), batch_size=1)


@pytest.fixture(scope="package")
def service(make: Callable[[], Describer]) -> Iterator[Service]:
    """One whose model is there."""
    with _serving(make) as service:
        service.turns.made.result()
        yield service
