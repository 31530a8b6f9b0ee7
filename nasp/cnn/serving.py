"""The MLflow model of a trained network. MLflow runs this file, so nothing is pickled."""

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from nasp.errors import NaspError
from nasp.plugins import load_plugins


class ServedClassifier(PythonModel):
    """Predicts the classes of images, which are base64 of JPEG or PNG in a column `image`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the artifact `model`, a file of `nasp.cnn.model_file`."""
        from nasp.cnn.classify import (
            ImageClassifier,  # imported here, so that logging the model needs no torch
        )

        load_plugins((context.model_config or {}).get("plugins", ()))
        self.classify = ImageClassifier.load(context.artifacts["model"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Return the names of the classes, `(images,)`.

        Raises:
            MlflowException: There is no column `image`, or one of its values is not an image. A
                server answers with this message and status 400.
        """
        try:
            if "image" not in model_input:
                raise NaspError("a column 'image' is needed: base64 of JPEG or PNG images")
            return np.array(self.classify(model_input["image"]))
        except NaspError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


set_model(ServedClassifier())
