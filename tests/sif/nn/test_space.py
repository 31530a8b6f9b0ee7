"""The interaction space computes the paper's formula."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from sif.nn.elementwise import ElementwiseMLP
from sif.nn.embeddings import RatingBatch
from sif.nn.operations import OPERATIONS, functions
from sif.nn.space import DECISION, InteractionSpace
from sif.objectives import rating_loss
from sif.options import SpaceOptions, TrainOptions

SIZES = (5, 4, 3)


def made(**options: object) -> InteractionSpace:
    generator = torch.Generator().manual_seed(0)
    options = {"encoders": ("id",), "elementwise": True, "penalty": "squared", **options}
    return InteractionSpace(SIZES, TrainOptions(embedding_dim=3, **options), generator)  # type: ignore[arg-type]


def lossy(space: InteractionSpace, batch: RatingBatch, relaxation: Relaxation) -> torch.Tensor:
    assert isinstance(space.options, TrainOptions)
    return rating_loss(space(batch, relaxation), batch.ratings, space.options)


def path(operation: str) -> Relaxation:
    row = [[float(name == operation) for name in functions(len(SIZES))]]
    return Relaxation.one_path({DECISION: torch.tensor(row)})


def tanh_mlp(mlp: ElementwiseMLP, entity: int, x: torch.Tensor) -> torch.Tensor:
    """The transform as in the paper: 1 → 8 → 1 with tanh."""
    inner, bias = mlp.inner[entity, :, 0] / 2, mlp.inner_bias[entity, :, 0] / 2
    outer = mlp.outer[entity, 0] / 2
    constant = mlp.outer_bias[entity, 0, 0] + outer.sum()
    return torch.tanh(x[..., None] * inner + bias) @ outer + constant


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize(
    "operation",
    [*OPERATIONS, "max(plus(user,item),context)", "concat(multiply(item,context),user)"],
)
def test_a_rating_is_the_formula(operation: str, biases: bool) -> None:
    space = made(biases=biases)
    with torch.no_grad():
        for parameter in space.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator())
    positions = torch.tensor([[0, 3, 2], [4, 0, 0]])
    rows = (positions + torch.tensor([0, 5, 9])).T
    rating, _ = space.rate(rows, path(operation))
    for i, row in enumerate(rows.T):
        assert space.transform is not None
        vectors = [
            tanh_mlp(space.transform, n, space.embeddings.table[r, :3]) for n, r in enumerate(row)
        ]
        met = {
            "plus": sum(vectors),
            "multiply": vectors[0] * vectors[1] * vectors[2],
            "max": torch.stack(vectors).amax(0),
            "min": torch.stack(vectors).amin(0),
            "concat": torch.cat(vectors),
            "max(plus(user,item),context)": torch.maximum(vectors[0] + vectors[1], vectors[2]),
            "concat(multiply(item,context),user)": torch.cat([vectors[1] * vectors[2], vectors[0]]),
        }[operation]
        head = space.heads[list(functions(len(SIZES))).index(operation)]
        expected = met @ head[: len(met)]
        if biases:
            expected = expected + space.embeddings.table[row, 3].sum() + space.embeddings.bias
        assert float((rating[i] - expected).detach()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_the_mlps_start_near_a_shifted_identity(offset: float) -> None:
    mlp = ElementwiseMLP(2, offset, torch.Generator().manual_seed(1))
    x = torch.linspace(-0.1, 0.1, 9).repeat(2, 1)
    assert (mlp(x) - x - offset).abs().max() < 0.02


@pytest.mark.parametrize("penalty", ["squared", "norm"])
def test_the_loss_is_mse_plus_the_penalty(penalty: str) -> None:
    space = made(penalty=penalty, weight_decay=0.7)
    rows, ratings = torch.tensor([[0, 1], [5, 6], [9, 9]]), torch.tensor([0.5, -1.0])
    rating, _ = space.rate(rows, path("max"))
    looked_up = [space.embeddings.table[entity] for entity in rows]
    if penalty == "norm":
        expected = sum(e.norm() for e in looked_up)
    else:
        expected = sum(e.square().sum() for e in looked_up) / 2
    found = lossy(space, RatingBatch(rows, ratings), path("max"))
    total = (rating - ratings).square().mean() + 0.7 * expected
    assert float(found.detach()) == pytest.approx(float(total.detach()), rel=1e-5)


def test_heads_obey_the_norm_constraint() -> None:
    space = made()
    rows, ratings = torch.tensor([[0], [5], [9]]), torch.tensor([5.0])
    optimizer = torch.optim.SGD(space.weights(), lr=100.0)
    lossy(space, RatingBatch(rows, ratings), path("concat")).backward()
    optimizer.step()
    assert space.heads[4].norm() > 1
    space.constrain()
    assert all(head.norm() <= 1 + 1e-6 for head in space.heads)


def test_costs_are_counted_from_the_heads() -> None:
    (decision,) = made().decisions
    cost = dict(zip(decision.operations, decision.cost, strict=True))
    assert [cost[name] for name in OPERATIONS] == [3, 3, 3, 3, 9]
    assert cost["concat(plus(user,item),context)"] == 6
    assert cost["plus(max(user,item),context)"] == 3


def test_the_probe_of_all_functions_is_full_autograd() -> None:
    space = made().double()
    with torch.no_grad():
        for parameter in space.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator())
    rows, ratings = torch.tensor([[0, 1, 4], [5, 6, 6], [9, 9, 11]]), torch.tensor([0.5, -1.0, 2.0])
    batch = RatingBatch(rows, ratings.double())
    point = path("min(multiply(user,context),item)").probed()
    inputs = [point.weights[DECISION], *space.architecture()]
    found = torch.autograd.grad(lossy(space, batch, point), inputs)
    weights = point.weights[DECISION].detach().double().requires_grad_()
    full = torch.autograd.grad(
        lossy(space, batch, Relaxation.dense({DECISION: weights})), [weights, *inputs[1:]]
    )
    assert found[0].shape == (1, 53)
    for one, other in zip(found, full, strict=True):
        assert torch.allclose(one.double(), other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "active", [("plus",), ("multiply", "concat", "max(min(user,item),context)")]
)
@pytest.mark.parametrize("fraction", [1.0, 0.3, 0.01])
def test_sampled_probes_are_full_autograd_times_their_factors(
    active: tuple[str, ...], fraction: float
) -> None:
    space = made().double()
    with torch.no_grad():
        for parameter in space.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator())
    rows, ratings = torch.tensor([[0, 1, 4], [5, 6, 6], [9, 9, 11]]), torch.tensor([0.5, -1.0, 2.0])
    batch = RatingBatch(rows, ratings.double())
    names = [*functions(len(SIZES))]
    projection = torch.tensor([[float(name in active) for name in names]], dtype=torch.float64)
    path = Relaxation.one_path({DECISION: projection})
    assert len(path.active[DECISION]) == len(active)
    full = Relaxation.dense({DECISION: projection}).probed()
    (exact,) = torch.autograd.grad(lossy(space, batch, full), full.weights[DECISION])
    point = path.probed(fraction, torch.Generator().manual_seed(3))
    (found,) = torch.autograd.grad(lossy(space, batch, point), point.weights[DECISION])
    factors = projection.clone()
    for choice in {(0, k) for k in range(len(names))} - {*path.active[DECISION]}:
        factors[choice] = 1.0 if point.probes is None else point.probes[DECISION].get(choice, 0.0)
    asked = int(factors.count_nonzero())
    assert asked == len(active) + max(1, round(fraction * (len(names) - len(active))))
    torch.testing.assert_close(found, factors * exact, rtol=1e-10, atol=1e-12)
    assert (found[factors == 0] == 0).all()


def test_sampled_probes_evaluate_what_is_asked_for_alone() -> None:
    space = made()
    batch = RatingBatch(torch.tensor([[0, 1], [5, 6], [9, 9]]), torch.tensor([0.5, -1.0]))
    names, asked = [*functions(len(SIZES))], ("multiply", "concat(plus(user,item),context)")
    probes = {DECISION: {(0, names.index(name)): 2.0 for name in asked}}
    flops = []
    for point in (path("max"), replace(path("max").probed(), probes=probes)):
        with FlopCounterMode(display=False) as counter:
            lossy(space, batch, point).backward()
        flops.append(counter.get_total_flops())
    widths = 3 + 3 + 6  # of `max`, which runs, and of those that are asked for
    assert flops[1] - flops[0] == 2 * len(batch.ratings) * widths


def test_wrong_spaces_are_refused() -> None:
    with pytest.raises(NaspError, match="two entities"):
        InteractionSpace((4,), SpaceOptions(), torch.Generator())
    with pytest.raises(NaspError, match="'times'"):
        InteractionSpace((4, 4), SpaceOptions(), torch.Generator(), candidates=("times",))
    for options in ({"embedding_dim": 0}, {"embedding_std": -1.0}, {"weight_decay": -0.1}):
        with pytest.raises(NaspError, match=next(iter(options))):
            SpaceOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "dim", "message"),
    [
        ((10**9, 10**9), 1000, "2,000,000,000 embeddings need 24,024 GB"),
        ((2, 2), 10**12, "4 embeddings need 48,000 GB .* lower embedding_dim"),
    ],
)
def test_what_no_machine_holds_is_refused(sizes: tuple[int, int], dim: int, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        InteractionSpace(sizes, SpaceOptions(embedding_dim=dim), torch.Generator())
