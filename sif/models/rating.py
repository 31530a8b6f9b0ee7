"""`InteractionModel`: a trained interaction function that predicts and recommends."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files.schema import (
    anything,
    flag,
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
from sif.data.biases import predict_from_biases
from sif.data.rating_tensors import Ratings, Scale, known_biases, table_rows
from sif.data.search_data import rated_pairs
from sif.data.sessions import Sessions
from sif.evaluation.ratings import evaluate_predictions, predict
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
    shares_of,
)
from sif.models.parts import (
    SPACE_RULES,
    checked_ids,
    checked_place,
    frame_positions,
    report_unknown,
)
from sif.nn.encoders import RatingGraph
from sif.nn.graph import Propagation
from sif.nn.operations import functions
from sif.nn.space import DECISION, InteractionSpace
from sif.options import ENCODERS, SpaceOptions
from sif.posterior.average import NetworkAverage, Single
from sif.posterior.model import PosteriorAverage, has_samples, is_multilinear


def _scale(value: Any, name: str) -> None:
    sequence(number(), 2)(value, name)
    number(above=0)(value[1], f"{name}[1]")


def _range(value: Any, name: str) -> None:
    sequence(number(), 2)(value, name)
    if value[0] > value[1]:
        raise NaspError(f"{name} goes from {value[0]} to {value[1]}")


SCHEMA = section(
    {
        "genotype": text,
        "options": section(SPACE_RULES),
        "members": sequence(
            section(
                {
                    "genotype": text,
                    "weight": number(above=0),
                    "network": mapping(tensor(torch.float32)),
                    "encoded": mapping(tensor(torch.float32, (None, None))),
                }
            )
        ),
        "encoder": section({"columns": sequence(text), "ids": sequence(checked_ids)}),
        "scale": _scale,
        "biases": tensor(torch.float32, (None,)),
        "rated": tensor(torch.int32, (2, None)),
        "range": _range,
        "transform": one_of("none", "log"),
        "fitted_with": mapping(anything),
        "valid_rmse": optional(number()),
        "sides": SIDES_RULE,
        "sessions": optional(
            section(
                {
                    "edges": sequence(number()),
                    "dated": flag,
                    "keys": tensor(torch.int64, (None,)),
                }
            )
        ),
    },
    {"cold": COLD_RULE},
)
KIND = ModelFormat(
    "sif interaction function",
    6,
    content="interaction function",
    noun="model",
    schema=SCHEMA,
)


def build_network(
    genotype: Genotype,
    sizes: tuple[int, ...],
    options: SpaceOptions,
    generator: torch.Generator,
    graph: RatingGraph | None = None,
    features: Propagation | None = None,
    *,
    kind: type[InteractionSpace] = InteractionSpace,
) -> InteractionSpace:
    """Make the network of a genotype: its terms and MLPs, with new embeddings and new heads.

    Args:
        genotype: The genotype. It decides, not the options, whether there are MLPs.
        sizes: Number of users, items, ...
        options: The options.
        generator: Draws the initial values.
        graph: The graph of the training ratings; None for a saved model.
        features: The features of all rows of the table; None if there are none.
        kind: Class of the network.

    Raises:
        NaspError: The genotype is of another space, or for another number of entities.
    """
    terms = genotype.choices.get(DECISION, ())
    if genotype.space != InteractionSpace.name or not terms:
        raise NaspError(
            f"this is not a genotype of an interaction function, but of {genotype.space!r}"
        )
    options = replace(options, elementwise=bool(genotype.continuous))
    network = kind(sizes, options, generator, graph, features, terms=terms)
    if network.transform is None:
        return network
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
    """A trained network with the ids and the scale of its ratings.

    Attributes:
        genotype: The found genotype.
        network: The trained network of the genotype, the average over samples of its weights, or
            the average over several networks; None for a genotype without terms, which predicts by
            `biases` alone.
        options: Options of the space.
        encoder: Ids of the training split.
        scale: Scale of the training split.
        biases: Standardised bias of each table row, for predictions with an unseen id.
        rated: Positions of users and items of all known ratings: training, validation and, after
            evaluation, test ratings, int32 `(2, ratings)`.
        fitted_with: Options of the search and the training, by name.
        sides: What the features of each entity's ids add to the network's parameters.
        cold: Ids of users and of items that the model knows by their features alone.
        sessions: The periods in which each user has ratings, if the network uses them.
        device: Device of the network.
        valid_rmse: Validation RMSE, see `sif.evaluation.ratings`; None if it is not known.
    """

    def __init__(
        self,
        genotype: Genotype,
        network: Single | NetworkAverage | None,
        options: SpaceOptions,
        encoder: Encoder,
        scale: Scale,
        biases: Tensor,
        rated: Tensor,
        fitted_with: Mapping[str, Any] | None = None,
        valid_rmse: float | None = None,
        *,
        sides: Sides | None = None,
        sessions: Sessions | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.sides = sides or (None,) * len(encoder.sizes)
        self.cold = NO_ONE
        self.genotype, self.network, self.options = genotype, network, options
        self.encoder, self.scale, self.sessions = encoder, scale, sessions
        self.biases, self.rated, self.device = biases, rated, torch.device(device)
        self.fitted_with, self.valid_rmse = dict(fitted_with or {}), valid_rmse

    def with_features(
        self, user_features: SideFrame | None = None, item_features: SideFrame | None = None
    ) -> "InteractionModel":
        """Return a model that knows further users and items; see `sif.models.cold.extended`.

        Their parameters are those of an id without ratings: what their features add to the mean of
        the parameters over the training ratings.
        """
        return extended(self, user_features, item_features)

    def with_newcomers(self, more: Newcomers) -> "InteractionModel":
        """Return a model that knows more ids of an entity."""
        encoder, sizes = more.encoder(self.encoder), self.encoder.sizes
        shares = shares_of(self.rated[more.entity], sizes[more.entity])
        parameters = iter(more.parameters)

        def extended_network(genotype: Genotype, known: Single) -> Single:
            tables = _tables(known, more.entity)
            new = [next(parameters) for _ in tables]
            return _with_newcomers(known, genotype, self.options, more, sizes, encoder, new, shares)

        if isinstance(self.network, NetworkAverage):
            members = self.network.members()
            network: Single | NetworkAverage = NetworkAverage(
                self.network.genotypes,
                [extended_network(genotype, known) for genotype, known, _ in members],
                self.network.weights,
            )
        else:
            assert self.network is not None, "without a network there are no weights of features"
            network = extended_network(self.genotype, self.network)
        rated, sessions = self.rated.clone(), self.sessions
        rated[more.entity] = more.places(rated[more.entity])
        if sessions is not None and more.entity == 0:
            sessions = sessions.moved(more.places(torch.arange(sizes[0])).numpy())
        return InteractionModel(
            self.genotype,
            network.to(self.device),
            self.options,
            encoder,
            self.scale,
            more.join_part(self.biases.unsqueeze(1), sizes).squeeze(1),
            rated,
            self.fitted_with,
            self.valid_rmse,
            sides=self.sides,
            sessions=sessions,
            device=self.device,
        )

    @overload
    def predict(
        self,
        frame: pd.DataFrame,
        *,
        user_features: SideFrame | None = ...,
        item_features: SideFrame | None = ...,
        clip: bool = ...,
        return_std: Literal[False] = ...,
    ) -> np.ndarray: ...

    @overload
    def predict(
        self,
        frame: pd.DataFrame,
        *,
        user_features: SideFrame | None = ...,
        item_features: SideFrame | None = ...,
        clip: bool = ...,
        return_std: Literal[True],
    ) -> tuple[np.ndarray, np.ndarray]: ...

    def predict(
        self,
        frame: pd.DataFrame,
        *,
        user_features: SideFrame | None = None,
        item_features: SideFrame | None = None,
        clip: bool = True,
        return_std: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict ratings of a table with the entity columns, in the units of the original ratings.

        A rating with an id that is not in the training data is predicted by the mean of the
        training ratings plus the biases of its known ids, unless its features are given. A warning
        counts both.

        Args:
            frame: A table with the entity columns; others are ignored.
            user_features: Features of users that are not in the training data, see `with_features`.
            item_features: The same for items.
            clip: Whether to clip predictions to the range of the training ratings.
            return_std: Whether to return the standard deviation of each prediction, too.

        Returns:
            Float64 `(ratings,)`; with `return_std` two of them. The deviation is that over the
            samples of the posterior and the models of an average, NaN with an id that is not in the
            training data. A rating has noise besides.

        Raises:
            NaspError: A column or an id is missing, or all ids of a column are unknown; or
                `return_std` is asked of a model with one set of weights.
        """
        if user_features is not None or item_features is not None:
            model = self.with_features(user_features, item_features)
            return (
                model.predict(frame, clip=clip, return_std=True)
                if return_std
                else model.predict(frame, clip=clip)
            )
        network = self.network
        if return_std and not isinstance(network, PosteriorAverage | NetworkAverage):
            raise NaspError(
                "the model has one set of weights, which have no deviation: search with sweeps"
            )
        positions = frame_positions(self.encoder, frame)
        report_cold(self, positions)
        places = torch.from_numpy(np.stack(positions, axis=1))
        sessions = self._sessions_of(frame, positions[0])
        ratings = self.scale.as_read(self._rate(places, sessions), clip)
        if not (return_std and network):
            return ratings
        known = (places >= 0).all(dim=1)
        deviations = torch.full((len(places),), math.nan)
        rows = self._rows(places, sessions)
        both = network.predictor()
        deviations[known] = predict(lambda part: both(part)[::-1], rows).cpu()
        return ratings, self.scale.deviation_as_read(deviations, ratings)

    def encode(self, ratings: Table) -> Ratings:
        """Return checked ratings as tensors, for `rate`."""
        sessions = None if ratings.moments is None else self.sessions
        return Ratings.encode(ratings, self.encoder, self.scale, self.biases, self.device, sessions)

    def rate(self, data: Ratings) -> torch.Tensor:
        """Return standardised predictions `(ratings,)` for `data.rows`, without clipping."""
        if self.network is None:
            return predict_from_biases(self.biases.to(data.rows.device), data)
        rows = data.rows
        if self.sessions is not None and data.sessions is not None:
            rows = torch.cat([rows, data.sessions.unsqueeze(0).to(rows)])
        return predict(self.network.predictor(), rows)

    def size(self) -> int:
        """Number of parameters."""
        return len(self.biases) if self.network is None else self.network.size()

    def add_rated(self, ratings: Table) -> None:
        """Add further ratings, whose items are not recommended to their users."""
        self.rated = torch.cat([self.rated, rated_pairs(self.encoder, ratings)], dim=1)

    def recommend(
        self,
        user: Any,
        n: int = 10,
        *,
        context: Mapping[str, Any] | None = None,
        exclude_seen: bool = True,
    ) -> pd.DataFrame:
        """Return the items with the highest predicted ratings.

        Args:
            user: The user's id.
            n: Number of items.
            context: A value for each further entity column, if the model has any.
            exclude_seen: Whether to leave out items that the user has rated.

        Returns:
            Columns `item` and `rating`, in the units of the original ratings, best first; fewer
            than `n` rows if there are fewer items.

        Raises:
            NaspError: The user or a context is not in the training data, a context is missing or
                unknown, or `n` is below 1.
        """
        if n < 1:
            raise NaspError(f"n is {n}; ask for 1 item or more")
        contexts = dict(context or {})
        _, item_column, *others = self.encoder.columns
        if missing := [name for name in others if name not in contexts]:
            raise NaspError(f"the model needs a context: context={{{missing[0]!r}: ...}}")
        if unknown := [name for name in contexts if name not in others]:
            raise NaspError(f"the model has no context {unknown[0]!r}; it has {others}")
        place = [
            self._position(entity, value)
            for entity, value in enumerate([user, None, *(contexts[name] for name in others)])
        ]
        items = self.encoder.ids[1]
        positions = torch.tensor(place).repeat(len(items), 1)
        positions[:, 1] = torch.arange(len(items))
        if exclude_seen:
            seen = self.rated[1, self.rated[0] == place[0]].long()
            positions = positions[~torch.isin(positions[:, 1], seen)]
        ratings = self._rate(
            positions
        )  # not clipped, because clipping would make the best ones equal
        best = ratings.argsort(descending=True, stable=True)[:n]
        return pd.DataFrame(
            {
                item_column: items.take(positions[best, 1].numpy()),
                "rating": self.scale.as_read(ratings[best]),
            }
        )

    def evaluate(self, ratings: Table) -> Metrics:
        """Evaluate the model, the global mean and the biases on ratings.

        Args:
            ratings: Checked ratings with the entity columns and the transform of the training data.

        Returns:
            The metrics of `sif.evaluation.ratings.VALUES` by name, in rating units; `rmse_biases`
            and `rmse_global_mean`, those of the trivial models; and `unseen_ratings`, how many
            ratings have an id that is not in the training data.

        Raises:
            NaspError: A column is missing, or all ids of a column are unknown.
        """
        report_unknown(self.encoder, ratings)
        data = self.encode(ratings)
        biases = predict_from_biases(self.biases.to(self.device), data)
        mean = Ratings.encode(ratings, self.encoder, self.scale, device=self.device)
        return {
            **evaluate_predictions(self.rate(data), data, self.scale),
            "rmse_biases": evaluate_predictions(biases, data, self.scale)["rmse"],
            "rmse_global_mean": evaluate_predictions(
                torch.zeros_like(mean.ratings), mean, self.scale
            )["rmse"],
            "unseen_ratings": float(len(data.unseen)),
        }

    def save(self, path: Path | str) -> None:
        """Write the model to a file, atomically.

        Raises:
            NaspError: The folder does not exist.
            OSError: The file cannot be written; the previous file is unchanged.
        """
        path = checked_place(path)
        body = {
            "genotype": self.genotype.to_json(),
            "options": {**asdict(self.options), "encoders": list(self.options.encoders)},
            "members": [
                {
                    "genotype": genotype.to_json(),
                    "weight": float(weight),
                    "network": network.state_dict(),
                    "encoded": network.encoded() if isinstance(network, InteractionSpace) else {},
                }
                for genotype, network, weight in self._members()
            ],
            "encoder": self.encoder.state_dict(),
            "scale": [self.scale.mean, self.scale.std],
            "range": [self.scale.lowest, self.scale.highest],
            "transform": self.scale.transform,
            "biases": self.biases,
            "rated": self.rated,
            "fitted_with": self.fitted_with,
            "sides": [None if side is None else side.state_dict() for side in self.sides],
            "valid_rmse": self.valid_rmse,
            "sessions": None if self.sessions is None else self.sessions.state_dict(),
            "cold": cold_state(self),
        }
        write_model(path, KIND, body)

    @staticmethod
    def load(path: Path | str, device: torch.device | str = "cpu") -> "InteractionModel":
        """Read a file that `save` wrote, without executing anything in it.

        Raises:
            NaspError: The file is missing, damaged or of another version.
        """

        def build(body: dict[str, Any]) -> InteractionModel:
            genotype = Genotype.from_json(body["genotype"], str(path))
            encoder = Encoder.from_state_dict(body["encoder"])
            sizes = encoder.sizes
            if len(encoder.columns) != len(sizes) or len(set(encoder.columns)) < len(sizes):
                raise NaspError(f"{path}: the model has not one name for each column of ids")
            options = SpaceOptions(**_with_tuples(body["options"]))
            sessions = body["sessions"] and Sessions.from_state_dict(body["sessions"])
            members = [_member(one, sizes, options, path, sessions) for one in body["members"]]
            network: Single | NetworkAverage | None = None
            if len(members) > 1:
                network = NetworkAverage(*zip(*members, strict=True))
            elif members:
                ((genotype, network, _),) = members
            elif genotype.choices.get(DECISION) != ():
                raise NaspError(f"{path}: the model has no network")
            if network is not None:
                network.to(device)
            biases, rated = body["biases"].cpu(), body["rated"].cpu()
            if len(biases) != sum(sizes):
                raise NaspError(f"{path}: {len(biases)} biases for {sum(sizes)} ids")
            if not ((rated >= 0) & (rated < torch.tensor(sizes[:2])[:, None])).all():
                raise NaspError(f"{path}: the model's ratings are of positions that are no ids")
            (mean, std), (lowest, highest) = body["scale"], body["range"]
            scale = Scale(mean, std, lowest, highest, body["transform"])
            more = _with_tuples(body["fitted_with"]), body["valid_rmse"]
            fitted = genotype, network, options, encoder, scale, biases, rated, *more
            sides = checked_sides(body["sides"], lambda n: _tables(network, n), sizes, path)
            model = InteractionModel(*fitted, sides=sides, sessions=sessions, device=device)
            model.cold = checked_cold(body.get("cold"), encoder, path)
            return model

        return read_model(Path(path), KIND, build, device)

    def _members(self) -> list[tuple[Genotype, Single, float]]:
        """Return the genotype, the network and the weight of each network."""
        if isinstance(self.network, NetworkAverage):
            return self.network.members()
        return [] if self.network is None else [(self.genotype, self.network, 1.0)]

    def _rate(self, positions: Tensor, sessions: Tensor | None = None) -> Tensor:
        """Return standardised predictions `(ratings,)`, on the CPU, for `(ratings, entities)`."""
        ratings = known_biases(positions, self.encoder.sizes, self.biases)
        if self.network is not None:
            rows = self._rows(positions, sessions)
            ratings[(positions >= 0).all(dim=1)] = predict(self.network.predictor(), rows).cpu()
        return ratings

    def _rows(self, positions: Tensor, sessions: Tensor | None) -> Tensor:
        """Return the network's rows of the ratings whose ids are all known."""
        known = (positions >= 0).all(dim=1)
        rows = table_rows(positions[known], self.encoder.sizes)
        if sessions is not None:
            rows = torch.cat([rows, sessions[known].unsqueeze(0)])
        return rows.to(self.device)

    def _sessions_of(self, frame: pd.DataFrame, users: np.ndarray) -> Tensor | None:
        """Return the session of each row of a table, by its column `timestamp`, if it has one."""
        if self.sessions is None:
            return None
        if "timestamp" not in frame:
            warnings.warn(
                "no column 'timestamp': ratings are predicted as at times without ratings of the "
                "user",
                stacklevel=3,
            )
            return None
        times = frame["timestamp"]
        dated = not pd.api.types.is_numeric_dtype(times.dtype)
        if dated:
            times = pd.to_datetime(times, utc=True).dt.tz_localize(None)
            times = times.astype("datetime64[us]").astype(np.int64)
        codes = self.sessions.bins.of(times.to_numpy(np.float64), dated)
        return torch.from_numpy(self.sessions.positions(users, codes))

    def _position(self, entity: int, value: Any) -> int:
        if entity == 1:
            return 0
        name, ids = self.encoder.columns[entity], self.encoder.ids[entity]
        position = int(find_ids([value], ids, name)[0])
        if position < 0:
            raise NaspError(
                f"{name} {value!r} has no rating in the training data: ask for one that has, "
                f"{ids[0]!s} for example"
            )
        return position


