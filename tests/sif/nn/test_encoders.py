"""Encoders against dense matrices, and the one-path gradient over encoders."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from sif.nn import grouped_gradient
from sif.nn.embeddings import RatingBatch
from sif.nn.encoders import EncodedTables, RatingGraph
from sif.nn.grouped_gradient import GroupedProbe
from sif.nn.operations import functions
from sif.nn.space import DECISION, InteractionSpace
from sif.objectives import rating_loss
from sif.options import ENCODERS, TrainOptions

USERS, ITEMS, CONTEXTS = 4, 3, 2
PAIRS = torch.tensor([[0, 0, 1, 2, 2, 2, 0], [0, 1, 1, 0, 1, 2, 1]])  # user 3 rated nothing
OPTIONS = TrainOptions(
    embedding_dim=3,
    encoders=tuple(ENCODERS),
    elementwise=False,
    embedding_std=0.5,
    penalty="squared",
)


def graph_of(pairs: Tensor = PAIRS, nodes: int = USERS + ITEMS) -> RatingGraph:
    return RatingGraph(pairs + torch.tensor([[0], [USERS]]), nodes)


def adjacency(pairs: Tensor = PAIRS) -> Tensor:
    dense = torch.zeros(USERS + ITEMS, USERS + ITEMS)
    dense[pairs[0], pairs[1] + USERS] = dense[pairs[1] + USERS, pairs[0]] = 1.0
    return dense


def dense_tables(table: Tensor, pairs: Tensor = PAIRS) -> dict[str, Tensor]:
    """The tables of encodings by dense matrices."""
    edges = adjacency(pairs)
    scale = edges.sum(1).clamp(min=1).rsqrt()
    step = scale[:, None] * edges * scale
    return {
        "id": table,
        "history": table + scale[:, None] * edges @ table,
        "graph1": table + step @ table,
        "graph2": table + step @ table + step @ step @ table,
        "graph3": table + step @ table + step @ step @ table + step @ step @ step @ table,
    }


def space_of(options: TrainOptions = OPTIONS, contexts: int = 0) -> InteractionSpace:
    sizes = (USERS, ITEMS, *((contexts,) if contexts else ()))
    generator = torch.Generator().manual_seed(0)
    return InteractionSpace(sizes, options, generator, graph_of(nodes=sum(sizes)))


def test_encodings_are_those_of_dense_matrices() -> None:
    table = torch.randn(USERS + ITEMS, 3, generator=torch.Generator().manual_seed(1))
    tables, dense = EncodedTables(table, graph_of()), dense_tables(table)
    assert set(dense) == set(ENCODERS)
    for name, expected in dense.items():
        torch.testing.assert_close(tables[name], expected)
        assert torch.equal(tables[name][3], table[3]), "a user without ratings has its embedding"


def test_history_leaves_out_the_pair_that_is_rated() -> None:
    table = torch.randn(USERS + ITEMS, 3, generator=torch.Generator().manual_seed(1))
    tables = EncodedTables(table, graph_of())
    edges = adjacency()
    for user, item in PAIRS.T.tolist():
        rows = torch.tensor([[user], [USERS + item]])
        u, i = tables.look_up("history", rows, rated=True)[:, 0]
        others = edges.clone()
        others[user, USERS + item] = others[USERS + item, user] = 0.0
        # The root of the number of ratings stays that of all of them.
        scale = edges.sum(1).clamp(min=1).rsqrt()
        without = table + scale[:, None] * others @ table
        torch.testing.assert_close(u, without[user])
        torch.testing.assert_close(i, without[USERS + item])
        whole = tables.look_up("history", rows, rated=False)[:, 0]
        torch.testing.assert_close(whole[0], dense_tables(table)["history"][user])


@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.parametrize("contexts", [0, CONTEXTS])
def test_a_prediction_is_a_product_of_encodings_and_biases(encoder: str, contexts: int) -> None:
    sizes = (USERS, ITEMS, *((contexts,) if contexts else ()))
    random = torch.Generator().manual_seed(2)
    graph = graph_of(nodes=sum(sizes))
    terms = ((encoder, "multiply"),)
    model = InteractionSpace(sizes, OPTIONS, random, graph, terms=terms)
    with torch.no_grad():
        model.embeddings.table += torch.randn(model.embeddings.table.shape, generator=random)
    rows = torch.tensor([[0, 3, 2], [USERS, USERS + 1, USERS + 2]])
    if contexts:
        rows = torch.cat([rows, torch.tensor([[USERS + ITEMS, USERS + ITEMS + 1, USERS + ITEMS]])])
    table = model.embeddings.table.detach()
    encoded = dense_tables(table[: USERS + ITEMS, :3])[encoder]
    encoded = torch.cat([encoded, table[USERS + ITEMS :, :3]])  # a context is its embedding
    expected = encoded[rows].prod(0) @ model.heads[0] + table[rows, 3].sum(0)
    torch.testing.assert_close(model.rate(rows)[0], expected)
    assert torch.equal(model.predictor()(rows)[0], model.rate(rows)[0])
    saved = InteractionSpace(sizes, OPTIONS, random, terms=terms)
    saved.load_state_dict(model.state_dict())
    saved.stored = model.encoded()
    assert torch.equal(saved.rate(rows)[0], model.rate(rows)[0])


def test_the_terms_of_a_member_are_summed() -> None:
    terms = (("id", "multiply"), ("graph2", "max"))
    random = torch.Generator().manual_seed(2)
    model = InteractionSpace((USERS, ITEMS), OPTIONS, random, graph_of(), terms=terms)
    assert len(model.heads) == 2
    rows = torch.tensor([[0, 3], [USERS, USERS + 1]])
    table = model.embeddings.table.detach()
    tables = dense_tables(table[:, :3])
    product = tables["id"][rows].prod(0) @ model.heads[0]
    largest = tables["graph2"][rows].amax(0) @ model.heads[1]
    torch.testing.assert_close(model.rate(rows)[0], product + largest)


@pytest.mark.parametrize("contexts", [0, CONTEXTS])  # five functions, or 53 evaluated together
@pytest.mark.parametrize("terms", [1, 2])
def test_the_one_path_gradient_over_encoders_is_full_autograd(contexts: int, terms: int) -> None:
    space = space_of(replace(OPTIONS, terms=terms), contexts).double()
    (decision,) = space.decisions
    assert decision.keep == terms
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in space.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=random)
    rows = torch.tensor([[0, 2, 3], [USERS, USERS + 2, USERS + 1]])
    if contexts:
        rows = torch.cat([rows, torch.tensor([[USERS + ITEMS, USERS + ITEMS, USERS + ITEMS + 1]])])
    batch = RatingBatch(rows, torch.tensor([0.5, -1.0, 2.0]).double())
    a = torch.zeros(decision.shape).double()
    for edge in range(terms):
        a[2 * edge, 1 + edge] = 1.0
    path = Relaxation.one_path({DECISION: a})
    dense = Relaxation.dense({DECISION: a.clone().requires_grad_()})
    gradients = []
    for point in (path.probed(), dense):
        loss = rating_loss(space(batch, point), batch.ratings, OPTIONS)
        gradients.append(torch.autograd.grad(loss, point.weights[DECISION])[0])
    torch.testing.assert_close(gradients[0], gradients[1].to(gradients[0]))
    assert (gradients[0] != 0).all()
    sampled = path.probed(0.2, torch.Generator().manual_seed(4))
    loss = rating_loss(space(batch, sampled), batch.ratings, OPTIONS)
    (some,) = torch.autograd.grad(loss, sampled.weights[DECISION])
    assert sampled.probes is not None
    for (edge, k), factor in sampled.probes[DECISION].items():
        torch.testing.assert_close(some[edge, k], factor * gradients[0][edge, k])
    assert int((some != 0).sum()) == len(sampled.probes[DECISION]) + terms


def test_a_sampled_probe_encodes_only_what_it_evaluates(monkeypatch: pytest.MonkeyPatch) -> None:
    space, encoded = space_of(), set()
    look_up = EncodedTables.look_up

    def recorded(tables: EncodedTables, encoder: str, rows: Tensor, rated: bool) -> Tensor:
        encoded.add(encoder)
        return look_up(tables, encoder, rows, rated)

    monkeypatch.setattr(EncodedTables, "look_up", recorded)
    a = torch.zeros(space.decisions[0].shape)
    a[0, 1] = 1.0
    sampled = Relaxation.one_path({DECISION: a}).probed(0.2, torch.Generator())
    edge = list(ENCODERS).index("graph1")
    sampled = replace(sampled, probes={DECISION: {(edge, 0): 1.0}})
    rating, _ = space.rate(torch.tensor([[0, 2], [USERS, USERS + 2]]), sampled)
    torch.autograd.grad(rating.sum(), sampled.weights[DECISION])
    assert encoded == {"graph1"}


def test_the_memory_of_a_probe_does_not_grow_with_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gradient is the same in blocks of three ratings, of which there are seven."""
    candidates = list(functions(3).values())
    probe = GroupedProbe(candidates)
    random = torch.Generator().manual_seed(0)
    gradient = torch.randn(7, generator=random)
    encodings = torch.randn(3, 2, 7, 4, generator=random).unbind(1)
    heads = torch.randn(2, len(candidates), 12, generator=random)
    found, asked = [], {(1, 5): 2.0, (0, 9): 1.0}
    longest = list[int]()
    grouped = grouped_gradient._Groups._add_products

    def recorded(self: Any, sums: Tensor, part: Tensor, embeddings: Sequence[Tensor]) -> None:
        longest.append(len(part))
        grouped(self, sums, part, embeddings)

    monkeypatch.setattr(grouped_gradient._Groups, "_add_products", recorded)
    for at_once in (grouped_gradient.AT_ONCE, 3 * probe._all._total * 2 * 4):
        monkeypatch.setattr(grouped_gradient, "AT_ONCE", at_once)
        every = probe(gradient, None, lambda edge: encodings[edge].unbind(0), heads)
        found.append((every, probe(gradient, asked, lambda e: encodings[e].unbind(0), heads)))
    assert longest[:1] + longest[3:6] == [7, 3, 3, 1]
    torch.testing.assert_close(found[0], found[1])
    met = candidates[5](encodings[1].unbind(0))
    expected = (gradient @ met) @ heads[1, 5, : met.shape[1]]
    torch.testing.assert_close(found[1][0][1, 5], expected)
    torch.testing.assert_close(found[1][1][1, 5], 2 * expected)


def test_wrong_encoders_are_refused() -> None:
    with pytest.raises(NaspError, match=r"unknown encoder 'graph9' .did you mean"):
        TrainOptions(encoders=("id", "graph9"))
    with pytest.raises(NaspError, match="name each once"):
        TrainOptions(encoders=("id", "id"))
    with pytest.raises(NaspError, match="terms is 2; it must be at most 1"):
        TrainOptions(encoders=("id",), terms=2)
