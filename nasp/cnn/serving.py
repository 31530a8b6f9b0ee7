"""The MLflow model of a trained network: MLflow runs this file, so nothing is pickled."""

from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Classifier(PythonModel):
    """Names the class of each image of a table with the column `image`: base64 of JPEG or PNG."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the artifact `model`, which `nasp.cnn.model_file` wrote."""
        from nasp.cnn.classify import Classify  # here, so that logging the model needs no torch

        self.classify = Classify.load(context.artifacts["model"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Names of classes, `(images,)`."""
        return np.array(self.classify(model_input["image"]))


set_model(Classifier())
