import json
from typing import Any

import pytest

from components.describing.serving.parser import Parser
from components.describing.serving.protocol import MAX_PHOTOS
from components.errors import DataError

PIXELS = [[[1, 2, 3]] * 4] * 4


def _many(inputs: Any) -> bytes:
    return json.dumps({"inputs": inputs}).encode()


@pytest.mark.parametrize(
    ("body", "photos"),
    [
        ({"dataframe_split": {"columns": ["photo"], "data": [["YQ=="]]}}, ["YQ=="]),
        ({"dataframe_split": {"columns": ["photo"], "index": [7], "data": ["YQ=="]}}, ["YQ=="]),
        ({"dataframe_split": {"columns": ["id", "photo"], "data": [[1, "YQ=="]]}}, ["YQ=="]),
        ({"dataframe_split": {"columns": ["photo"], "data": [[PIXELS]]}}, [PIXELS]),
        ({"dataframe_split": {"columns": ["photo"], "data": []}}, []),
        ({"dataframe_records": [{"photo": "YQ==", "id": 3}], "more": 1}, ["YQ=="]),
        ({"inputs": {"photo": "YQ=="}}, ["YQ=="]),
        ({"inputs": {"photo": ["YQ==", PIXELS]}}, ["YQ==", PIXELS]),
        ({"inputs": [{"photo": "YQ=="}]}, ["YQ=="]),
        ({"instances": [{"photo": "YQ=="}, {"photo": PIXELS}]}, ["YQ==", PIXELS]),
    ],
)
def test_parse_takes_mlflows_forms(body: dict[str, Any], photos: list[Any]) -> None:
    found, params = Parser().parse(json.dumps(body).encode())
    # Pixels come as arrays.
    assert [each if isinstance(each, str) else each.tolist() for each in found] == photos
    assert params == {}


def test_parse_takes_params() -> None:
    _, params = Parser().parse(
        b'{"inputs": {"photo": "YQ=="}, "params": {"beam_width": 3, "alternatives": null, "x": 1}}'
    )
    assert params == {"beam_width": 3, "alternatives": None}


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (b"", ["JSON"]),
        (b"photo\nYQ==\n", ["JSON"]),
        (b"\xff", ["JSON"]),
        (b"[" * 100_000, ["JSON", "recursion"]),
        (b'{"a":' * 100_000, ["JSON", "recursion"]),
        (b'{"inputs": {"photo": ' + b"[" * 9999 + b"]" * 9999 + b"}}", ["JSON", "recursion"]),
        (b"9" * 5000, ["JSON", "number out of range"]),
        (b'{"inputs": {"photo": "x"}, "params": {"beam_width": %s}}' % (b"9" * 5000), ["JSON"]),
        (b"[]", ["object", "[]"]),
        (b"{}", ["exactly one", "inputs", "none"]),
        (b'{"inputs": {"photo": "x"}, "instances": {"photo": "x"}}', ["inputs, instances"]),
        (b'{"inputs": NaN}', ["inputs", "nan"]),
        (b'{"inputs": {"photo": NaN}}', ["inputs.photo", "nan"]),
        (b'{"inputs": {"foto": "x"}}', ["inputs.photo", "required"]),
        (b'{"inputs": [{"photo": 3}]}', ["inputs.0.photo", "base64", "3"]),
        (b'{"inputs": {"photo": ["x", 4]}}', ["inputs.photo.1", "base64", "4"]),
        (b'{"dataframe_records": ["x"]}', ["dataframe_records.0", "'x'"]),
        (b'{"dataframe_split": {"columns": ["x"], "data": [["a"]]}}', ["photo", "['x']"]),
        (b'{"dataframe_split": {"columns": ["photo"], "data": [["a", "b"]]}}', ["row 0", "2 val"]),
        (b'{"dataframe_split": {"columns": ["photo"], "data": [3]}}', ["base64", "3"]),
        (b'{"dataframe_split": {"data": [["a"]]}}', ["dataframe_split.columns", "required"]),
        (b'{"inputs": {"photo": "x"}, "params": {"beam_width": "2"}}', ["params.beam", "'2'"]),
        (b'{"inputs": {"photo": "x"}, "params": {"beam_width": true}}', ["params.beam", "True"]),
        (b'{"inputs": {"photo": "x"}, "params": {"beam_width": NaN}}', ["params.beam", "nan"]),
        (b'{"inputs": {"photo": "x"}, "params": {"beam_width": 101}}', ["100", "101"]),
        (b'{"inputs": {"photo": "x"}, "params": {"alternatives": -1}}', ["alternatives", "-1"]),
        (b'{"inputs": {"photo": "x"}, "params": {"beam_width": "a\\nb"}}', ["params.beam_width"]),
        (_many({"photo": ["x"] * (MAX_PHOTOS + 1)}), ["inputs.photo", "1000", "1001"]),
        (_many([{"photo": "x"}] * (MAX_PHOTOS + 1)), ["inputs", "1000", "1001"]),
        (b'{"x": [' + b"[]," * 1_000_000 + b"[]]}", ["2000000", "base64"]),
        (b'{"x": [' + b'"a",' * 100_000 + b'"a"]}', ["100000 strings", "100002"]),
        ('{"inputs": {"photo": "YQ==é"}}'.encode(), ["inputs.photo", "ASCII"]),
        (b'{"inputs": {"photo": ["YQ==\\u00e9"]}}', ["inputs.photo.0", "ASCII"]),
    ],
)
def test_parse_wrong_body_is_an_error_of_one_short_line(body: bytes, facts: list[str]) -> None:
    with pytest.raises(DataError) as error:
        Parser().parse(body)
    message = str(error.value)
    assert all(fact in message for fact in facts), message
    assert "\n" not in message and len(message) < 250
    assert "list[" not in message and "PhotoColumn" not in message
