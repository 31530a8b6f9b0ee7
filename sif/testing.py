"""Contract tests for your own baselines, closed forms and objectives.

Inherit from a contract in your test file, and override its fixtures. This needs pytest.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.training.optimization import descend
from sif.baselines import Baseline
from sif.baselines.fit import fit_baseline
from sif.baselines.machines import FM
from sif.data import Synthetic, synthetic
from sif.data.search_data import SearchData
from sif.fit import adagrad
from sif.nn.embeddings import RatingBatch
from sif.objectives import rating_loss
from sif.options import TrainOptions
from sif.user_items import UserItems

USERS, ITEMS = 12, 9


@cache
def small_data(entities: int) -> SearchData:
    """Make 60 training ratings and 30 validation ratings; every id has a training rating.

    Args:
        entities: Number of entities: users, items, and contexts of three values.
    """
    frame = synthetic(Synthetic(users=USERS, items=ITEMS, ratings=90), seed=0)
    generator = np.random.default_rng(0)
    for n in range(entities - 2):
        frame[f"context{n}"] = generator.integers(3, size=len(frame))
    return SearchData.from_splits(frame[:60], frame[60:])


class BaselineContract:
    """Tests of a baseline. Inherit from it, and override the fixture `baseline`.

    Attributes:
        baseline: Fixture: the baseline's class.
        entities: Fixture: number of entities of the ratings; the smallest possible by default.
    """

    @pytest.fixture
    def baseline(self) -> Any:
        """The baseline's class, see `sif.baselines.Baseline`."""
        raise NotImplementedError("override the fixture `baseline`")

    @pytest.fixture
    def entities(self, baseline: Any) -> int:
        """Number of entities of the ratings."""
        least: int = baseline.least
        return least

    @pytest.mark.parametrize("biases", [True, False])
    @pytest.mark.parametrize("dim", [1, 5])
    def test_its_ratings_and_what_it_looked_up_have_their_shapes(
        self, baseline: Any, entities: int, biases: bool, dim: int
    ) -> None:
        """For several lengths of embeddings, with and without biases, and for no ratings."""
        rows = small_data(entities).train.rows
        model = make_baseline(baseline, entities, TrainOptions(embedding_dim=dim, biases=biases))
        rating, looked_up = model.rate(rows)
        assert rating.shape == (rows.shape[1],)
        assert looked_up.shape[0] >= entities
        assert looked_up.shape[1] == rows.shape[1]
        assert rating.isfinite().all()
        empty, _ = model.rate(rows[:, :0])
        assert empty.shape == (0,)

    @pytest.mark.parametrize("penalty", ["per_id", "squared", "norm"])
    def test_its_loss_falls_and_each_parameter_is_trained(
        self, baseline: Any, entities: int, penalty: Literal["per_id", "squared", "norm"]
    ) -> None:
        """In 30 steps on all ratings, with each penalty."""
        options = TrainOptions(embedding_dim=3, penalty=penalty, weight_decay=1e-3)
        model, train = make_baseline(baseline, entities, options), small_data(entities).train
        parameters = list(model.parameters())
        optimizer = adagrad([{"params": parameters}], options)
        losses = []
        for _ in range(30):
            (batch,) = train.batches(len(train.ratings), torch.Generator())
            counts = batch.inverse_counts
            objective = rating_loss(model(batch), batch.ratings, options, counts)
            losses.append(float(objective.detach()))
            descend(objective, parameters, optimizer)
            model.constrain()
        assert torch.tensor(losses).isfinite().all()
        assert losses[-1] < 0.95 * losses[0]
        assert all(p.grad is not None for p in parameters), "a parameter that is not used"

    def test_the_same_seed_trains_the_same_model(self, baseline: Any, entities: int) -> None:
        """Another seed trains another model, and no global random number is drawn."""

        def trained(seed: int) -> dict[str, Tensor]:
            generator = torch.Generator().manual_seed(seed)
            data = small_data(entities)
            model = baseline(data, OPTIONS, generator)
            fit_baseline(
                "baseline", model, data, OPTIONS, epochs=2, generator=generator, run=RunContext()
            )
            state: dict[str, Tensor] = model.state_dict()
            return state

        torch.manual_seed(1)
        state = torch.get_rng_state()
        first = trained(0)
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(2)
        again, other = trained(0), trained(1)
        assert all(torch.equal(first[key], again[key]) for key in first)
        assert not all(torch.equal(first[key], other[key]) for key in first)

    def test_its_state_is_the_whole_model(self, baseline: Any, entities: int) -> None:
        """A model that loads the state of another model predicts the same ratings."""
        rows = small_data(entities).valid.rows
        one, other = (make_baseline(baseline, entities, seed=seed) for seed in (0, 1))
        assert not torch.equal(one.rate(rows)[0], other.rate(rows)[0])
        other.load_state_dict(one.state_dict())
        assert torch.equal(one.rate(rows)[0], other.rate(rows)[0])

    def test_the_penalty_covers_what_was_looked_up(self, baseline: Any, entities: int) -> None:
        """It covers the embeddings and biases of the ratings' entities first, then all others."""
        model, train = make_baseline(baseline, entities), small_data(entities).train
        rating, looked_up = model(RatingBatch(train.rows, train.ratings))
        assert torch.equal(rating, model.rate(train.rows)[0])
        assert torch.equal(looked_up[:entities], model.embeddings.look_up(train.rows))
        error = (rating - train.ratings).square().mean()
        penalty = looked_up.square().sum() / len(rating)
        found = rating_loss((rating, looked_up), train.ratings, OPTIONS)
        torch.testing.assert_close(found, error + OPTIONS.weight_decay * penalty)

    def test_batches_do_not_matter(self, baseline: Any, entities: int) -> None:
        """The prediction of a rating does not depend on its batch."""
        model, rows = make_baseline(baseline, entities), small_data(entities).train.rows
        parts = torch.cat([model.rate(part)[0] for part in torch.split(rows, 7, dim=1)])
        assert torch.allclose(model.rate(rows)[0], parts, atol=1e-6)

    def test_its_constraints_are_projections(self, baseline: Any, entities: int) -> None:
        """Initial values satisfy the constraints, and applying them twice changes nothing."""
        model = make_baseline(baseline, entities)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        model.constrain()
        for key, value in model.state_dict().items():
            assert torch.allclose(value, before[key], atol=1e-6), f"{key} starts outside"
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(100)
        model.constrain()
        once = {key: value.clone() for key, value in model.state_dict().items()}
        model.constrain()
        assert all(torch.allclose(once[k], v, atol=1e-6) for k, v in model.state_dict().items())

    def test_it_takes_the_entities_that_it_says(self, baseline: Any) -> None:
        """It refuses other numbers of entities in one line."""
        for entities in (2, 3, 4):
            if baseline.takes(entities):
                rows = small_data(entities).train.rows
                assert make_baseline(baseline, entities).rate(rows)[0].isfinite().all()
            else:
                with pytest.raises(NaspError, match=f"takes .* entities, .* have {entities}"):
                    make_baseline(baseline, entities)


