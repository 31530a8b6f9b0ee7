"""The MLflow model of a found function. MLflow runs this file, so nothing is pickled."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from nasp.errors import NaspError
from nasp.plugins import load_plugins


class ServedRecommender(PythonModel):
    """Predicts ratings, scores of a ranking or probabilities of clicks, given entity columns."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the artifact `model`, the file of a model."""
        from sif.models.file import load_model  # here, so that logging the model needs no torch

        load_plugins((context.model_config or {}).get("plugins", ()))
        self.model = load_model(Path(context.artifacts["model"]))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Predict ratings in rating units, scores or probabilities, `(rows,)`.

        Raises:
            MlflowException: The input is not a table, a column or an id is missing, or a value is
                not an id. A server answers with this message and status 400.
        """
        try:
            if not isinstance(model_input, pd.DataFrame):  # in arrays, MLflow converts true to 1
                raise NaspError("send dataframe_records, dataframe_split or csv, not inputs")
            for name in self.model.encoder.columns:
                for row, value in enumerate(model_input.get(name, ())):
                    whole = isinstance(value, int | np.integer) or (
                        isinstance(value, float) and (value.is_integer())
                    )
                    if isinstance(value, bool | np.bool_) or not (whole or isinstance(value, str)):
                        raise NaspError(
                            f"row {row}: {name} is {value!r:.40}, but an id is a whole number or "
                            "text: give all ids as in training"
                        )
            return self.model.predict(model_input)
        except NaspError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


set_model(ServedRecommender())
