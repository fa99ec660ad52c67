"""The registered model's MLflow code: loads the bundle without pickle and captions photos.

MLflow stores a copy of this file with the bundle and runs it to load the model ("models from
code"). The package `components` is stored with it.
"""

from functools import partial
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

from components.errors import DataError, SettingError


class InvalidInputError(MlflowException):
    """A photo or parameter breaks a rule; a client error with a one-line message.

    Args:
        message: The message.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, INVALID_PARAMETER_VALUE)
        self._original = message

    def serialize_as_json(self) -> str:
        """Returns the body of the scoring server's response."""
        # The server has prepended the whole request to the message, over several lines.
        self.message = self._original
        return str(super().serialize_as_json())


class CaptioningModel(PythonModel):
    """Captions the photos of the column `photo`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the bundle and warms it up: MLflow's server ends requests after 60 s."""
        # Imported here: they import TensorFlow, which merely loading this file does not need.
        from components.captioning.inference.captioner import Captioner
        from components.captioning.inference.scoring import PhotoScorer

        # A server calls `predict` in a thread per request.
        self._scorer = PhotoScorer(partial(Captioner, context.artifacts["bundle"]))
        self._scorer.batcher.model.result()

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Captions photos.

        Args:
            context: MLflow's context, not used.
            model_input: Column `photo`, with values that `PhotoScorer.predict` accepts.
            params: As for `PhotoScorer.predict`. MLflow fills in the defaults.

        Returns:
            A row per row of the input, with the columns `PREDICTION`; see `PhotoScorer.predict`.

        Raises:
            InvalidInputError: If a photo can't be read or captioned (the message names its row), or
                a parameter breaks its rule.
        """
        from components.captioning.inference.scoring import PREDICTION

        try:
            predictions = self._scorer.predict(list(model_input["photo"].items()), params or {})
        except (DataError, SettingError) as error:
            raise InvalidInputError(str(error)) from error
        return pd.DataFrame(predictions, index=model_input.index, columns=list(PREDICTION))


set_model(CaptioningModel())
