import base64
import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from components.artifacts.checksums import write_checksums
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.inference.captioner import Captioner


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


RED, GREY = _encoded(Image.new("RGB", (32, 24), "red")), _encoded(Image.linear_gradient("L"))


def _body(*photos: bytes, **params: Any) -> bytes:
    rows = [[base64.b64encode(photo).decode()] for photo in photos]
    split = {"columns": ["photo"], "data": rows}
    return json.dumps({"dataframe_split": split, "params": params}).encode()


def _predictions(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def _samples(server: Any) -> dict[tuple[str, ...], float]:
    text = httpx.get(f"{server.url}/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def captioner(tiny_bundle: Path) -> Captioner:
    return Captioner(tiny_bundle)


def test_invocations_are_the_models_captions(server: Any, captioner: Captioner) -> None:
    predictions = _predictions(server.post(_body(RED, GREY)))
    assert [each["caption"] for each in predictions] == captioner.describe([RED, GREY])
    assert all(each["alternatives"] == [] and each["score"] < 0 for each in predictions)


def test_invocations_return_alternatives_on_request(server: Any, captioner: Captioner) -> None:
    (prediction,) = _predictions(server.post(_body(GREY, beam_width=4, alternatives=2)))
    (found,) = captioner.alternatives([captioner.load(GREY)], beam_width=4)
    expected = [{"caption": each.text, "score": round(each.score, 4)} for each in found[:3]]
    confidence = {"confidence": 0.7311, "certainty": "likely", "doubt": ""}
    assert prediction == {**expected[0], **confidence, "alternatives": expected[1:]}


def test_invocations_take_odd_photos_upright(server: Any, turned: Any) -> None:
    upright, tagged, untagged = _predictions(server.post(_body(*turned)))
    assert tagged == upright != untagged


def test_invocations_with_a_wrong_photo_name_its_row_and_the_next_request_is_answered(
    server: Any, no_photo: tuple[bytes, str]
) -> None:
    content, reason = no_photo
    answer = server.post(_body(RED, content))
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert message.startswith("Row 1 of `photo`") and reason in message and "\n" not in message
    assert _predictions(server.post(_body(RED)))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"[" * 1_000_000, "application/json"),
        (b'{"inputs": {"photo": %s}}' % (b"9" * 5000), "application/json"),
        (b'{"inputs": {"photo": NaN}}', "application/json; charset=utf-8"),
        (b'{"inputs": {"photo": 3}}', "application/json"),
        (b'{"inputs": {"photo": [[["x"]]]}}', "application/json"),
        (b'{"inputs": {"photo": "/etc/passwd"}}', "application/json"),
        (b'{"inputs": {"photo": [[[[1, 2, 3]], [[1, 2]]]]}}', "application/json"),
        (b'{"inputs": {"photo": "x"}, "params": {"alternatives": 2}}', "application/json"),
        (b"photo\nYQ==\n", "text/csv"),
        (b"PAR1", "application/vnd.apache.parquet"),
        (b"", "application/json"),
    ],
)
def test_invocations_with_a_wrong_body_are_refused_in_one_line(
    server: Any, content: bytes, kind: str
) -> None:
    answer = server.post(content, kind)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error_code", "message"}
    message = answer.json()["message"]
    assert message and len(message) < 300
    assert "\n" not in message and "Traceback" not in message


def test_invocations_with_too_many_pixels_are_refused(server: Any) -> None:
    wide = _encoded(Image.new("1", (64_001, 1_000)))
    answer = server.post(_body(wide))
    assert answer.status_code == 400
    assert "64000000 pixels" in answer.json()["message"]


def test_invocations_with_a_too_large_body_are_refused(server: Any) -> None:
    answer = server.post(bytes((64 << 20) + 1))
    assert answer.status_code == 413
    assert "64 MiB" in answer.json()["message"]
    assert _predictions(server.post(_body(RED)))


def test_concurrent_invocations_are_not_mixed_up(server: Any) -> None:
    contents = [_encoded(Image.new("RGB", (9, 9), (shade, 0, 90))) for shade in range(0, 240, 30)]
    alone = [_predictions(server.post(_body(content))) for content in contents]
    with ThreadPoolExecutor(len(contents)) as threads:
        together = list(threads.map(lambda content: server.post(_body(content)), contents * 4))
    assert [_predictions(answer) for answer in together] == alone * 4


