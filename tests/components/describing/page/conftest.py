"""The page's application with a tiny model, as uvicorn serves it on loopback; and a browser."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import expect

from components.captioning.inference.captioner import Captioner
from components.describing.captions import load_captioner
from components.describing.model import DecodeOptions, Model
from components.describing.page.application import make_application
from components.describing.page.request_queue import RequestQueue
from components.ingest.sample.drawing import draw_scene
from components.ingest.sample.scenes import make_scene

# In place of voices, which a browser without a screen has none of: what they are given to say.
VOICES = """(() => {
  const voices = speechSynthesis;
  window.said = [];
  let now = null;
  Object.defineProperty(voices, "speaking", {get: () => now !== null});
  voices.speak = (words) => {
    window.said.push([words.lang, words.text]);
    now = words;
    words.dispatchEvent(new Event("start"));
  };
  voices.cancel = () => {
    const words = now;
    now = null;
    if (words) words.dispatchEvent(new Event("end"));
  };
})()"""


class Service(NamedTuple):
    url: str
    queue: RequestQueue

    def captions(self, photo: Path) -> list[str]:
        """Returns what the page is to show of a photo, asked directly."""
        captioner = self.queue.made.result()
        (found,) = captioner.alternatives([captioner.load(photo)], beam_width=4)
        return [said.caption for said in found[:3]]


@contextmanager
def _serving(make: Callable[[], Captioner]) -> Iterator[Service]:
    """Serves what is made on any free port."""
    queue = RequestQueue(make, DecodeOptions(4, 2))
    server = uvicorn.Server(
        uvicorn.Config(make_application(queue, "captioner version 3"), port=0, log_config=None)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Service(f"http://127.0.0.1:{port}", queue)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[[Callable[[], Captioner]], AbstractContextManager[Service]]:
    """Serves what is made, in a with statement."""
    return _serving


@pytest.fixture(scope="session")
def make(tiny_bundle: Path) -> Callable[[], Captioner]:
    return lambda: load_captioner(Model("captioner version 3", tiny_bundle), batch_size=1)


@pytest.fixture(scope="package")
def service(make: Callable[[], Captioner]) -> Iterator[Service]:
    """One whose model is there."""
    with _serving(make) as service:
        service.queue.made.result()
        yield service


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photos and a text."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("first", "second"):
        scene = make_scene(np.random.default_rng(len(name)))
        draw_scene(scene).save(folder / f"{name}.jpg")
    (folder / "notes.txt").write_text("milk, bread")
    return folder


@pytest.fixture
def page(browser: Any, service: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page when the model is ready; nothing of it may break a rule, or fail."""
    wrong: list[str] = []
    context = browser.new_context(**getattr(request, "param", {}))
    page = context.new_page()
    # Playwright intercepts file choosers from the first listener on, and Enter is faster than that.
    page.on("filechooser", lambda _: None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda told: "Content Security" in told.text and wrong.append(told.text)
    )  # fmt: skip
    page.add_init_script(VOICES)
    page.goto(service.url)
    expect(page.get_by_role("status")).to_have_text("Ready. Choose a photo.")
    yield page
    context.close()
    assert wrong == []
