"""The recurrent controller: its probabilities, anchors and start."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from nasp.core.controller import Controller
from nasp.core.decision import Decision
from nasp.core.genotype import projection_of

CELL = (
    Decision("node_0", ("in_0", "in_1"), ("x", "y"), (0, 0), 2),
    Decision("node_1", ("in_0", "in_1", "node_0"), ("x", "y"), (0, 0), 2),
    Decision("other_0", ("in_0", "in_1"), ("y", "z", "w"), (0, 0, 0)),
    Decision("alone", ("in_0",), ("z",), (0,)),
)


def made(scale: float = 1.0, decisions: tuple[Decision, ...] = CELL) -> Controller:
    controller = Controller(decisions, torch.Generator().manual_seed(0), units=6)
    with torch.no_grad():
        for parameter in controller.parameters():
            parameter *= scale
    return controller


def test_draws_have_the_probabilities_of_their_walks() -> None:
    controller, random = made(20.0, CELL[1:3]), torch.Generator().manual_seed(1)
    drawn, logs = Counter[tuple[int, ...]](), {}
    with torch.no_grad():
        for _ in range(800):
            walk = controller.draw(random)
            drawn[walk.actions] += 1
            logs[walk.actions] = float(walk.log_probability)
    assert len(logs) > 20
    for actions, count in drawn.most_common(10):
        share = float(torch.tensor(logs[actions]).exp())
        assert abs(count / 800 - share) < 4 * (share / 800) ** 0.5 + 1e-3
    spread = max(logs.values()) - min(logs.values())
    assert spread > 0.5  # the probabilities that are compared differ


def test_all_walks_together_have_probability_one() -> None:
    controller, total, entropies = made(20.0, CELL[1:3]), 0.0, 0.0
    sizes = (3, 2, 2, 2, 2, 3)  # an edge of three, an operation, one of two edges left, ...
    for actions in torch.cartesian_prod(*(torch.arange(size) for size in sizes)).tolist():
        picks = iter(actions)
        walk = controller.walk(lambda logs, picks=picks: next(picks))  # type: ignore[misc]
        assert walk.actions == tuple(actions)
        probability = float(walk.log_probability.detach().exp())
        total += probability
        entropies += probability * float(walk.entropy.detach() + walk.log_probability.detach())
        projection_of(CELL[1:3], walk.choices)  # a valid architecture
    assert total == pytest.approx(1.0, abs=1e-5)
    # The mean of the conditional entropies along a walk is the entropy of the walks.
    assert entropies == pytest.approx(0.0, abs=1e-4)


def test_a_step_is_that_of_an_lstm() -> None:
    controller = made(5.0)
    cell = torch.nn.LSTMCell(6, 6, bias=False)
    inward, onward = controller.lstm[:6], controller.lstm[6:]
    ours = [1, 0, 3, 2]  # torch's order is input, forget, value, output
    with torch.no_grad():
        for weight, matrix in ((cell.weight_ih, inward), (cell.weight_hh, onward)):
            parts = matrix.T.chunk(4)
            weight.copy_(torch.cat([parts[i] for i in ours]))
    random = torch.Generator().manual_seed(3)
    x, h, c = (torch.randn(1, 6, generator=random) for _ in range(3))
    for own, expected in zip(controller._step(x, (h, c)), cell(x, (h, c)), strict=True):
        torch.testing.assert_close(own, expected)


def test_edges_are_attended_and_logits_are_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = made(30.0)
    random = torch.Generator().manual_seed(3)
    anchors, hidden = torch.randn(4, 6, generator=random), torch.randn(1, 6, generator=random)
    found = controller._attended(anchors, hidden)
    for own, anchor in zip(found, anchors, strict=True):
        query = torch.tanh(anchor @ controller.of_anchor + hidden[0] @ controller.of_hidden)
        torch.testing.assert_close(own, 1.1 * torch.tanh(query @ controller.attention / 5.0))
    assert 0.1 < float(found.detach().abs().max()) <= 1.1
    seen: list[Tensor] = []
    attended = controller._attended
    monkeypatch.setattr(
        controller, "_attended", lambda a, h: seen.append(torch.cat([a, h])) or attended(a, h)
    )
    walk = controller.draw(random)
    # Edges are picked in node_1, from three and from two, and in other_0; elsewhere all are kept.
    assert [len(one) - 1 for one in seen] == [3, 2, 2]
    torch.testing.assert_close(seen[0][:2], controller.anchors[:2])
    torch.testing.assert_close(seen[2][:2], controller.anchors[:2])
    assert not torch.equal(seen[0][2], controller.anchors[2])  # the hidden state after node_0
    assert walk.choices["alone"] == (("in_0", "z"),)


def test_the_same_actions_have_the_same_probability() -> None:
    controller = made()
    walk = controller.draw(torch.Generator().manual_seed(5))
    again = controller.repeat(walk)
    assert again.choices == walk.choices
    torch.testing.assert_close(again.log_probability, walk.log_probability)
    gradients = torch.autograd.grad(again.log_probability, list(controller.parameters()))
    assert all(bool((gradient != 0).any()) for gradient in gradients)


def test_scores_are_the_probabilities_on_the_way() -> None:
    likeliest = made(20.0).likeliest()
    scores = likeliest.scores
    torch.testing.assert_close(scores["node_0"].sum(1), torch.ones(2))
    torch.testing.assert_close(scores["other_0"].sum(), torch.tensor(1.0))
    torch.testing.assert_close(scores["alone"], torch.ones(1, 1))
    logs = sum(
        float(scores[d.name][d.sources.index(source), d.operations.index(operation)].log())
        for d in CELL
        for source, operation in likeliest.choices[d.name]
    )
    torch.testing.assert_close(torch.tensor(logs), likeliest.log_probability)


def test_a_start_leads_by_its_margin() -> None:
    controller = made(0.0)  # all probabilities are equal
    choices = {
        "node_0": (("in_0", "x"), ("in_1", "y")),
        "node_1": (("in_1", "y"), ("node_0", "x")),
        "other_0": (("in_1", "w"),),
        "alone": (("in_0", "z"),),
    }
    controller.start_from(choices, 0.2)
    likeliest = controller.likeliest()
    assert likeliest.choices == choices
    other = made(0.0)
    other.load_state_dict(controller.state_dict())
    assert other.likeliest().choices == choices
    edges = likeliest.scores["other_0"].sum(1)
    assert float(edges[1] - edges[0]) == pytest.approx(0.2)
    rows = likeliest.scores["node_0"]
    assert float(rows[0, 0] - rows[0, 1]) == pytest.approx(0.2)
