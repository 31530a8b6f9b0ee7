"""`EdgeWeighted`, the base of strategies with a trained number for each edge, beside `A`."""

from typing import Any, ClassVar

import torch
from torch import nn

from nasp.strategies.darts import DARTS


class EdgeWeighted(DARTS):
    """Trains a number for each edge of each decision, by the same optimiser as `A`.

    Attributes:
        edge_start: Mean and standard deviation of the initial numbers.
        edges: The numbers of each decision, `(edges, 1)`.
    """

    edge_start: ClassVar[tuple[float, float]] = (0.0, 1e-3)

    def prepare(self) -> None:
        super().prepare()
        mean, std = self.edge_start
        self.edges = nn.ParameterDict(
            {
                d.name: mean + std * torch.randn(len(d.sources), 1, generator=self.generator)
                for d in self.space.decisions
            }
        ).to(self.device)
        added = list(self.edges.values())
        self.parameters += added
        self.optimizer.param_groups[0]["params"].extend(added)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "edges": self.edges.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.edges.load_state_dict(state["edges"])