@cache
def small_pairs() -> UserItems:
    """Make pairs of 30 users and 12 items, of two tastes.

    Users and items 0, 2, 4 … have one taste, the others the other one. A user has half of the
    items of the own taste. Item 11 has no user, user 29 has no item.
    """
    generator = torch.Generator().manual_seed(0)
    rows = [
        (user, user % 2 + 2 * int(place))
        for user in range(29)
        for place in torch.randperm(6, generator=generator)[:3]
    ]
    users, items = torch.tensor([pair for pair in rows if pair[1] != 11]).T
    return UserItems.of(users, items, (30, 12))


class ClosedFormContract:
    """Tests of a closed form. Inherit from it, and override the fixture `closed_form`.

    Attributes:
        closed_form: Fixture: the closed form's class.
        options: Fixture: its options; the defaults by default.
    """

    @pytest.fixture
    def closed_form(self) -> Any:
        """The closed form's class, see `sif.closed_forms.ClosedForm`."""
        raise NotImplementedError("override the fixture `closed_form`")

    @pytest.fixture
    def options(self, closed_form: Any) -> Any:
        """An instance of the closed form's `Options`."""
        return closed_form.Options()

    @pytest.fixture
    def model(self, closed_form: Any, options: Any) -> Any:
        """A model of `small_pairs`."""
        return closed_form.fit(small_pairs(), options, torch.Generator().manual_seed(0))

    def test_it_scores_each_item_for_each_list(self, model: Any) -> None:
        """Also for lists without items, and for no list."""
        pairs = small_pairs()
        scores = model.score_lists(pairs)
        assert scores.shape == pairs.shape
        assert scores.dtype == torch.float32
        assert scores.isfinite().all()
        nobody = torch.arange(0)
        assert model.score_lists(pairs.take(nobody)).shape == (0, 12)
        asked = model.scorer(pairs)(torch.tensor([3, 0]))
        torch.testing.assert_close(asked, scores[[3, 0]], atol=1e-6, rtol=1e-5)

    def test_a_list_is_scored_alone(self, model: Any) -> None:
        """The scores of a list do not depend on the other lists."""
        pairs = small_pairs()
        together = model.score_lists(pairs)
        for user in (0, 7, 29):
            alone = model.score_lists(pairs.take(torch.tensor([user])))
            torch.testing.assert_close(alone[0], together[user], atol=1e-6, rtol=1e-5)

    def test_the_same_seed_fits_the_same_model(self, closed_form: Any, options: Any) -> None:
        """No global random number is drawn, and the pairs are not changed."""
        pairs = small_pairs()
        before = [pairs.starts.clone(), pairs.items.clone()]
        state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
        one, other = (
            closed_form.fit(pairs, options, torch.Generator().manual_seed(0)) for _ in range(2)
        )
        assert torch.equal(one.score_lists(pairs), other.score_lists(pairs))
        assert torch.equal(torch.get_rng_state(), state)
        assert (np.random.get_state()[1] == numpy_state).all()  # type: ignore[index]
        assert torch.equal(pairs.starts, before[0])
        assert torch.equal(pairs.items, before[1])

    def test_its_tensors_are_the_whole_model(
        self, closed_form: Any, options: Any, model: Any, tmp_path: Path
    ) -> None:
        """A model that is made of saved tensors has the same scores."""
        torch.save(model.tensors, tmp_path / "model.pt")
        tensors = torch.load(tmp_path / "model.pt", weights_only=True)
        loaded = closed_form(options, tensors)
        assert torch.equal(loaded.score_lists(small_pairs()), model.score_lists(small_pairs()))

    def test_it_refuses_no_pairs(self, closed_form: Any, options: Any) -> None:
        """It says so in one line."""
        nothing = small_pairs().take(torch.tensor([29]))
        with pytest.raises(NaspError, match="no training pairs"):
            closed_form.fit(nothing, options, torch.Generator())


