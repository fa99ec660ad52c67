"""The page, and who may use it."""

import io
from typing import Any

import httpx
import pytest
from page_requests import RED, encoded, post
from PIL import Image
from starlette.testclient import TestClient

from components.describing.model import DecodeOptions
from components.describing.page.application import make_application


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
