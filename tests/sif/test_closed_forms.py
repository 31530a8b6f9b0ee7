"""Closed forms: their contract, and each against a plain reference."""

from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from nasp.errors import NaspError
from sif import user_items
from sif.closed_forms import CLOSED_FORMS, als
from sif.closed_forms.average import average
from sif.closed_forms.base import matrix_of
from sif.evaluation.ranking import evaluate_ranking
from sif.testing import ClosedFormContract, small_pairs
from sif.user_items import UserItems

PERSONAL = [name for name in CLOSED_FORMS if name != "popularity"]


def random_pairs(users: int, items: int, share: float = 0.4) -> UserItems:
    cells = torch.rand(users, items, generator=torch.Generator().manual_seed(1)) < share
    return UserItems.of(*cells.nonzero().T, (users, items))


def dense(pairs: UserItems) -> Tensor:
    return torch.from_numpy(matrix_of(pairs).toarray()).double()


def fit(name: str, pairs: UserItems, **options: Any) -> Any:
    model = CLOSED_FORMS[name]
    return model.fit(pairs, model.Options(**options), torch.Generator().manual_seed(0))


class TestClosedForms(ClosedFormContract):
    @pytest.fixture(params=list(CLOSED_FORMS))
    def closed_form(self, request: pytest.FixtureRequest) -> Any:
        return CLOSED_FORMS[request.param]


@pytest.mark.parametrize("name", PERSONAL)
def test_what_others_of_the_same_taste_have_is_recommended(name: str) -> None:
    """For known users, and for a new one; items 0, 2, 4 … are of one taste."""
    pairs = small_pairs()
    model = fit(name, pairs)
    new = UserItems.of(torch.tensor([0, 0, 1]), torch.tensor([2, 6, 5]), (2, 12))
    for lists in (pairs.take(torch.arange(29)), new):
        scores = model.score_lists(lists)
        scores[lists.users(), lists.items] = -torch.inf
        best = scores.argmax(1)
        assert torch.equal(best % 2, lists.items[lists.starts[:-1]] % 2)


def test_popularity_counts_users() -> None:
    pairs = small_pairs()
    assert torch.equal(fit("popularity", pairs).score_lists(pairs)[3], dense(pairs).sum(0).float())


@pytest.mark.parametrize(
    "options", [{}, {"dropout": 0.3}, {"user_exponent": 0.5}, {"weight_decay": 0.1, "dropout": 0.7}]
)
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(options: dict[str, float]) -> None:
    options = {"weight_decay": 2.0, "dropout": 0.0, "user_exponent": 0.0, **options}
    pairs = random_pairs(20, 7)
    x = dense(pairs)
    weight = x.sum(1).clamp(min=1) ** -options["user_exponent"]
    rate = options["dropout"]
    gram = x.T @ (x * weight[:, None])
    penalty = options["weight_decay"] + rate / (1 - rate) * gram.diagonal()
    expected = torch.zeros(7, 7).double()
    for item in range(7):
        others = [n for n in range(7) if n != item]
        left = gram[others][:, others] + penalty[others].diag()
        expected[others, item] = torch.linalg.solve(left, gram[others, item])
    found = fit("ease", pairs, **options).score_lists(pairs).double()
    torch.testing.assert_close(found, x @ expected, atol=1e-5, rtol=1e-4)


def test_ease_says_when_the_catalogue_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**20))
    fit("ease", random_pairs(5, 200))
    with pytest.raises(NaspError, match=r"210 × 210 items, and .* choose graph_filter"):
        fit("ease", random_pairs(5, 210))