class ObjectiveContract:
    """Tests of an objective. Inherit from it, and override the fixture `objective`.

    Attributes:
        objective: Fixture: the objective.
        ratings: Fixture: ratings, `(ratings,)`; normal numbers by default.
    """

    @pytest.fixture
    def objective(self) -> Any:
        """The objective, see `sif.objectives`."""
        raise NotImplementedError("override the fixture `objective`")

    @pytest.fixture
    def ratings(self) -> Tensor:
        """Ratings, float64 `(ratings,)`."""
        return torch.randn(12, generator=torch.Generator().manual_seed(0)).double()

    @pytest.fixture
    def predictions(self, ratings: Tensor) -> Tensor:
        """Wrong predictions, float64 `(ratings,)`."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(len(ratings), generator=generator).double()

    def test_it_is_a_finite_scalar(
        self, objective: Any, predictions: Tensor, ratings: Tensor
    ) -> None:
        """It has the dtype of the predictions, and the arguments are not changed."""
        for dtype in (torch.float32, torch.float64):
            arguments = predictions.to(dtype), ratings.to(dtype)
            before = [argument.clone() for argument in arguments]
            value = objective(*arguments)
            assert value.shape == ()
            assert value.dtype == dtype
            assert value.isfinite()
            assert all(torch.equal(*pair) for pair in zip(arguments, before, strict=True))

    def test_each_prediction_has_a_gradient(
        self, objective: Any, predictions: Tensor, ratings: Tensor
    ) -> None:
        """The gradient is finite, and the derivative of the value."""
        x = predictions.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(objective(x, ratings), x)
        assert gradient.isfinite().all()
        assert (gradient != 0).all()
        assert torch.autograd.gradcheck(lambda p: objective(p, ratings), x)

    def test_a_step_against_the_gradient_lowers_it(
        self, objective: Any, predictions: Tensor, ratings: Tensor
    ) -> None:
        """The objective is to be minimised."""
        x = predictions.clone().requires_grad_()
        value = objective(x, ratings)
        (gradient,) = torch.autograd.grad(value, x)
        assert objective(predictions - 1e-3 * gradient, ratings) < value

    def test_the_order_of_the_batch_does_not_matter(
        self, objective: Any, predictions: Tensor, ratings: Tensor
    ) -> None:
        """The value is the same for any order of the ratings."""
        order = torch.randperm(len(ratings), generator=torch.Generator().manual_seed(2))
        shuffled = objective(predictions[order], ratings[order])
        torch.testing.assert_close(shuffled, objective(predictions, ratings))

    def test_it_is_the_mean_over_the_batch(
        self, objective: Any, predictions: Tensor, ratings: Tensor
    ) -> None:
        """It is the mean of its values for single ratings."""
        pairs = zip(torch.split(predictions, 1), torch.split(ratings, 1), strict=True)
        alone = torch.stack([objective(*pair) for pair in pairs])
        torch.testing.assert_close(objective(predictions, ratings), alone.mean())

    def test_it_draws_nothing_at_random(
        self, objective: Any, predictions: Tensor, ratings: Tensor
    ) -> None:
        """Equal arguments have equal values."""
        before = torch.get_rng_state()
        first, second = (objective(predictions, ratings) for _ in range(2))
        assert torch.equal(first, second)
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_model_learns_by_it(self, objective: Any, ratings: Tensor) -> None:
        """The mean loss of a model falls on training data with these ratings."""
        model, rows = make_baseline(FM, 2), small_data(2).train.rows[:, : len(ratings)]
        truth, parameters = ratings.float(), list(model.parameters())
        optimizer = adagrad([{"params": parameters}], OPTIONS)
        losses = []
        for _ in range(30):
            value = objective(model.rate(rows)[0], truth)
            losses.append(float(value.detach()))
            descend(value, parameters, optimizer)
        assert losses[-1] < 0.9 * losses[0]


OPTIONS = TrainOptions(embedding_dim=3, batch_size=16, penalty="squared", weight_decay=0.05)


def make_baseline(
    baseline: Any, entities: int, options: TrainOptions = OPTIONS, seed: int = 0
) -> Baseline:
    """Make a baseline for `small_data(entities)`, with new weights."""
    model: Baseline = baseline(small_data(entities), options, torch.Generator().manual_seed(seed))
    return model
