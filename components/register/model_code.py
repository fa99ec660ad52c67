"""The registered model as MLflow runs it: from this file's code and the bundle, without pickle.

MLflow keeps a copy of this file beside the bundle and runs it to load the model (its *models from
code*). `components` comes along as the model's own code.
"""

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray

from components.platform.errors import DataError


class PhotoDescriber(PythonModel):
    """Describes photos: takes a column `photo` of image files' bytes, gives one of captions."""

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the bundle."""
        # TensorFlow comes with it, and only who describes photos needs that.
        from components.captioning.bundle import Describer

        self._describer = Describer(context.artifacts["bundle"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Describes photos.

        Args:
            context: MLflow's, not used.
            model_input: Column `photo`: each the bytes of an image file.
            params: None are known.

        Returns:
            Column `caption`, with the rows of the input.

        Raises:
            MlflowException: If a photo can't be read; names its row.
        """
        pixels = [self._load(row, photo) for row, photo in model_input["photo"].items()]
        captions = self._describer.describe_pixels(pixels) if pixels else []
        return pd.DataFrame({"caption": captions}, index=model_input.index)

    def _load(self, row: Any, photo: Any) -> NDArray[np.uint8]:
        # A text would be taken for the path of a file on the server.
        if not isinstance(photo, bytes):
            raise _refused(row, f"it must be an image file's bytes. Received: {photo!r:.50}")
        try:
            return self._describer.load(photo)
        except DataError as error:
            raise _refused(row, str(error)) from error


def _refused(row: Any, reason: str) -> MlflowException:
    # MLflow's own kind, which its scoring server answers as the client's error.
    return MlflowException.invalid_parameter_value(f"Row {row} of `photo` can't be used: {reason}")


set_model(PhotoDescriber())
