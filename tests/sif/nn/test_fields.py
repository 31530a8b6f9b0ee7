"""The space of many fields computes its formula, and the exact gradient of all candidates."""

from itertools import combinations

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nasp.core.genotype import Choices, choices_of, projection_of
from nasp.core.parameters import Architecture
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from sif.nn import pairs as pairs_module
from sif.nn.field_model import ClickBatch
from sif.nn.fields import PAIRS, TOWER, FieldSpace
from sif.nn.operations import OPERATIONS
from sif.nn.pairs import meet, width
from sif.nn.towers import NONE, Dropout
from sif.objectives import rating_loss
from sif.options import FieldOptions, TrainOptions

FIELDS, SIZES = ("user", "item", "hour", "city"), (5, 4, 3, 6)
DIM = 3


def made(choices: Choices | None = None, **options: object) -> FieldSpace:
    """A space in double precision, with random weights everywhere."""
    given = TrainOptions(
        embedding_dim=DIM, hidden_units=7, objective="logistic", penalty="squared", **options
    )  # type: ignore[arg-type]
    space = FieldSpace(FIELDS, SIZES, given, torch.Generator().manual_seed(0), choices).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in space.parameters():
            parameter += 0.4 * torch.randn(parameter.shape, generator=generator).double()
    return space


def batch(trained: bool = False) -> ClickBatch:
    generator = torch.Generator().manual_seed(2)
    starts = torch.tensor([0, *SIZES[:-1]]).cumsum(0)
    rows = torch.stack(
        [
            torch.randint(size, (9,), generator=generator) + start
            for size, start in zip(SIZES, starts, strict=True)
        ]
    )
    return ClickBatch(rows, torch.randint(2, (9,), generator=generator).double(), trained)


def loss_of(space: FieldSpace, relaxation: Relaxation, trained: bool = False) -> Tensor:
    assert isinstance(space.options, TrainOptions)
    given = batch(trained)
    return rating_loss(space(given, relaxation), given.labels, space.options)


def path(space: FieldSpace, choices: Choices) -> Relaxation:
    projection = projection_of(space.decisions, choices)
    return Relaxation.one_path({name: a.double() for name, a in projection.items()})


def random_path(space: FieldSpace, seed: int) -> Relaxation:
    projection = Architecture(space.decisions, torch.Generator().manual_seed(seed)).projection()
    return path(space, choices_of(space.decisions, projection))


def all_pairs(operation: str, *towers: str) -> Choices:
    """Choices with one operation for all pairs."""
    named = [f"{a},{b}" for a, b in combinations(FIELDS, 2)]
    return {
        PAIRS: tuple((pair, operation) for pair in named),
        TOWER: tuple((f"tower{n + 1}", name) for n, name in enumerate(towers)),
    }


def met(operation: str, a: Tensor, b: Tensor) -> Tensor:
    return {
        "plus": lambda: a + b,
        "multiply": lambda: a * b,
        "max": lambda: torch.maximum(a, b),
        "min": lambda: torch.minimum(a, b),
        "concat": lambda: torch.cat([a, b]),
    }[operation]()


