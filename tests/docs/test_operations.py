"""Operations from outside: values, gradients, genotypes, models and drawings."""

import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import nasp.cnn.operations
import nasp.rnn.operations
from nasp.cnn.data import Normalise
from nasp.cnn.draw import cells_figure
from nasp.cnn.genotype import plans
from nasp.cnn.model_file import load_network, save_network
from nasp.cnn.network import Network
from nasp.cnn.spaces import SPACES
from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.rnn.cell import RecurrentCell
from nasp.rnn.draw import cell_figure
from nasp.rnn.genotype import plan_of
from nasp.runs import plots
from nasp.runs.context import RunContext
from nasp.search import run_search
from nasp.search.one_shot import loss_of
from nasp.testing.tasks import at_a_point
from sif import InteractionModel, InteractionSearch
from sif.data import Synthetic, synthetic
from sif.nn.operations import OPERATIONS, functions
from sif.nn.space import InteractionSpace, name_of
from sif.options import SpaceOptions
from sif.reports.rating import draw_function
from tests.docs.conftest import Use
from tests.docs.made import image_task, rating_task, text_task

REMEDY = r".*if a module of yours adds it, name the module in NASP_PLUGINS$"


def test_an_ordered_operation_has_each_order_of_its_parts(use: Use) -> None:
    use("attend")
    assert list(functions(2))[5:] == ["attend", "attend(item,user)"]
    found = functions(3)
    assert sum(f.operation == "attend" and len(f.parts) == 3 for f in found.values()) == 6
    assert {"attend(plus(user,item),context)", "attend(context,plus(user,item))"} <= found.keys()
    assert {"max(attend(user,context),item)", "max(attend(context,user),item)"} <= found.keys()
    assert "concat(attend(user,item),attend(item,user))" not in found  # each part once
    user, item, context = parts = torch.randn(3, 4, 5, generator=torch.Generator()).double()
    torch.testing.assert_close(functions(2)["attend(item,user)"](parts), item.softmax(1) * user)
    value = found["attend(context,plus(user,item))"](parts)
    torch.testing.assert_close(value, context.softmax(1) * (user + item))
    assert len(functions(5)) < len(functions(4))  # of five and more, one pair meets first


def test_a_wide_operation_meets_last(use: Use) -> None:
    use("outer_product")
    found = functions(3)
    assert "outer_product(plus(user,item),context)" in found
    assert not any("(outer_product" in name or ",outer_product" in name for name in found)
    parts = torch.randn(3, 4, 2, generator=torch.Generator()).double()
    value = found["outer_product"](parts)
    expected = torch.einsum("ra,rb,rc->rabc", *parts).flatten(1)
    torch.testing.assert_close(value, expected)
    assert found["outer_product"].width(2) == value.shape[1] == 8
    assert found["outer_product(plus(user,item),context)"].width(5) == 25


@pytest.mark.parametrize("entities", [2, 3])
@pytest.mark.parametrize("name", ["attend", "outer_product"])
def test_the_gradient_is_exact_where_candidates_are_evaluated_together(
    name: str, entities: int, use: Use
) -> None:
    use(name)
    task = rating_task(entities)
    space, batch, projection = at_a_point(task)
    space, batch = space.double(), batch._replace(ratings=batch.ratings.double())
    projection = {name: a.double() for name, a in projection.items()}
    gradients = []
    for make in (Relaxation.one_path, Relaxation.dense):
        relaxation = make(projection).probed()
        loss = loss_of(task.loss, space, batch, relaxation)
        gradients.append(torch.autograd.grad(loss, list(relaxation.weights.values()))[0])
    torch.testing.assert_close(*gradients)
    own = [k for k, f in enumerate(space.functions) if name in str(f)]
    assert (gradients[1][0, own] != 0).all()
    sampled = Relaxation.one_path(projection).probed(0.5, torch.Generator().manual_seed(1))
    loss = loss_of(task.loss, space, batch, sampled)
    (found,) = torch.autograd.grad(loss, list(sampled.weights.values()))
    for k, entry in enumerate(found[0]):
        factor = float(sampled.probes["interaction"].get((0, k), projection["interaction"][0, k]))
        torch.testing.assert_close(entry, factor * gradients[1][0, k])


@pytest.mark.parametrize("name", ["attend", "outer_product"])
def test_a_search_finds_the_operation_that_made_the_ratings(name: str, use: Use) -> None:
    """Ratings that sums of embeddings cannot express."""
    use(name)
    random = torch.Generator().manual_seed(0)
    user, item = torch.cartesian_prod(torch.arange(40), torch.arange(30)).T
    parts = [
        2 * torch.randn(len(set(ids.tolist())), 3, generator=random)[ids] for ids in (user, item)
    ]
    met = OPERATIONS[name](parts)
    rating = met @ torch.randn(met.shape[1], generator=random)
    ratings = pd.DataFrame({"user": user, "item": item, "rating": 3 + rating / rating.std()})
    options = {"epochs": 8, "restarts": 2, "finalists": 2, "train_epochs": 30}
    task = rating_task(2, ("plus", name), ratings, weight_decay=0.01, **options)
    found = run_search(task, 1, RunContext())
    assert name_of(found.genotype) == name
    assert task.model(found).network.functions == [functions(2)[name]]


