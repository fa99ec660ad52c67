from components.describing.serving.protocol import Invocation


def test_schema_describes_photos() -> None:
    schema = Invocation.model_json_schema()
    text, pixels = schema["$defs"]["PhotoRow"]["properties"]["photo"]["anyOf"]
    assert text["contentEncoding"] == "base64"
    assert pixels["items"]["items"]["items"]["maximum"] == 255
