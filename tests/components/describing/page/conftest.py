"""The web application with a tiny model, served by uvicorn on loopback; and a browser page."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from playwright.sync_api import expect

from components.captioning.inference.captioner import Captioner
from components.describing.captions import load_captioner
from components.describing.http.loopback import LOOPBACK
from components.describing.http.server import listen, make_server
from components.describing.model import DecodeOptions, Model
from components.describing.page.application import make_application
from components.describing.page.request_queue import RequestQueue, make_request_queue
from components.ingest.sample.drawing import draw_scene
from components.ingest.sample.scenes import make_scene

# Replaces speech synthesis, for which a headless browser has no voices, and records the texts.
SPEECH_STUB = """(() => {
  const synthesis = speechSynthesis;
  window.spoken = [];
  let current = null;
  Object.defineProperty(synthesis, "speaking", {get: () => current !== null});
  synthesis.speak = (utterance) => {
    window.spoken.push([utterance.lang, utterance.text]);
    current = utterance;
    utterance.dispatchEvent(new Event("start"));
  };
  synthesis.cancel = () => {
    const utterance = current;
    current = null;
    if (utterance) utterance.dispatchEvent(new Event("end"));
  };
})()"""


OPTIONS = DecodeOptions(4, 2)
EXAMPLES = sorted((Path(__file__).parents[4] / "notebooks" / "photos").glob("*.jpg"))


class Service(NamedTuple):
    url: str
    queue: RequestQueue

    def captions(self, photo: Path) -> list[str]:
        """Returns the captions that the page must show, straight from the captioner."""
        captioner = self.queue.model.result()
        (found,) = captioner.alternatives([captioner.load(photo)], beam_width=4)
        return [each.text for each in found[:3]]


@contextmanager
def _serving(load: Callable[[], Captioner]) -> Iterator[Service]:
    """Serves a captioner on a free port."""
    queue = make_request_queue(load, OPTIONS)
    application = make_application(queue, OPTIONS, "captioner version 3", "zh", EXAMPLES)
    server = make_server(application, grace=1)
    with listen(LOOPBACK, 0) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Service(f"http://127.0.0.1:{port}", queue)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[[Callable[[], Captioner]], AbstractContextManager[Service]]:
    """Serves a captioner while a with statement runs."""
    return _serving


@pytest.fixture(scope="session")
def load(tiny_bundle: Path) -> Callable[[], Captioner]:
    return lambda: load_captioner(Model("captioner version 3", tiny_bundle), batch_size=1)


@pytest.fixture(scope="package")
def service(load: Callable[[], Captioner]) -> Iterator[Service]:
    """A service whose model is loaded."""
    with _serving(load) as service:
        service.queue.model.result()
        yield service


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photos and a text file."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("first", "second"):
        scene = make_scene(np.random.default_rng(len(name)))
        draw_scene(scene).save(folder / f"{name}.jpg")
    (folder / "notes.txt").write_text("milk, bread")
    return folder


@pytest.fixture
def page(browser: Any, service: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page with the model ready; checks for script errors and violations of its policy."""
    problems: list[str] = []
    context = browser.new_context(**getattr(request, "param", {}))
    page = context.new_page()
    # Playwright intercepts file choosers only once there is a listener.
    page.on("filechooser", lambda _: None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console", lambda entry: "Content Security" in entry.text and problems.append(entry.text)
    )  # fmt: skip
    page.add_init_script(SPEECH_STUB)
    page.goto(service.url)
    expect(page.get_by_role("status")).to_have_text("Ready. Choose a photo.")
    yield page
    context.close()
    assert problems == []
