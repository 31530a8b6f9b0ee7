"""Each model computes its paper's formula, checked rating by rating."""

from itertools import combinations
from math import sqrt

import pytest
import torch
from torch import Tensor

from sif.baselines import BASELINES, Baseline, baselines_of
from sif.baselines.convncf import ConvNCF
from sif.baselines.deep import NCF, DeepWide
from sif.baselines.svdpp import SVDpp
from sif.options import TrainOptions
from sif.testing import USERS, small_data

DIM = 4


def made(name: str, entities: int = 2, *, biases: bool = True, moved: bool = True) -> Baseline:
    """Make a model and move its parameters away from their initial values."""
    generator = torch.Generator().manual_seed(0)
    options = TrainOptions(embedding_dim=DIM, biases=biases)
    model = BASELINES[name](small_data(entities), options, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if moved:
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return model


def vectors(model: Baseline, rows: Tensor) -> tuple[list[Tensor], Tensor]:
    """Return the embeddings of a rating, and the sum of its biases, 0 if there are none."""
    dim = model.embeddings.dim
    looked_up = model.embeddings.table[rows]
    bias = torch.zeros(())
    if looked_up.shape[1] > dim:
        bias = looked_up[:, dim].sum() + model.embeddings.bias
    return list(looked_up[:, :dim]), bias


def plain(name: str, model: Baseline, e: list[Tensor]) -> Tensor:
    """Compute the interaction of embeddings, without biases."""
    p = dict(model.named_parameters())
    if name in ("mf", "cp"):
        return torch.stack(e).prod(0).sum() / sqrt(DIM)
    if name == "outer":
        return torch.outer(e[0], e[1]).flatten() @ p["trained"].flatten()
    if name == "convolution":
        if len(e) == 3:
            e = [_convolved(e[0], e[1]), e[2]]
        return p["head"] @ _convolved(e[0], e[1]) / sqrt(DIM)
    if name == "tucker":
        return torch.einsum("ijk,i,j,k", p["trained"], *e)
    if name == "fm":
        return sum(a @ b for a, b in combinations(e, 2)) / sqrt(DIM)
    if name == "hofm":
        second, third = zip(*(v.split(DIM) for v in e), strict=True)
        two = sum(a @ b for a, b in combinations(second, 2))
        three = sum((a * b * c).sum() for a, b, c in combinations(third, 3))
        return (two + three) / sqrt(DIM)
    if name == "cml":
        return p["constant"] - ((e[0] - e[1]) ** 2).sum() / sqrt(DIM)
    raise AssertionError(name)


def _convolved(u: Tensor, v: Tensor) -> Tensor:
    return torch.stack([sum(u[i] * v[(k - i) % DIM] for i in range(DIM)) for k in range(DIM)])


PLAIN = ("mf", "cp", "outer", "convolution", "tucker", "fm", "hofm", "cml")


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize(
    ("name", "entities"),
    [(name, n) for n in (2, 3) for name in PLAIN if name in baselines_of(n)],
)
def test_a_rating_is_the_formula(name: str, entities: int, biases: bool) -> None:
    model = made(name, entities, biases=biases)
    rows = small_data(entities).train.rows[:, :8]
    rating, _ = model.rate(rows)
    for i in range(rows.shape[1]):
        embeddings, bias = vectors(model, rows[:, i])
        assert torch.allclose(rating[i], plain(name, model, embeddings) + bias, atol=1e-5)


def test_biases_are_part_of_some_models_whatever_the_options() -> None:
    assert made("mf", biases=True).embeddings.table.shape[1] == DIM
    for name in ("fm", "svdpp", "deep_wide"):
        assert made(name, biases=False).embeddings.table.shape[1] == DIM + 1


def test_svdpp() -> None:
    model = made("svdpp")
    assert isinstance(model, SVDpp)
    train = small_data(2).train.rows
    rating, looked_up = model.rate(train)
    for i, (user, item) in enumerate(train.T.tolist()):
        rated = [j - USERS for u, j in train.T.tolist() if u == user]
        implicit = sum(model.implicit[j] for j in rated) / sqrt(len(rated))
        (p, q), bias = vectors(model, train[:, i])
        assert torch.allclose(rating[i], bias + (p + implicit) @ q / sqrt(DIM), atol=1e-5)
        squares = sum(model.implicit[j].square().sum() for j in rated)
        assert torch.allclose(looked_up[2, i].square().sum(), squares, rtol=1e-4)
        assert item >= USERS


@pytest.mark.parametrize("entities", [2, 3])
def test_hidden_layers(entities: int) -> None:
    rows = small_data(entities).train.rows[:, :8]
    for name in ("deep_wide", "ncf"):
        model = made(name, entities)
        assert isinstance(model, DeepWide | NCF)
        rating, _ = model.rate(rows)
        for i in range(rows.shape[1]):
            embeddings, bias = vectors(model, rows[:, i])
            if isinstance(model, NCF):
                halves = [e.split(DIM) for e in embeddings]
                bias = bias + torch.stack([half[0] for half in halves]).prod(0) @ model.head
                embeddings = [half[1] for half in halves]
            hidden = torch.cat(embeddings)
            *inner, last = (m for m in model.deep if isinstance(m, torch.nn.Linear))
            for layer in inner:
                hidden = (layer.weight @ hidden + layer.bias).relu()
            assert torch.allclose(rating[i], last(hidden)[0] + bias, atol=1e-5)


@pytest.mark.parametrize("dim", [1, 2, 5, 8])
def test_convncf_starts_as_a_product(dim: int) -> None:
    options = TrainOptions(embedding_dim=dim)
    model = ConvNCF(small_data(2), options, torch.Generator().manual_seed(0))
    rows = small_data(2).train.rows
    user, item = model.embeddings.look_up(rows)[..., :dim]
    assert torch.allclose(model.rate(rows)[0], (user * item).sum(1) / sqrt(dim), atol=1e-6)


def test_convncf_is_convolutions() -> None:
    model = made("convncf")
    assert isinstance(model, ConvNCF)
    rows = small_data(2).train.rows[:, :8]
    rating, _ = model.rate(rows)
    for i in range(rows.shape[1]):
        (user, item), bias = vectors(model, rows[:, i])
        field = torch.outer(user, item)[None, None]
        for layer in model.convolutions:
            weight = layer.get_parameter("weight")
            kernel = weight.view(len(weight), 2, 2, -1).permute(0, 3, 1, 2)
            field = torch.conv2d(field, kernel, layer.get_parameter("bias"), stride=2).relu()
        assert torch.allclose(rating[i], model.head(field.flatten())[0] + bias, atol=1e-5)