def tower_value(space: FieldSpace, tower: str, x: Tensor) -> Tensor:
    """The tower by its published formula, for one row's joined embeddings."""
    if tower == NONE:
        return torch.zeros((), dtype=x.dtype)
    (made_tower,) = space.towers
    kind, depth = tower[:-1], int(tower[-1])
    state = x
    for layer in made_tower.stacks[kind].layers[:depth]:  # type: ignore[union-attr, index]
        state = x * layer(state) + state if kind == "cross" else layer(state).clamp(min=0)
    head: Tensor = made_tower.heads[tower]  # type: ignore[assignment, index]
    return state @ head


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("tower", [NONE, "cross1", "cross3", "hidden1", "hidden3"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_logit_is_the_formula(operation: str, tower: str, rank: int) -> None:
    choices = all_pairs(operation, tower)
    space = made(cross_rank=rank)
    logits, looked_up = space.rate(batch().rows, path(space, choices))
    assert looked_up.shape == (4, 9, DIM + 1)
    heads = space.heads.view(6, len(OPERATIONS), -1)[:, [*OPERATIONS].index(operation)]
    for row, logit in zip(batch().rows.T, logits, strict=True):
        vectors = space.embeddings.table[row, :DIM]
        expected = space.embeddings.table[row, DIM].sum() + space.embeddings.bias
        for head, (a, b) in zip(heads, combinations(vectors, 2), strict=True):
            value = met(operation, a, b)
            expected = expected + value @ head[: len(value)]
        expected = expected + tower_value(space, tower, vectors.flatten())
        torch.testing.assert_close(logit, expected)


def test_a_factorisation_machine_is_a_point_of_the_space() -> None:
    space = made(all_pairs("multiply", NONE))
    with torch.no_grad():
        space.heads.fill_(1.0)
    logits, _ = space.rate(batch().rows)
    for row, logit in zip(batch().rows.T, logits, strict=True):
        vectors = space.embeddings.table[row, :DIM]
        products = (vectors.sum(0).square() - vectors.square().sum(0)).sum() / 2
        biases = space.embeddings.table[row, DIM].sum() + space.embeddings.bias
        torch.testing.assert_close(logit, products + biases)


@pytest.mark.parametrize(
    ("options", "trained"),
    # The masks of one tower are drawn in the same order, those of two are not.
    [({}, False), ({}, True), ({"pairs": 2, "towers": 2}, False), ({"cross_rank": 2}, False)],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_every_candidate_is_that_of_full_autograd(
    seed: int, options: dict[str, int], trained: bool
) -> None:
    space = made(**options)
    point = random_path(space, seed)
    gradients = []
    for relaxation in (point.probed(), Relaxation.dense(point.weights).probed()):
        space.dropout.generator.manual_seed(5)  # the same masks
        loss = loss_of(space, relaxation, trained)
        gradients.append(torch.autograd.grad(loss, list(relaxation.weights.values())))
    for found, exact in zip(*gradients, strict=True):
        torch.testing.assert_close(found, exact, rtol=1e-9, atol=1e-12)
        assert (exact != 0).sum() > exact.numel() / 2


def test_sampled_probes_are_the_exact_gradient_times_their_factors() -> None:
    space = made(pairs=3)
    point = random_path(space, 0)
    full = Relaxation.dense(point.weights).probed()
    exact = torch.autograd.grad(loss_of(space, full), list(full.weights.values()))
    drawn = point.probed(0.3, torch.Generator().manual_seed(3))
    assert drawn.probes is not None
    found = torch.autograd.grad(loss_of(space, drawn), list(drawn.weights.values()))
    for name, one, other in zip(drawn.weights, found, exact, strict=True):
        factors = torch.zeros_like(other)
        asked = {**drawn.probes[name], **dict.fromkeys(point.active[name], 1.0)}
        for choice, factor in asked.items():
            factors[choice] = factor
        torch.testing.assert_close(one, factors * other, rtol=1e-9, atol=1e-12)
        assert (factors == 0).any()


def test_only_the_path_gets_gradients() -> None:
    space = made()
    loss_of(space, path(space, all_pairs("max", "cross1"))).backward()
    used = space.heads.grad is not None and space.heads.grad.abs().sum(1) > 0
    assert isinstance(used, Tensor)
    assert used.view(6, -1).tolist() == [[name == "max" for name in OPERATIONS]] * 6
    trained = {name for name, p in space.towers.named_parameters() if p.grad is not None}
    assert trained == {
        *("0.heads.cross1", "0.stacks.cross.layers.0.weight", "0.stacks.cross.layers.0.bias")
    }


def test_products_take_no_tensor_of_all_pairs() -> None:
    """The work is that of a matrix of fields for each dimension, far below one of all pairs."""
    space = made()
    with FlopCounterMode(display=False) as counter:
        space.rate(batch().rows, path(space, all_pairs("multiply", NONE)))
    assert counter.get_total_flops() <= 2 * 9 * DIM * 4 * 4


def test_heads_that_cancel_have_gradients() -> None:
    """New heads are equal, so the differences of maximum and minimum cancel."""
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(2, 9, DIM, generator=generator)
    heads = torch.ones(2, DIM, requires_grad=True)
    meet(embeddings, [(0, 1, "max"), (0, 1, "min")], heads).sum().backward()
    expected = [met(name, *embeddings).sum(0) for name in ("max", "min")]
    assert heads.grad is not None
    torch.testing.assert_close(heads.grad, torch.stack(expected))


def test_other_operations_are_applied_to_some_pairs_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(4, 9, DIM, generator=generator).double()
    heads = torch.randn(6, DIM, generator=generator).double()
    functions = [(a, b, "max") for a, b in combinations(range(4), 2)]
    known = meet(embeddings, functions, heads)
    monkeypatch.delitem(pairs_module.KNOWN, "max")
    for chunk in (1, 2 * 9 * DIM, 1000):
        monkeypatch.setattr(pairs_module, "CHUNK", chunk)
        torch.testing.assert_close(meet(embeddings, functions, heads), known)


def test_heads_of_pairs_start_as_known_models_and_keep_their_norms_at_most() -> None:
    options = FieldOptions(embedding_dim=DIM)
    space = FieldSpace(FIELDS, SIZES, options, torch.Generator().manual_seed(0))
    first = space.heads.detach().clone()
    by_operation = dict(zip(OPERATIONS, first.view(6, len(OPERATIONS), -1)[0], strict=True))
    assert by_operation["multiply"].tolist() == [1.0] * DIM + [0.0] * DIM
    for name in ("plus", "max", "min", "concat"):
        assert float(by_operation[name].norm()) == pytest.approx(1)
    with torch.no_grad():
        space.heads[::2] *= -7
        space.heads[1::2] *= 0.5
    space.constrain()
    torch.testing.assert_close(space.heads[::2].detach(), -first[::2])
    torch.testing.assert_close(space.heads[1::2].detach(), 0.5 * first[1::2])


@pytest.mark.parametrize("rank", [0, 2])
def test_costs_are_the_numbers_of_parameters(rank: int) -> None:
    space = made(cross_rank=rank)
    pairs, tower = space.decisions
    assert pairs.cost == tuple(float(width(name, DIM)) for name in OPERATIONS)
    assert dict(zip(pairs.operations, pairs.cost, strict=True))["concat"] == 2 * DIM
    plain = made(all_pairs("plus", NONE), cross_rank=rank).size()
    for operation, cost in zip(tower.operations, tower.cost, strict=True):
        assert made(all_pairs("plus", operation), cross_rank=rank).size() - plain == cost


def test_known_ids_have_embeddings_and_unknown_ones_zero() -> None:
    options = FieldOptions(embedding_dim=DIM)
    space = FieldSpace(FIELDS, SIZES, options, torch.Generator().manual_seed(0))
    last = torch.tensor(SIZES).cumsum(0) - 1
    zero = (space.embeddings.table[:, :DIM] == 0).all(dim=1)
    assert zero.nonzero().flatten().tolist() == last.tolist()


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.75])
def test_dropout_keeps_the_mean_and_draws_from_its_generator(probability: float) -> None:
    x = torch.ones(301, 101)
    before = torch.get_rng_state()
    dropout = Dropout(probability, torch.Generator().manual_seed(0))
    dropped = dropout(x)
    assert torch.equal(torch.get_rng_state(), before)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.03)
    share = round(256 * probability) / 256
    assert float((dropped == 0).float().mean()) == pytest.approx(share, abs=0.01)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / (1 - share)] if share else [1])
    again = Dropout(probability, torch.Generator().manual_seed(0))
    assert torch.equal(again(x), dropped)
    assert bool(share) != torch.equal(again(x), dropped)


def test_units_are_dropped_in_training_rows_only() -> None:
    space = made(all_pairs("plus", "hidden2"), dropout=0.5)
    rows = batch().rows
    assert torch.equal(space.rate(rows)[0], space.rate(rows)[0])
    assert not torch.equal(space.rate(rows, trained=True)[0], space.rate(rows, trained=True)[0])


def test_wrong_spaces_are_refused() -> None:
    with pytest.raises(NaspError, match="pairs is 7; 4 fields have 6 pairs"):
        made(pairs=7)
    with pytest.raises(NaspError, match="two entities"):
        FieldSpace(("user",), (4,), FieldOptions(), torch.Generator())
    with pytest.raises(NaspError, match="no 'divide'"):
        made(all_pairs("divide", NONE))
    with pytest.raises(NaspError, match="no 'multiply' on 'user,mood'"):
        made({**all_pairs("plus", NONE), PAIRS: (("user,mood", "multiply"),)})
    with pytest.raises(ValueError, match="give a relaxation"):
        made().rate(batch().rows)
    for name, value in {"dropout": 1.0, "towers": 9, "hidden_units": 0, "pairs": -1}.items():
        with pytest.raises(NaspError, match=name):
            FieldOptions(**{name: value})  # type: ignore[arg-type]
