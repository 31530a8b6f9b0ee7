"""A recurrent controller that draws architectures choice by choice.

Its form is that of ENAS (Pham et al., ICML 2018, arXiv 1802.03268) and of Zoph & Le (ICLR 2017).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Choices

START = 0.1  # bound of the uniform initial values of all parameters

Select = Callable[[Tensor], int]
"""Picks a position, given the log-probabilities of all, `(positions,)`, without a history."""

State = tuple[Tensor, Tensor]  # hidden and cell state of the LSTM, `(batch, units)` each


@dataclass(frozen=True)
class Walk:
    """One pass of a controller through all decisions.

    Attributes:
        choices: The architecture.
        actions: The positions that were picked, in order; a pass that picks them again has the
            same `log_probability`.
        log_probability: Log-probability of the actions, a scalar with a history. A set of kept
            edges can be drawn in several orders; this is the probability of the order drawn.
        entropy: Sum of the entropies of all steps, a scalar with a history.
        scores: The probability of each candidate of each decision given the choices before it,
            `(edges, operations)`, if they were asked for. A kept edge counts where it was drawn,
            all others where the last edge was drawn.
    """

    choices: Choices
    actions: tuple[int, ...]
    log_probability: Tensor
    entropy: Tensor
    scores: dict[str, Tensor]


class Controller(nn.Module):
    """An LSTM that picks for each decision the edges, by attention, and an operation on each.

    Each step reads what was picked in the step before. An edge is picked by
    `vᵀ tanh(W₁ anchor + W₂ h)` among the edges that are not kept yet; where all edges are kept,
    they are taken in order. The logits x become `clip · tanh(x / temperature)`.

    If a decision has the sources of the one before it and one more, that source is the node of
    the one before it, and its anchor is the LSTM's hidden state after that node (cells of
    CNN and RNN). All other sources have a learned anchor. Sources and operations are known by name,
    so decisions share what is learned of them.

    Args:
        decisions: The decisions, without operations that are never kept.
        generator: Draws the initial parameters, uniform within ±0.1.
        units: Size of the LSTM.
        temperature: Divides the logits.
        clip: Bound of the logits.
    """

    def __init__(
        self,
        decisions: tuple[Decision, ...],
        generator: torch.Generator,
        units: int = 64,
        temperature: float = 5.0,
        clip: float = 1.1,
    ) -> None:
        super().__init__()
        self.decisions, self.temperature, self.clip = decisions, temperature, clip
        sources = dict.fromkeys(name for d in decisions for name in d.sources)
        operations = dict.fromkeys(name for d in decisions for name in d.operations)
        self._source = {name: i for i, name in enumerate(sources)}
        offered = {name: i for i, name in enumerate(operations)}
        self._offered = [[offered[name] for name in d.operations] for d in decisions]

        def made(*shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) * START)

        self.first = made(units)
        self.lstm = made(2 * units, 4 * units)
        self.anchors = made(len(sources), units)
        self.embeddings = made(len(operations), units)
        self.outputs = made(len(operations), units)
        self.of_anchor, self.of_hidden = made(units, units), made(units, units)
        self.attention = made(units)
        # Added to the logits: an architecture to start from. They are not trained.
        self.edge_start: list[Tensor] = []
        self.operation_start: list[Tensor] = []
        for i, d in enumerate(decisions):
            for own, name, shape in (
                (self.edge_start, "edges", d.shape[:1]),
                (self.operation_start, "operations", d.shape),
            ):
                self.register_buffer(f"{name}_{i}", torch.zeros(shape))
                own.append(self.get_buffer(f"{name}_{i}"))

    def walk(self, select: Select, scored: bool = False) -> Walk:
        """Pick an architecture.

        Args:
            select: Picks each edge and each operation.
            scored: Whether the scores of all candidates are computed.
        """
        picks = _Picks(select)
        x = self.first[None]
        state = (torch.zeros_like(x), torch.zeros_like(x))
        choices, scores = {}, {}
        nodes: dict[str, Tensor] = {}  # anchors of the nodes of this cell
        before: tuple[str, ...] | None = None
        for i, d in enumerate(self.decisions):
            if before is not None and d.sources[:-1] == before:
                nodes[d.sources[-1]] = state[0][0]
            else:
                nodes = {}
            before = d.sources
            learned = ((s, self.anchors[self._source[s]]) for s in d.sources)
            anchors = torch.stack([nodes.get(s, anchor) for s, anchor in learned])
            table, kept = torch.zeros(d.shape), dict[int, int]()
            for _ in range(d.keep):
                free = [edge for edge in range(len(d.sources)) if edge not in kept]
                chances = anchors.new_ones(len(free))
                edge = free[0]
                state = self._step(x, state)
                if d.keep < len(d.sources):
                    logits = self._attended(anchors[free], state[0]) + self.edge_start[i][free]
                    edge = free[picks.pick(logits)]
                    chances = logits.detach().softmax(0)
                if scored:
                    with torch.no_grad():
                        table[free] = chances[:, None] * self._of_edges(i, free, anchors, state)
                state = self._step(anchors[edge][None], state)
                kept[edge] = picks.pick(self._operation_logits(i, [edge], state)[0])
                x = self.embeddings[self._offered[i][kept[edge]]][None]
            choices[d.name] = tuple(
                (d.sources[e], d.operations[k]) for e, k in sorted(kept.items())
            )
            scores[d.name] = table
        return picks.walk(choices, scores if scored else {})

    def draw(self, generator: torch.Generator) -> Walk:
        """Draw an architecture by its probability."""
        return self.walk(lambda logs: int(torch.multinomial(logs.exp(), 1, generator=generator)))

    @torch.no_grad()
    def likeliest(self) -> Walk:
        """Pick the most probable position at each step, with the scores."""
        return self.walk(lambda logs: int(logs.argmax()), scored=True)

    def repeat(self, walk: Walk) -> Walk:
        """Pick what another pass has picked, with today's probabilities."""
        actions = iter(walk.actions)
        return self.walk(lambda logs: next(actions))

    @torch.no_grad()
    def start_from(self, choices: Choices, margin: float) -> None:
        """Raise the logits of an architecture, so that its probabilities lead by about `margin`.

        Args:
            choices: The architecture.
            margin: The lead where all others are equally probable, below 1 over the number of
                kept edges; a larger one is reduced to half of that.
        """
        for i, d in enumerate(self.decisions):
            edges, operations = d.shape
            lead = _raise(edges, d.keep, margin)
            for source, operation in choices[d.name]:
                edge, k = d.sources.index(source), d.operations.index(operation)
                self.edge_start[i][edge] += lead
                self.operation_start[i][edge, k] += _raise(operations, 1, margin)

    def _step(self, x: Tensor, state: State) -> State:
        """One step of the LSTM on inputs `(batch, units)`."""
        hidden, cell = state
        gates = torch.cat([x, hidden.expand_as(x)], dim=1) @ self.lstm
        keep, write, read, value = gates.chunk(4, dim=1)
        cell = keep.sigmoid() * cell + write.sigmoid() * value.tanh()
        return read.sigmoid() * cell.tanh(), cell

    def _attended(self, anchors: Tensor, hidden: Tensor) -> Tensor:
        """Return the logit of each anchor, `(anchors,)`."""
        mixed = (anchors @ self.of_anchor + hidden @ self.of_hidden).tanh()
        return self._clipped(mixed @ self.attention)

    def _operation_logits(self, decision: int, edges: list[int], state: State) -> Tensor:
        """Return the logits of the operations, `(edges, operations)`."""
        logits = self._clipped(state[0] @ self.outputs[self._offered[decision]].T)
        return logits + self.operation_start[decision][edges]

    def _of_edges(self, decision: int, edges: list[int], anchors: Tensor, state: State) -> Tensor:
        """Return the probabilities of the operations if an edge is picked, for several edges."""
        each = self._step(anchors[edges], state)
        return self._operation_logits(decision, edges, each).softmax(-1)

    def _clipped(self, logits: Tensor) -> Tensor:
        return self.clip * (logits / self.temperature).tanh()


class _Picks:
    """Collects the picks of a pass."""

    def __init__(self, select: Select) -> None:
        self.select, self.actions = select, list[int]()
        self.terms, self.entropies = list[Tensor](), list[Tensor]()

    def pick(self, logits: Tensor) -> int:
        logs = logits.log_softmax(-1)
        self.actions.append(self.select(logs.detach()))
        self.terms.append(logs[self.actions[-1]])
        self.entropies.append(-(logs.exp() * logs).sum())
        return self.actions[-1]

    def walk(self, choices: Choices, scores: dict[str, Tensor]) -> Walk:
        log_probability, entropy = torch.stack(self.terms).sum(), torch.stack(self.entropies).sum()
        return Walk(choices, tuple(self.actions), log_probability, entropy, scores)


def _raise(count: int, kept: int, margin: float) -> float:
    """Return what to add to `kept` of `count` equal logits for a lead in probability."""
    lead = torch.tensor(min(margin, 0.5 / kept)).double()
    return float(((1 + lead * (count - kept)) / (1 - lead * kept)).log())