@pytest.mark.parametrize("operation", ["attend(item,user)", "attend"])
def test_a_model_is_read_where_its_module_is_imported(
    operation: str, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("attend")
    task = rating_task(functions=(operation,))
    found = run_search(task, 1, RunContext())
    model = task.model(found)
    model.save(tmp_path / "model.pt")
    pairs = pd.DataFrame({"user": [1, 2, 3], "item": [4, 5, 6]})
    again = InteractionModel.load(tmp_path / "model.pt")
    assert (again.predict(pairs) == model.predict(pairs)).all()
    figures: list[Any] = []
    with monkeypatch.context() as kept:
        kept.setattr(plots, "save", lambda figure, path: figures.append(figure))
        draw_function(model.network, operation, ("user", "item"), tmp_path / "function.png")
    title = figures[0].axes[0].get_title()
    assert title == (operation if "(" in operation else f"{operation}(user, item)")
    monkeypatch.delitem(OPERATIONS.places, "attend")
    with pytest.raises(NaspError, match=r"^unknown operation 'attend" + REMEDY):
        InteractionModel.load(tmp_path / "model.pt")


def test_a_fitted_estimator_can_be_pickled(use: Use) -> None:
    use("outer_product")
    ratings = synthetic(Synthetic(users=40, items=30, ratings=900), seed=0)
    few = {"epochs": 1, "warm_up": 0, "restarts": 1, "finalists": 1, "train_epochs": 1}
    fitted = InteractionSearch(embedding_dim=2, **few).fit(ratings)
    again = pickle.loads(pickle.dumps(fitted))
    pairs = ratings.head(5)
    assert (
        again.predict(pairs["user"], pairs["item"]) == fitted.predict(pairs["user"], pairs["item"])
    ).all()
    random = torch.Generator().manual_seed(1)
    space = InteractionSpace((3, 3), SpaceOptions(embedding_dim=2), random, ("outer_product",))
    rows = torch.tensor([[0, 1], [3, 4]])
    again = pickle.loads(pickle.dumps(space))
    assert torch.equal(again.rate(rows)[0], space.rate(rows)[0])


def test_cells_with_an_operation_from_outside(
    use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("shift_conv")
    SPACES.add("shift", (("skip_connect", "shift_conv"), ("max_pool_3x3", "shift_conv")))
    genotype = run_search(image_task("shift"), 1, RunContext()).genotype
    genotype.save(tmp_path / "genotype.json")
    assert Genotype.load(tmp_path / "genotype.json") == genotype
    both = [{name for node in plan.nodes for _, name in node} for plan in plans(genotype)]
    assert all("shift_conv" in names for names in both)
    texts = [text.get_text() for text in cells_figure(genotype).axes[0].texts]
    assert texts.count("shift_conv") == str(genotype).count("shift_conv")
    random = torch.Generator().manual_seed(0)
    network = Network(genotype, 4, 3, 3, "cifar", False, random).eval()
    path, normalise = tmp_path / "network.pt", Normalise((0.5,) * 3, (0.2,) * 3)
    save_network(path, network, ("a", "b", "c"), normalise, 8)
    images = torch.randn(2, 3, 8, 8, generator=random)
    assert torch.equal(load_network(path).network(images)[0], network(images)[0])
    monkeypatch.delitem(nasp.cnn.operations.OPERATIONS.places, "shift_conv")
    for read in (lambda: load_network(path), lambda: plans(genotype)):
        with pytest.raises(NaspError, match=r"cannot have the operation 'shift_conv'" + REMEDY):
            read()


def test_a_shift_moves_quarters_of_the_channels(use: Use) -> None:
    shift = use("shift_conv").Shift()
    images = torch.zeros(1, 4, 5, 5)
    images[:, :, 2, 2] = 1
    places = [tuple(place) for place in shift(images)[0].nonzero()[:, 1:].tolist()]
    assert places == [(3, 2), (1, 2), (2, 3), (2, 1)]


def test_a_recurrent_cell_with_an_activation_from_outside(
    use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("rms_norm")
    task = text_task(tmp_path / "texts")
    (decision, *_), _ = task.decisions(torch.Generator())
    assert decision.operations[-1] == "rms_norm"
    found = [run_search(task, seed, RunContext()).genotype for seed in range(3)]
    assert any("rms_norm" in str(genotype) for genotype in found)
    choices = {f"node_{n}": (("node_0", name),) for n, name in enumerate(ACTIVATIONS, 1)}
    genotype = Genotype("rnn", choices)
    assert Genotype.from_json(genotype.to_json()) == genotype
    texts = [text.get_text() for text in cell_figure(genotype).axes[0].texts]
    assert texts.count("rms_norm") == 2
    _check_cell(genotype)
    monkeypatch.delitem(nasp.rnn.operations.OPERATIONS.places, "rms_norm")
    with pytest.raises(NaspError, match=r"cannot have the operation 'rms_norm'" + REMEDY):
        plan_of(genotype)


ACTIVATIONS = ("rms_norm", "tanh", "rms_norm")


def _check_cell(genotype: Genotype) -> None:
    """The nodes of one predecessor run together, but each normalises only its own units."""
    random = torch.Generator().manual_seed(0)
    cell = RecurrentCell(plan_of(genotype), 4, random)
    x, state = torch.randn(1, 2, 4, generator=random), torch.randn(2, 4, generator=random)

    def updated(s: torch.Tensor, product: torch.Tensor, name: str) -> torch.Tensor:
        gate, z = product.chunk(2, -1)
        return torch.lerp(s, nasp.rnn.operations.OPERATIONS[name](z), gate.sigmoid())

    first = updated(state, x[0] @ cell.input_map + state @ cell.state_map, "tanh")
    gates, values = (first @ cell.maps[0]).chunk(2, -1)
    (_, nodes, _), *_ = cell.groups
    places = {node: slice(4 * i, 4 * i + 4) for i, node in enumerate(nodes)}
    states = [
        updated(first, torch.cat([gates[:, place], values[:, place]], 1), ACTIVATIONS[node - 1])
        for node, place in places.items()
    ]
    torch.testing.assert_close(cell(x, state)[0], torch.stack(states).mean(0))
