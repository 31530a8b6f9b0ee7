"""`ClickModel`: a trained model of clicks that predicts probabilities and recommends."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.files.schema import (
    anything,
    integer,
    mapping,
    number,
    one_of,
    optional,
    section,
    sequence,
    tensor,
    text,
)
from nasp.metric import Metrics
from nasp.runs.model_file import ModelFormat, load_state, read_model, write_model
from sif.data import Encoder, Table, find_ids
from sif.data.click_data import Clicks, check_labels, clicked_pairs, field_rows, field_sizes
from sif.data.click_rates import TRIVIAL, ClickRates
from sif.evaluation.clicks import evaluate_clicks
from sif.models.cold import (
    COLD_RULE,
    NO_ONE,
    SIDES_RULE,
    Newcomers,
    SideFrame,
    Sides,
    checked_cold,
    checked_sides,
    cold_state,
    extended,
    report_cold,
)
from sif.models.parts import (
    SPACE_RULES,
    checked_ids,
    checked_place,
    frame_positions,
    report_unknown,
)
from sif.nn.field_model import FieldModel
from sif.nn.fields import PAIRS, TOWER, FieldSpace
from sif.nn.graph import Propagation
from sif.options import FieldOptions

FUNCTION = "function"
CHUNK = 1 << 13  # rows that are predicted at once, few because hidden layers are wide
SCHEMA = section(
    {
        "genotype": text,
        "options": section(
            {
                **SPACE_RULES,
                "pairs": integer(0, 1 << 20),
                "towers": integer(1, 1 << 10),
                "hidden_units": integer(1, 1 << 20),
                "cross_rank": integer(0, 1 << 20),
                "dropout": number(),
            }
        ),
        "network": mapping(tensor(torch.float32)),
        "encoder": section({"columns": sequence(text), "ids": sequence(checked_ids)}),
        "rates": section(
            {
                "mean": number(),
                "items": tensor(torch.float32, (None,)),
                "biases": tensor(torch.float32, (None,)),
            }
        ),
        "answer": one_of(FUNCTION, *TRIVIAL),
        "sides": SIDES_RULE,
        "temperature": number(above=0),
        "clicked": tensor(torch.int32, (2, None)),
        "fitted_with": mapping(anything),
        "valid_auc": optional(number()),
    },
    {"cold": COLD_RULE},
)
KIND = ModelFormat("sif clicks", 2, content="model of clicks", noun="model", schema=SCHEMA)


def build_network(
    genotype: Genotype,
    encoder: Encoder,
    options: FieldOptions,
    generator: torch.Generator,
    features: Propagation | None = None,
) -> FieldSpace:
    """Make the network of a genotype, with new weights.

    Args:
        genotype: The genotype.
        encoder: Ids of the training rows.
        options: The options.
        generator: Draws the initial values, and the masks of dropout.
        features: The features of all rows of the table; None if there are none.

    Raises:
        NaspError: The genotype is of another space, or of a table with other columns.
    """
    check_genotype(genotype)
    sizes = field_sizes(encoder)
    return FieldSpace(encoder.columns, sizes, options, generator, genotype.choices, features)


def check_genotype(genotype: Genotype) -> None:
    """Check that a genotype is one of many fields.

    Raises:
        NaspError: It is of another space.
    """
    if genotype.space != FieldSpace.name or genotype.choices.keys() != {PAIRS, TOWER}:
        raise NaspError(f"this is not a genotype of many fields, but of {genotype.space!r}")


@torch.no_grad()
def predict_logits(model: FieldModel, rows: Tensor, relaxation: Relaxation | None = None) -> Tensor:
    """Return the logits `(rows,)` of table rows `(fields, rows)`; see `FieldModel.rate`."""
    logits = torch.empty(rows.shape[1], device=rows.device)
    for start in range(0, len(logits), CHUNK):
        part = slice(start, start + CHUNK)
        logits[part] = model.rate(rows[:, part], relaxation)[0]
    return logits


class ClickModel:
    """A trained network with the ids of its fields.

    Attributes:
        genotype: The found genotype.
        network: The trained network of the genotype.
        options: Options of the space.
        encoder: Ids of the training rows; the first two columns are users and items.
        rates: The trivial models of the training rows.
        temperature: The network's logits are divided by it, see `temperature_of`.
        clicked: Positions of users and items of all known clicks: training, validation and, after
            evaluation, test clicks, int32 `(2, clicks)`.
        fitted_with: Options of the search and the training, by name.
        valid_auc: Validation AUC of the network; None if it is not known.
        answer: What predicts: `FUNCTION` for the network, or the name of a trivial model.
        sides: What the features of each field's ids add to the network's parameters.
        cold: Ids of users and of items that the model knows by their features alone.
        device: Device of the network.
    """

    def __init__(
        self,
        genotype: Genotype,
        network: FieldSpace,
        options: FieldOptions,
        encoder: Encoder,
        rates: ClickRates,
        temperature: float,
        clicked: Tensor,
        fitted_with: Mapping[str, Any] | None = None,
        valid_auc: float | None = None,
        *,
        answer: str = FUNCTION,
        sides: Sides | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.answer, self.cold = answer, NO_ONE
        self.sides = sides or (None,) * len(encoder.sizes)
        self.genotype, self.network, self.options = genotype, network, options
        self.encoder, self.rates = encoder, rates
        self.temperature, self.clicked = temperature, clicked
        self.fitted_with, self.valid_auc = dict(fitted_with or {}), valid_auc
        self.device = torch.device(device)

    def with_features(
        self, user_features: SideFrame | None = None, item_features: SideFrame | None = None
    ) -> "ClickModel":
        """Return a model that knows further users and items; see `sif.models.cold.extended`.

        Their parameters are what their features add to the mean over the training rows.
        """
        return extended(self, user_features, item_features)

    def with_newcomers(self, more: Newcomers) -> "ClickModel":
        """Return a model that knows more ids of a field; the trivial models do not know them."""
        encoder, sizes = more.encoder(self.encoder), field_sizes(self.encoder)
        state, (parameters,) = self.network.state_dict(), more.parameters
        state["embeddings.table"] = more.join_part(state["embeddings.table"], sizes, parameters)
        network = build_network(self.genotype, encoder, self.options, torch.Generator())
        network.load_state_dict(state)
        rates, clicked = self.rates, self.clicked.clone()
        biases, items = (values.unsqueeze(1) for values in (rates.biases, rates.items))
        if more.entity == 1:
            items = more.join(items, items[-1:].expand(len(more.new), 1))
        clicked[more.entity] = more.places(clicked[more.entity])
        return ClickModel(
            self.genotype,
            network.to(self.device),
            self.options,
            encoder,
            ClickRates(rates.mean, items.squeeze(1), more.join_part(biases, sizes).squeeze(1)),
            self.temperature,
            clicked,
            self.fitted_with,
            self.valid_auc,
            answer=self.answer,
            sides=self.sides,
            device=self.device,
        )

    def predict(
        self,
        frame: pd.DataFrame,
        *,
        user_features: SideFrame | None = None,
        item_features: SideFrame | None = None,
    ) -> np.ndarray:
        """Predict the probability of a click for each row of a table.

        Ids that are not in the training data have the embedding zero, unless their features are
        given. A warning counts both.

        Args:
            frame: A table with the entity columns; others are ignored.
            user_features: Features of users that are not in the training data, see `with_features`.
            item_features: The same for items.

        Returns:
            Float64 `(rows,)`.

        Raises:
            NaspError: A column or an id is missing.
        """
        if user_features is not None or item_features is not None:
            return self.with_features(user_features, item_features).predict(frame)
        positions = frame_positions(self.encoder, frame, strict=False)
        report_cold(self, positions)
        probabilities: np.ndarray = self._logits(np.stack(positions)).double().sigmoid().numpy()
        return probabilities

    def recommend(
        self,
        user: Any,
        n: int = 10,
        *,
        context: Mapping[str, Any] | None = None,
        exclude_seen: bool = True,
    ) -> pd.DataFrame:
        """Return the items with the highest probabilities of a click.

        Args:
            user: The user's id; one that is not in the training data gets the embedding zero.
            n: Number of items.
            context: A value for each further column, if the model has any.
            exclude_seen: Whether to leave out items that the user has clicked.

        Returns:
            Columns `item` and `probability`, best first; fewer than `n` rows if there are fewer
            items.

        Raises:
            NaspError: A context is missing, or the model has no such column; or `n` is below 1.
        """
        if n < 1:
            raise NaspError(f"n is {n}; ask for 1 item or more")
        contexts = dict(context or {})
        user_column, item_column, *others = self.encoder.columns
        if missing := [name for name in others if name not in contexts]:
            raise NaspError(f"the model needs a context: context={{{missing[0]!r}: ...}}")
        if unknown := [name for name in contexts if name not in others]:
            raise NaspError(f"the model has no context {unknown[0]!r}; it has {others}")
        items = self.encoder.ids[1]
        given = {user_column: user, **contexts}
        positions = np.empty((len(self.encoder.columns), len(items)), np.int64)
        for field, (name, ids) in enumerate(
            zip(self.encoder.columns, self.encoder.ids, strict=True)
        ):
            own = np.arange(len(items)) if field == 1 else find_ids([given[name]], ids, name)
            positions[field] = own
        if exclude_seen:
            seen = self.clicked[1, self.clicked[0] == positions[0, 0]].numpy()
            positions = positions[:, ~np.isin(positions[1], seen)]
        logits = self._logits(positions)
        best = logits.argsort(descending=True, stable=True)[:n]
        return pd.DataFrame(
            {
                item_column: items.take(positions[1, best.numpy()]),
                "probability": logits[best].double().sigmoid().numpy(),
            }
        )

    def evaluate(self, table: Table) -> Metrics:
        """Evaluate the model and the trivial ones on labelled rows.

        Args:
            table: Checked rows with the entity columns, whose values are 1 and 0.

        Returns:
            The metrics of `sif.evaluation.clicks.VALUES` by name; the same with `_popularity`,
            `_biases` and `_global_mean` for the trivial models, and with `_function` for the
            network if a trivial model predicts; and `unseen_rows`, how many rows have an id that is
            not in the training data.

        Raises:
            NaspError: A column is missing, all ids of a column are unknown, or all labels are
                equal.
        """
        report_unknown(self.encoder, table)
        data = Clicks.encode(table, self.encoder)
        check_labels(data.labels, "given")
        return {**self.metrics(data), "unseen_rows": float(data.unseen)}

    def metrics(self, data: Clicks) -> Metrics:
        """Return the metrics of `evaluate` for encoded rows, without the number of unseen ids."""
        labels = data.labels.cpu()
        found = evaluate_clicks(self.logits(data.rows), labels)
        for model in TRIVIAL if self.answer == FUNCTION else (*TRIVIAL, FUNCTION):
            of_model = evaluate_clicks(self.logits(data.rows, model), labels)
            found |= {f"{name}_{model}": value for name, value in of_model.items()}
        return found

    def logits(self, rows: Tensor, model: str | None = None) -> Tensor:
        """Return logits `(rows,)`, on the CPU.

        Args:
            rows: Table rows, `(fields, rows)`.
            model: `FUNCTION` or the name of a trivial model; None for that of the answer.
        """
        if (model or self.answer) == FUNCTION:
            return predict_logits(self.network, rows.to(self.device)).cpu() / self.temperature
        return self.rates.logits(model or self.answer, rows, field_sizes(self.encoder))

    def add_clicked(self, table: Table) -> None:
        """Add further rows, whose clicked items are not recommended to their users."""
        self.clicked = torch.cat([self.clicked, clicked_pairs(self.encoder, table)], dim=1)

    def save(self, path: Path | str) -> None:
        """Write the model to a file, atomically.

        Raises:
            NaspError: The folder does not exist.
            OSError: The file cannot be written; the previous file is unchanged.
        """
        path = checked_place(path)
        rates = self.rates
        body = {
            "genotype": self.genotype.to_json(),
            "options": {**asdict(self.options), "encoders": list(self.options.encoders)},
            "network": self.network.state_dict(),
            "encoder": self.encoder.state_dict(),
            "rates": {"mean": rates.mean, "items": rates.items, "biases": rates.biases},
            "answer": self.answer,
            "temperature": self.temperature,
            "sides": [None if side is None else side.state_dict() for side in self.sides],
            "clicked": self.clicked,
            "fitted_with": self.fitted_with,
            "valid_auc": self.valid_auc,
            "cold": cold_state(self),
        }
        write_model(path, KIND, body)

    @staticmethod
    def load(path: Path | str, device: torch.device | str = "cpu") -> "ClickModel":
        """Read a file that `save` wrote, without executing anything in it.

        Raises:
            NaspError: The file is missing, damaged or of another version.
        """

        def build(body: dict[str, Any]) -> ClickModel:
            genotype = Genotype.from_json(body["genotype"], str(path))
            encoder = Encoder.from_state_dict(body["encoder"])
            columns, sizes = encoder.columns, field_sizes(encoder)
            if len(columns) != len(sizes) or len(set(columns)) < len(sizes):
                raise NaspError(f"{path}: the model has not one name for each column of ids")
            given = {**body["options"], "encoders": tuple(body["options"]["encoders"])}
            options = FieldOptions(**given)
            network = build_network(genotype, encoder, options, torch.Generator())
            load_state(network, body["network"], path)
            network.to(device)
            rates = ClickRates(
                body["rates"]["mean"], body["rates"]["items"].cpu(), body["rates"]["biases"].cpu()
            )
            if (len(rates.items), len(rates.biases)) != (sizes[1], sum(sizes)):
                raise NaspError(f"{path}: the model's rates are not those of its ids")
            clicked = body["clicked"].cpu()
            bounds = torch.tensor(encoder.sizes[:2])[:, None]
            if not ((clicked >= 0) & (clicked < bounds)).all():
                raise NaspError(f"{path}: the model's clicks are of positions that are no ids")
            more = body["fitted_with"], body["valid_auc"]
            known = rates, body["temperature"], clicked
            fitted = genotype, network, options, encoder, *known, *more
            table = network.embeddings.table
            sides = checked_sides(body["sides"], lambda field: [table], sizes, path)
            model = ClickModel(*fitted, answer=body["answer"], sides=sides, device=device)
            model.cold = checked_cold(body.get("cold"), encoder, path)
            return model

        return read_model(Path(path), KIND, build, device)

    def _logits(self, positions: np.ndarray) -> Tensor:
        """Return logits `(rows,)`, on the CPU, of positions of ids `(fields, rows)`."""
        # Of a copy, because positions are replaced in place.
        return self.logits(field_rows(torch.tensor(positions), field_sizes(self.encoder)))
