"""A found interaction function with its trained weights: predicts and recommends."""

import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.core.errors import NaspError
from nasp.core.genotype import Genotype
from nasp.core.model_file import Kind, load_state, read, write
from nasp.core.schema import (
    flag,
    integer,
    mapping,
    number,
    one_of,
    section,
    sequence,
    tensor,
    text,
)
from sif.data import Encoder
from sif.embeddings import SpaceOptions
from sif.metrics import predict
from sif.prepared import Ratings, Scale, known_biases, table_rows
from sif.space import DECISION, InteractionSpace


def _ids(value: Any, name: str) -> None:
    """The ids of a column: integers or texts, sorted, each once."""
    sequence(text if isinstance(value, list) and value and type(value[0]) is str else LARGE)(
        value, name
    )
    if any(a >= b for a, b in pairwise(value)):
        raise NaspError(f"{name} must be sorted, each id once")


def _scale(value: Any, name: str) -> None:
    sequence(number(), 2)(value, name)
    number(above=0)(value[1], f"{name}[1]")


LARGE = integer(-(2**63))
SCHEMA = section(
    {
        "genotype": text,
        "options": section(
            {
                "embedding_dim": integer(1, 1 << 24),
                "embedding_std": number(above=0),
                "biases": flag,
                "penalty": one_of("squared", "norm"),
                "weight_decay": number(),
            }
        ),
        "network": mapping(tensor(torch.float32)),
        "encoder": section({"columns": sequence(text), "ids": sequence(_ids)}),
        "scale": _scale,
        "biases": tensor(torch.float32, (None,)),
        "rated": tensor(torch.int32, (2, None)),
    }
)
KIND = Kind(
    "sif interaction function",
    2,
    content="interaction function",
    noun="model",
    schema=SCHEMA,
    oldest=1,
    named=False,
)


def stand_alone(
    genotype: Genotype, sizes: tuple[int, ...], options: SpaceOptions, generator: torch.Generator
) -> InteractionSpace:
    """The network of a genotype: its one operation, its MLPs, fresh embeddings and head.

    Raises:
        NaspError: The genotype is of another space or another number of entities.
    """
    pairs = genotype.choices.get(DECISION, ())
    if genotype.space != InteractionSpace.name or len(pairs) != 1:
        raise NaspError(
            f"this is no genotype of an interaction function, but of {genotype.space!r}"
        )
    network = InteractionSpace(sizes, options, generator, (pairs[0][1],))
    try:
        mlps = {
            name: torch.tensor(values, dtype=torch.float32)
            for name, values in genotype.continuous.items()
        }
        load_state(network.transform, mlps, "genotype")
        if not all(math.isfinite(float(values.sum())) for values in mlps.values()):
            raise ValueError("a number is too large")
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise NaspError(
            f"the genotype's MLPs do not fit {len(sizes)} entities: search on a table with the "
            "same entity columns"
        ) from error
    return network


class InteractionModel:
    """A trained stand-alone network with the ids and the scale of its ratings.

    Attributes:
        genotype: What was found.
        network: The trained network, with one operation.
        encoder: Ids of the training split.
        scale: From standardised units to rating units.
        biases: Standardised bias of each table row, which predicts where an id is unseen.
        rated: Positions of the users and items of the training ratings, int32 `(2, ratings)`.
    """

    def __init__(
        self,
        genotype: Genotype,
        network: InteractionSpace,
        encoder: Encoder,
        scale: Scale,
        biases: Tensor,
        rated: Tensor,
    ) -> None:
        self.genotype, self.network = genotype, network
        self.encoder, self.scale = encoder, scale
        self.biases, self.rated = biases, rated

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Ratings, in rating units, of a table with the entity columns.

        An id that training did not have counts as an average one: where all are unseen, the
        rating is the global mean, else the mean plus the biases of the ids that are known.

        Returns:
            Float64 `(ratings,)`.
        """
        positions = self.encoder.transform(frame)
        known = (positions >= 0).all(dim=1)
        rows = table_rows(positions[known], self.encoder.sizes).to(
            self.network.embeddings.table.device
        )
        ratings = known_biases(positions, self.encoder.sizes, self.biases)
        ratings[known] = predict(self.network.rate, rows).cpu()
        return (ratings.double() * self.scale.std + self.scale.mean).numpy()

    def rate(self, data: Ratings) -> torch.Tensor:
        """Standardised predictions `(ratings,)` for `data.rows`."""
        return predict(self.network.rate, data.rows)

    def recommend(
        self, user: Any, n: int = 10, *, context: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """The items with the highest predicted ratings, without those that the user has rated.

        Args:
            user: The user's id.
            n: Number of items.
            context: A value for each further entity column, where the model has any.

        Returns:
            Columns `item` and `rating`, best first; fewer than `n` rows if there are fewer items.

        Raises:
            NaspError: Training had no such user, or a context column is missing.
        """
        users, items, *_ = self.encoder.ids
        user_column, item_column, *others = self.encoder.columns
        if user not in users:
            raise NaspError(
                f"user {user!r} has no rating in the training data: ask for one who has"
            )
        if missing := [name for name in others if name not in (context or {})]:
            raise NaspError(f"the model needs a context: context={{{missing[0]!r}: ...}}")
        rated = self.rated[1, self.rated[0] == users.get_loc(user)].tolist()
        frame = pd.DataFrame({item_column: items.delete(rated)})
        frame[user_column] = user
        for name in others:
            frame[name] = (context or {})[name]
        frame["rating"] = self.predict(frame)
        best = frame.nlargest(n, "rating")[[item_column, "rating"]]
        return best.reset_index(drop=True)

    def save(self, path: Path | str) -> None:
        """Write the model to one file, atomically, without code in it."""
        options = {k: getattr(self.network.options, k) for k in SpaceOptions.__dataclass_fields__}
        body = {
            "genotype": self.genotype.to_json(),
            "options": options,
            "network": self.network.state_dict(),
            "encoder": self.encoder.state_dict(),
            "scale": [self.scale.mean, self.scale.std],
            "biases": self.biases,
            "rated": self.rated,
        }
        write(Path(path), KIND, body)

    @staticmethod
    def load(path: Path | str, device: torch.device | str = "cpu") -> "InteractionModel":
        """Read what `save` wrote; nothing in the file can run.

        Raises:
            NaspError: The file is missing, damaged, of another version or of something else.
        """

        def build(body: dict[str, Any]) -> InteractionModel:
            genotype = Genotype.from_json(body["genotype"], str(path))
            encoder = Encoder.from_state_dict(body["encoder"])
            sizes = encoder.sizes
            if len(encoder.columns) != len(sizes) or len(set(encoder.columns)) < len(sizes):
                raise NaspError(f"{path}: the model has not one name for each column of ids")
            options = SpaceOptions(**body["options"])
            network = stand_alone(genotype, sizes, options, torch.Generator()).to(device)
            load_state(network, body["network"], path)
            biases, rated = body["biases"].cpu(), body["rated"].cpu()
            if len(biases) != sum(sizes):
                raise NaspError(f"{path}: {len(biases)} biases for {sum(sizes)} ids")
            if rated.numel() and not (
                rated.min() >= 0 and rated[0].max() < sizes[0] and rated[1].max() < sizes[1]
            ):
                raise NaspError(f"{path}: the model's ratings are of positions that are no ids")
            scale = Scale(*body["scale"])
            return InteractionModel(genotype, network, encoder, scale, biases, rated)

        return read(Path(path), KIND, build, device)