@pytest.mark.parametrize("count_exponent", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("block", [1, 1 << 22])
def test_als_minimises_its_loss(
    count_exponent: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient of the documented loss vanishes at the solved rows."""
    monkeypatch.setattr(user_items, "BLOCK", block)
    options = als.ALSOptions(weight_decay=0.3, count_exponent=count_exponent)
    pairs = random_pairs(11, 6)
    pairs = UserItems.of(pairs.users(), pairs.items, (12, 6))  # the last row is empty
    fixed = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).double()
    rows = als.solve_rows(pairs, fixed, 0.2, options).requires_grad_()
    x, predicted = dense(pairs), rows @ fixed.T
    cells = (x.sum(1) + 0.2 * 6) ** count_exponent
    loss = (x * (predicted - 1) ** 2).sum() + 0.2 * predicted.square().sum()
    loss = loss + 0.3 * (cells * rows.square().sum(1)).sum()
    (gradient,) = torch.autograd.grad(loss, rows)
    assert gradient.abs().max() < 1e-6
    assert rows[:11].abs().min() > 1e-6


def test_als_sweeps_lower_its_loss_and_its_weight_is_relative_to_the_pairs() -> None:
    """The loss of items and users together, with the weight of a cell from that of all cells."""
    pairs = random_pairs(20, 9)
    x = dense(pairs)
    cell = 3.0 * len(pairs.items) / (20 * 9)

    def loss(sweeps: int) -> float:
        options = {"dim": 3, "unobserved_weight": 3.0, "weight_decay": 0.1, "count_exponent": 0.0}
        model = fit("implicit_als", pairs, sweeps=sweeps, **options)
        items, predicted = model.tensors["items"].double(), model.score_lists(pairs).double()
        users = als.solve_rows(pairs, items, cell, model.options)
        torch.testing.assert_close(users @ items.T, predicted, atol=1e-4, rtol=1e-4)
        norms = users.square().sum() + items.square().sum()
        errors = (x * (predicted - 1) ** 2).sum() + cell * predicted.square().sum()
        return float(errors + 0.1 * norms)

    losses = [loss(sweeps) for sweeps in (1, 2, 4, 16)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.1


def test_features_of_items_are_further_rows_of_ease() -> None:
    pairs, random = random_pairs(20, 7), torch.Generator().manual_seed(0)
    features = torch.randint(2, (7, 3), generator=random).float()
    model = CLOSED_FORMS["ease"]
    options = model.Options(weight_decay=2.0, dropout=0.3, user_exponent=0.5, feature_weight=4.0)
    found = model.fit(pairs, options, torch.Generator(), csr_array(features.numpy()))
    x = dense(pairs)
    rows = torch.cat([x * x.sum(1, keepdim=True).clamp(min=1) ** -0.25, 2 * features.T.double()])
    penalty = 2.0 + 0.3 / 0.7 * rows[:20].square().sum(0)
    inverse = torch.linalg.inv(rows.T @ rows + penalty.diag())
    expected = torch.eye(7) - inverse / inverse.diagonal()
    torch.testing.assert_close(found.tensors["weights"].double(), expected, atol=1e-5, rtol=1e-4)
    plain = model.fit(pairs, options, torch.Generator())
    assert not torch.allclose(found.tensors["weights"], plain.tensors["weights"], atol=1e-3)


@pytest.mark.parametrize("options", [{"neighbours": 3}, {"shrinkage": 0.0}, {"user_exponent": 1.0}])
def test_neighbours_are_the_most_similar_items(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sif.closed_forms.neighbours.BLOCK", 20)
    options = {"neighbours": 4, "shrinkage": 1.5, **options}
    pairs = random_pairs(20, 9)
    x = dense(pairs)
    weight = x.sum(1).clamp(min=1) ** -options.get("user_exponent", 0.0)
    common = x.T @ (x * weight[:, None])
    norms = common.diagonal().sqrt()
    similar = common / (norms[:, None] * norms + options["shrinkage"])
    similar.fill_diagonal_(0)
    expected = torch.zeros(20, 9).double()
    for item in range(9):
        nearest = similar[item].argsort(descending=True)[: options["neighbours"]]
        expected[:, item] = x[:, nearest] @ similar[item, nearest]
    found = fit("item_neighbours", pairs, **options).score_lists(pairs).double()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("low_pass", [0.0, 0.4])
@pytest.mark.parametrize("sharpen", [0.0, 0.7])
@pytest.mark.parametrize("rank", [3, 9, 50])
def test_the_graph_filter_is_its_formula(rank: int, low_pass: float, sharpen: float) -> None:
    pairs = random_pairs(20, 9)
    exponents = {"user_exponent": 0.3, "item_exponent": 0.6}
    ends = {"input_exponent": 0.1, "output_exponent": -0.2}
    x = dense(pairs)
    graph = (x.sum(1) ** -0.3)[:, None] * x * x.sum(0) ** -0.6
    _, values, vectors = torch.linalg.svd(graph, full_matrices=False)
    power = (values / values[0]) ** 2
    response = power.clone()
    response[:rank] = ((power + low_pass) * (1 - sharpen * power))[:rank]
    expected = (x * x.sum(0) ** -0.1) @ (vectors.T * response) @ vectors * x.sum(0) ** -0.2
    options = {**exponents, **ends, "rank": rank, "low_pass": low_pass, "sharpen": sharpen}
    found = fit("graph_filter", pairs, **options).score_lists(pairs).double()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ease", {"weight_decay": 0.0}, "weight_decay is 0"),
        ("ease", {"dropout": 1.0}, "must be below 1"),
        ("implicit_als", {"dim": 0}, "dim is 0"),
        ("implicit_als", {"dim": 2.5}, "must be int"),
        ("item_neighbours", {"shrinkage": -1.0}, "shrinkage is -1"),
        ("graph_filter", {"rank": 0}, "rank is 0"),
    ],
)
def test_options_are_checked(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(NaspError, match=message):
        CLOSED_FORMS[name].Options(**options)


def test_an_average_does_not_depend_on_units() -> None:
    pairs = random_pairs(20, 30)
    one, other = (fit(name, pairs).scorer(pairs) for name in ("ease", "graph_filter"))
    users = torch.arange(20)
    found = average([one, lambda u: 7 * other(u) - 3], [1.0, 0.5])(users)
    plain = average([one, other], [1.0, 0.5])(users)
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=1e-4)
    deviations = [s(users).std(1, correction=0, keepdim=True) for s in (one, other)]
    means = [s(users).mean(1, keepdim=True) for s in (one, other)]
    expected = (one(users) - means[0]) / deviations[0]
    expected = expected + 0.5 * (other(users) - means[1]) / deviations[1]
    torch.testing.assert_close(plain, expected, atol=1e-4, rtol=1e-4)
    constant = average([lambda u: torch.full((len(u), 30), 2.0)], [1.0])(users)
    assert torch.equal(constant, torch.zeros(20, 30))


def test_held_out_items_are_found_better_than_by_popularity() -> None:
    """With all models on the users' second halves."""
    pairs = small_pairs()
    place = torch.arange(len(pairs.items)) - pairs.starts[pairs.users()]
    parts = [
        UserItems.of(pairs.users()[at], pairs.items[at], pairs.shape)
        for at in (place < 2, place >= 2)
    ]
    values = {
        name: evaluate_ranking(fit(name, parts[0]).scorer(parts[0]), *parts)["ndcg_10"]
        for name in CLOSED_FORMS
    }
    assert all(values[name] > values["popularity"] for name in PERSONAL), values