def _tables(network: Single | NetworkAverage | None, entity: int) -> list[Tensor]:
    """Return the tables whose rows are those of an entity's ids, `(..., rows, width)`."""
    if isinstance(network, NetworkAverage):
        return [table for _, one, _ in network.members() for table in _tables(one, entity)]
    if isinstance(network, PosteriorAverage):
        samples = network.samples()
        return [samples[number] for number in network.places_of(entity)]
    return [] if network is None else [network.embeddings.table]


def _with_newcomers(
    known: Single,
    genotype: Genotype,
    options: SpaceOptions,
    more: Newcomers,
    sizes: tuple[int, ...],
    encoder: Encoder,
    new: Sequence[Tensor],
    shares: Tensor,
) -> Single:
    """Return a network for more ids.

    Args:
        known: The network.
        genotype: Its genotype.
        options: Its options.
        more: The new ids.
        sizes: The numbers of known ids of each entity.
        encoder: All ids.
        new: Parameters of the new ids, `(..., new, width)`, for each of the network's tables.
        shares: The share of ratings of each known id of the entity, `(ids,)`.
    """
    if isinstance(known, PosteriorAverage):
        samples = known.samples()
        for number, parameters in zip(known.places_of(more.entity), new, strict=True):
            samples[number] = more.join(samples[number], parameters)
        return PosteriorAverage(genotype.choices[DECISION], encoder.sizes, samples)
    (parameters,) = new
    state = known.state_dict()
    table = state["embeddings.table"]
    state["embeddings.table"] = more.join_part(table, sizes, parameters)
    network = build_network(genotype, encoder.sizes, options, torch.Generator())
    network.load_state_dict(state)
    # New ids have no edges in the graph, so what edges add is the mean over ratings.
    first, count, dim = sum(sizes[: more.entity]), sizes[more.entity], network.embeddings.dim
    for name, encoded in known.encoded().items():
        own = (encoded - table[:, :dim])[first : first + count].cpu()
        network.stored[name] = more.join_part(encoded, sizes, parameters[:, :dim] + shares @ own)
    return network