def test_metrics_count_requests_photos_and_seconds(server: Any) -> None:
    before = _samples(server)
    predictions = _predictions(server.post(_body(RED, GREY)))
    server.post(b"no")
    after = _samples(server)
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    assert grown["captionflow_requests_total", "200"] == 1
    assert grown["captionflow_requests_total", "400"] == 1
    assert grown["captionflow_photos_total",] == 2
    assert grown["captionflow_request_seconds_count",] == 2
    assert grown["captionflow_request_seconds_sum",] > 0
    assert after["captionflow_ready",] == 1
    unsure = sum(each["certainty"] == "not sure" for each in predictions)
    assert grown["captionflow_abstentions_total",] == unsure


def _colours(count: int, red: int) -> list[bytes]:
    return [_encoded(Image.new("RGB", (9, 9), (red, shade, 90))) for shade in range(count)]


def test_metrics_of_a_model_without_training_photos_to_compare_show_no_drift(
    server: Any, captioner: Captioner
) -> None:
    assert len(captioner.bundle.reranker_data.features) == 1
    _predictions(server.post(_body(*_colours(120, 250))))
    assert not [name for name, *_ in _samples(server) if "drift" in name]


def test_openapi_describes_photos_and_its_page_needs_no_other_site(server: Any) -> None:
    schema = httpx.get(f"{server.url}/openapi.json").json()
    body = schema["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    schemas = schema["components"]["schemas"]
    assert body["schema"]["$ref"].rpartition("/")[2] in schemas
    for reference in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)):
        assert reference in schemas
    text, _ = schemas["PhotoRow"]["properties"]["photo"]["anyOf"]
    assert text["contentEncoding"] == "base64"
    page = httpx.get(f"{server.url}/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources and all(source.startswith("/") for source in sources)
    assert all(httpx.get(server.url + source).is_success for source in sources)


def test_server_of_a_folder_tells_its_version(server: Any, tiny_bundle: Path) -> None:
    version = httpx.get(f"{server.url}/version").json()
    assert version["model"] == str(tiny_bundle) and version["version"] == ""
    assert httpx.get(f"{server.url}/health").status_code == 200
    missing = httpx.get(f"{server.url}/gone")
    assert missing.status_code == 404 and "message" in missing.json()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the features of requested photos are kept."""
    return tmp_path_factory.mktemp("kept") / "features"


@pytest.fixture(scope="module")
def starting(
    start_server: Any,
    tiny_bundle: Path,
    captioner: Captioner,
    kept: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A server that is not ready yet, of a model with 60 training photos."""
    bundle = tmp_path_factory.mktemp("of 60 photos") / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    pixels = np.stack([captioner.load(photo) for photo in _colours(60, 0)])
    training = captioner.encoder.encode(pixels).astype(np.float16)
    RerankerData(training, [("a",)] * len(training)).save(bundle)
    write_checksums(bundle)
    options = ["--port", "0", "--keep-features", str(kept)]
    with start_server("--model", str(bundle), *options) as server:
        yield server


def test_server_is_ready_after_the_warm_up(starting: Any) -> None:
    assert httpx.get(f"{starting.url}/ping", timeout=60).status_code == 503
    assert starting.post(_body(RED)).status_code == 503
    assert _samples(starting)["captionflow_ready",] == 0
    starting.wait()
    # The warm-up is no request.
    assert _samples(starting)["captionflow_photos_total",] == 0
    before = time.monotonic()
    assert _predictions(starting.post(_body(RED)))
    assert time.monotonic() - before < 10


def test_metrics_show_drift_of_enough_photos(starting: Any) -> None:
    starting.wait()
    asked = _colours(120, 250)
    _predictions(starting.post(_body(*asked[:60])))
    assert ("captionflow_drift_p_value",) not in _samples(starting)
    _predictions(starting.post(_body(*asked[60:])))
    end = time.monotonic() + 60
    while ("captionflow_drift_p_value",) not in _samples(starting):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert _samples(starting)["captionflow_drift_p_value",] < 0.01
    # Photos come in batches; the test begins with the one that has the hundredth. One photo may
    # have been described before.
    assert 100 <= _samples(starting)["captionflow_drift_photos",] <= 121


def test_server_finishes_its_requests_on_sigterm(starting: Any, kept: Path) -> None:
    starting.wait()
    before = _samples(starting)["captionflow_photos_total",]
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(starting.post, _body(*[GREY] * 200, beam_width=20))
        while not _samples(starting).get(("captionflow_requests_in_progress",)):
            assert not answer.done()
        errors = starting.stop()
        assert len(_predictions(answer.result())) == 200
    assert errors == ""
    # Of what was asked, not of the warm-up.
    files = [np.load(file, allow_pickle=False) for file in kept.rglob("*.npy")]
    assert sum(map(len, files)) == before + 200
