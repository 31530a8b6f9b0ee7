"""The MLflow model of a found function: MLflow runs this file, so nothing is pickled."""

from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Recommender(PythonModel):
    """Predicts ratings of a table with the entity columns, `user` and `item` for example."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the artifact `model`, which `InteractionModel.save` wrote."""
        from sif.model import InteractionModel  # here, so that logging the model needs no torch

        self.model = InteractionModel.load(context.artifacts["model"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Ratings in rating units, `(ratings,)`."""
        return self.model.predict(model_input)


set_model(Recommender())
