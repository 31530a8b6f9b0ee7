"""Draws have the distributions of their formulas, and the chain finds planted parameters."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from sif.posterior import gibbs
from sif.posterior.gibbs import Block, GibbsSampler, predict
from sif.posterior.hyperprior import (
    draw_chi_squared,
    draw_mean_and_precision,
    draw_normal,
    draw_precision,
    draw_wishart,
)
from sif.posterior.side_information import Entries, SideInformation

DRAWS = 1000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def product(encodings: Sequence[Tensor]) -> Tensor:
    return (encodings[0] * encodings[1]).sum(-1)


def test_chi_squared_wishart_and_normal_draws_have_their_moments() -> None:
    random = seeded()
    chi = torch.tensor([draw_chi_squared(7, random) for _ in range(DRAWS)])
    assert float(chi.mean()) == pytest.approx(7, rel=0.05)
    assert float(chi.var()) == pytest.approx(14, rel=0.25)
    scale = torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=torch.float64)
    drawn = torch.stack([draw_wishart(scale, 5, random) for _ in range(DRAWS)])
    torch.testing.assert_close(drawn.mean(0), 5 * scale, rtol=0.1, atol=0.2)
    rows = draw_normal(torch.linalg.inv(scale), 20_000, random)
    torch.testing.assert_close(rows.T.cov(), scale, rtol=0.05, atol=0.05)


def test_precision_mean_and_covariance_follow_many_observations() -> None:
    random = seeded()
    values = 0.5 * torch.randn(5000, generator=random, dtype=torch.float64)
    squares = float(values.square().sum())
    assert draw_precision(squares, 5000, random) == pytest.approx(4, rel=0.1)
    covariance = torch.tensor([[1.0, 0.3], [0.3, 0.5]], dtype=torch.float64)
    rows = draw_normal(torch.linalg.inv(covariance), 20_000, random).float() + 3.0
    mean, precision = draw_mean_and_precision(rows, None, random)
    torch.testing.assert_close(mean, torch.tensor([3.0, 3.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(
        torch.linalg.inv(precision), covariance.float(), atol=0.05, rtol=0.05
    )


@pytest.mark.parametrize("block", [1, 200, 1 << 20])
def test_each_rating_is_in_one_group_of_its_row(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gibbs, "BLOCK", block)
    rows = torch.randint(40, (500,), generator=seeded()).square() // 40  # many, few and no ratings
    seen, drawn = [], []
    for part in Block(0, rows, 41, 3, None, seeded()).parts:
        drawn += part.rows.tolist()
        assert (rows[part.ratings] == part.rows[part.of]).all()
        seen += part.ratings.tolist()
        first = 0
        for count, places in part.groups:
            for row, positions in enumerate(places, first):
                there = positions[positions < len(part.ratings)]
                assert there.tolist() == (part.of == row).nonzero()[:, 0].tolist()
            first += count
    assert sorted(drawn) == list(range(41))
    assert sorted(seen) == list(range(500))


def test_a_draw_of_rows_has_the_normal_posterior_of_a_regression() -> None:
    """Many users rate the same items alike; the items' encodings and all precisions are fixed."""
    random, users, items = seeded(1), 20_000, 6
    design, ratings = torch.randn(items, 2, generator=random), torch.randn(items, generator=random)
    pairs = torch.cartesian_prod(torch.arange(users), torch.arange(items)).T
    user = Block(0, pairs[0], users, 3, None, random)
    item = Block(1, pairs[1], items, 3, None, random)
    item.values = torch.cat([design, 0.1 * torch.arange(items).unsqueeze(1)], dim=1)
    user.mean = torch.tensor([0.5, -0.5, 0.1])
    user.precision = torch.diag(torch.tensor([1.0, 2.0, 4.0]))
    sampler = GibbsSampler(product, 2, [user, item], pairs, ratings.repeat(users), random)
    sampler.precision = 1.5
    sampler._draw(0, user)
    x = torch.cat([design, torch.ones(items, 1)], dim=1)
    precision = user.precision + 1.5 * x.T @ x
    target = ratings - item.values[:, 2]
    mean = torch.linalg.solve(precision, user.precision @ user.mean + 1.5 * x.T @ target)
    torch.testing.assert_close(user.values.mean(0), mean, atol=0.02, rtol=0)
    covariance = torch.linalg.inv(precision)
    torch.testing.assert_close(user.values.T.cov(), covariance, atol=0.01, rtol=0.05)


