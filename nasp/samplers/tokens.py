"""Architectures as sequences of tokens, for samplers with recurrent networks."""

from typing import NamedTuple

import torch
from torch import Tensor

from nasp.core.decision import Decision
from nasp.samplers.slots import Architectures


class Step(NamedTuple):
    """A token of the sequence.

    Attributes:
        decision: Position of the decision.
        slot: Position of the slot among those of all decisions.
        edge: Whether it is the slot's edge; otherwise it is its operation.
        first: Position of its first embedding.
        size: Number of choices.
    """

    decision: int
    slot: int
    edge: bool
    first: int
    size: int


class Tokens:
    """The steps of a space's sequences.

    A decision has an edge and an operation for each edge that it keeps. There is no token where
    there is no choice. The slots of a decision share their embeddings.

    Args:
        decisions: The decisions, without operations that are never kept.

    Attributes:
        steps: The steps, in the order of the decisions.
        embeddings: Number of embeddings. The one at 0 stands for the start.
    """

    def __init__(self, decisions: tuple[Decision, ...]) -> None:
        self.decisions = decisions
        self.steps: list[Step] = []
        slot, self.embeddings = 0, 1
        for position, d in enumerate(decisions):
            edges, operations = d.shape
            first, own = self.embeddings, []
            if d.keep < edges:
                own.append((True, first, edges))
            if operations > 1:
                own.append((False, first + edges, operations))
            for _ in range(d.keep):
                self.steps += [Step(position, slot, *one) for one in own]
                slot += 1
            self.embeddings += edges + operations

    def of(self, some: Architectures) -> Tensor:
        """Return the tokens of architectures, int64 `(architectures, steps)`."""
        tokens = torch.empty(len(some), len(self.steps), dtype=torch.int64)
        for position, step in enumerate(self.steps):
            values = some.edges if step.edge else some.operations
            tokens[:, position] = values[:, step.slot]
        return tokens

    def architectures(self, tokens: Tensor) -> Architectures:
        """Return the architectures of tokens, int64 `(architectures, steps)`."""
        kept = torch.tensor([edge for d in self.decisions for edge in range(d.keep)])
        some = Architectures(*(x.repeat(len(tokens), 1) for x in (kept, torch.zeros_like(kept))))
        for position, step in enumerate(self.steps):
            values = some.edges if step.edge else some.operations
            values[:, step.slot] = tokens[:, position]
        return some

    def without_kept(self, logits: Tensor, chosen: list[Tensor]) -> Tensor:
        """Forbid the edges that earlier steps of the same decision keep.

        Args:
            logits: Logits of the next step's choices, `(architectures, choices)`.
            chosen: The tokens of the steps before, each int64 `(architectures,)`.

        Returns:
            The logits, with −∞ for those edges.
        """
        step = self.steps[len(chosen)]
        for earlier, before in zip(self.steps, chosen, strict=False):
            if step.edge and earlier.edge and earlier.decision == step.decision:
                logits = logits.scatter(1, before[:, None], -torch.inf)
        return logits