def _with_tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options from a file, which holds lists in place of tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


def _member(
    state: Mapping[str, Any],
    sizes: tuple[int, ...],
    options: SpaceOptions,
    path: Path | str,
    sessions: Sessions | None,
) -> tuple[Genotype, Single, float]:
    """Return the genotype, the network and the weight of a network in a file."""
    genotype = Genotype.from_json(state["genotype"], str(path))
    if has_samples(state["network"]):
        samples = averaged_network(genotype, sizes, options, state["network"], path, sessions)
        return genotype, samples, state["weight"]
    network = build_network(genotype, sizes, options, torch.Generator())
    load_state(network, state["network"], path)
    network.stored = _encoded(state["encoded"], network, path)
    return genotype, network, state["weight"]


def averaged_network(
    genotype: Genotype,
    sizes: tuple[int, ...],
    options: SpaceOptions,
    samples: Mapping[str, Tensor],
    path: Path | str,
    sessions: Sessions | None = None,
) -> PosteriorAverage:
    """Make the average over samples of a genotype's weights from their state.

    Raises:
        NaspError: The samples are not those of such a genotype, or not finite.
    """
    terms = genotype.choices.get(DECISION, ())
    known = functions(len(sizes))
    if not terms or not all(name in known and is_multilinear(known[name]) for _, name in terms):
        raise NaspError(f"{path}: {genotype} has no samples of its weights")
    rows = [*sizes, *([] if sessions is None else [len(sessions)])]
    shapes = [(size + 1, options.embedding_dim + 1) for _ in terms for size in rows]
    found = list(samples.values())
    count = len(found[0])
    expected = [(count, *shape) for shape in shapes]
    if count < 1 or [tuple(values.shape) for values in found] != expected:
        raise NaspError(f"{path}: the samples do not have the shapes {expected}")
    if not all(bool(values.isfinite().all()) for values in found):
        raise NaspError(f"{path}: the samples are not finite")
    return PosteriorAverage(terms, sizes, found)


def _encoded(
    tables: Mapping[str, Tensor], network: InteractionSpace, path: Path | str
) -> dict[str, Tensor]:
    """Return the tables of encodings of a saved model.

    Raises:
        NaspError: They are not those of the network's encoders, or not finite.
    """
    table = network.embeddings.table.detach()
    needed = [name for name in network.encoders if ENCODERS[name].needs_graph]
    shape = len(table), network.embeddings.dim
    if set(tables) != set(needed) or any(values.shape != shape for values in tables.values()):
        raise NaspError(f"{path}: the model has not one table of encodings {shape} for {needed}")
    if not all(bool(values.isfinite().all()) for values in tables.values()):
        raise NaspError(f"{path}: the model's encodings are not finite")
    return {name: values.to(table.device) for name, values in tables.items()}
