from components.captioning.inference.scoring import PREDICTION
from components.describing.serving.protocol import Invocation, Prediction


def test_schema_describes_photos() -> None:
    schema = Invocation.model_json_schema()
    text, pixels = schema["$defs"]["PhotoRow"]["properties"]["photo"]["anyOf"]
    assert text["contentEncoding"] == "base64"
    assert pixels["items"]["items"]["items"]["maximum"] == 255


def test_schema_describes_all_fields_of_a_prediction() -> None:
    assert Prediction.model_json_schema()["properties"].keys() == set(PREDICTION)