def test_side_information_is_drawn_from_the_posterior_of_its_regression() -> None:
    random = seeded(2)
    features = (torch.rand(8, 3, generator=random) < 0.6).float()
    row, column = features.nonzero().T
    side = SideInformation([Entries(row, column, features[row, column], 3)], 8, 2)
    values = torch.randn(8, 2, generator=random)
    precision = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    drawn = []
    for _ in range(DRAWS):
        side.precision = torch.tensor([0.7])
        side.draw(values, precision, random)
        drawn.append(side.weights.clone())
    torch.testing.assert_close(side.mean(), features @ side.weights)
    gram = features.T @ features + 0.7 * torch.eye(3)
    found = torch.stack(drawn)
    expected = torch.linalg.solve(gram, features.T @ values)
    torch.testing.assert_close(found.mean(0), expected, atol=0.12, rtol=0)
    # The rows of the weights have the covariance of the inverse Gram matrix, times that of rows.
    spread = torch.kron(torch.linalg.inv(gram), torch.linalg.inv(precision))
    torch.testing.assert_close(found.flatten(1).T.cov(), spread, atol=0.1, rtol=0.3)


def planted(users: int = 40, items: int = 30, noise: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    """All pairs `(2, pairs)`, their means by a product and biases, and noisy ratings."""
    random = seeded(3)
    u, i = torch.randn(users, 2, generator=random), torch.randn(items, 2, generator=random)
    pairs = torch.cartesian_prod(torch.arange(users), torch.arange(items)).T
    mean = (u[pairs[0]] * i[pairs[1]]).sum(1) + 0.5 * u[pairs[0], 0]
    return pairs, mean, mean + noise * torch.randn(len(mean), generator=random)


def chain(pairs: Tensor, ratings: Tensor, seed: int = 0) -> GibbsSampler:
    random = seeded(seed)
    blocks = [Block(e, pairs[e], int(pairs[e].max()) + 1, 4, None, random) for e in (0, 1)]
    return GibbsSampler(product, 2, blocks, pairs, ratings, random)


def test_the_average_of_a_chain_finds_planted_factors_and_noise() -> None:
    pairs, mean, ratings = planted()
    train = torch.rand(len(mean), generator=seeded(4)) < 0.5
    sampler = chain(pairs[:, train], ratings[train])
    total = torch.zeros(len(mean))
    for sweep in range(120):
        sampler.sweep()
        if sweep >= 40:
            total += predict(product, sampler.sample(), range(2), pairs)
    error = (total / 80 - mean)[~train]
    assert float(error.square().mean().sqrt()) < 0.25  # the planted values deviate by 1.2
    assert sampler.precision == pytest.approx(1 / 0.3**2, rel=0.25)


def test_a_chain_is_fixed_by_its_seed_and_goes_on_from_its_state() -> None:
    pairs, _, ratings = planted(8, 6)
    first, again, other = (chain(pairs, ratings, seed) for seed in (0, 0, 1))
    for sampler in (first, again, other):
        sampler.sweep()
    assert torch.equal(first.sample().blocks[0], again.sample().blocks[0])
    assert not torch.equal(first.sample().blocks[0], other.sample().blocks[0])
    state, random = first.state_dict(), first._generator.get_state()
    other.load_state_dict(state)
    other._generator.set_state(random)
    first.sweep()
    other.sweep()
    for one, two in zip(first.sample().blocks, other.sample().blocks, strict=True):
        assert torch.equal(one, two)
    assert first.precision == other.precision
