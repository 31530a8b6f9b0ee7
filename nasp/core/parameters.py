"""The architecture weights `A` of a search, a tensor for each decision."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.limit import Limit, within_limits
from nasp.core.projection import complexity, prox_c1, prox_c2, prox_complexity


class Architecture(nn.Module):
    """The architecture weights `A` that a one-shot strategy trains.

    Args:
        decisions: The decisions of the space.
        generator: Draws the initial values and the order in which ties are broken.
        mean: Mean of the initial values.
        std: Standard deviation of the initial values, which are normal.
        limits: Limits that the projection keeps.
    """

    def __init__(
        self,
        decisions: Sequence[Decision],
        generator: torch.Generator,
        mean: float = 0.5,
        std: float = 1e-3,
        limits: Sequence[Limit] = (),
    ) -> None:
        super().__init__()
        self.limits = tuple(limits)
        self.decisions = tuple(decisions)
        self.weights = nn.ParameterDict()
        for decision in self.decisions:
            noise = torch.randn(decision.shape, generator=generator)
            self.weights[decision.name] = nn.Parameter(mean + std * noise)
            self.register_buffer(
                f"cost_{decision.name}", torch.tensor(decision.cost, dtype=torch.float32)
            )
        self._sizes = [a.numel() for a in self.weights.values()]
        # What C2 cut off in the last step: candidates at a bound are ranked by where they would be.
        self.excess: Tensor
        self.register_buffer("excess", torch.zeros(sum(self._sizes)))
        # Breaks ties between weights that were clipped to the same bound. Breaking them by
        # position would favour the first operation, which is often skip_connect.
        self.ties: Tensor
        self.register_buffer("ties", 1e-6 * torch.rand(sum(self._sizes), generator=generator))

    def values(self) -> dict[str, Tensor]:
        """`A` of each decision, `(edges, operations)`, as trainable parameters."""
        return {d.name: self.weights[d.name] for d in self.decisions}

    @torch.no_grad()
    def shrink(self, strength: float) -> None:
        """Take the proximal step of the complexity regulariser, in place; see `prox_complexity`."""
        for name, a in self.values().items():
            a.copy_(prox_complexity(a, self.get_buffer(f"cost_{name}"), strength))

    @torch.no_grad()
    def clip(self) -> None:
        """Project `A` onto C2, in place. What is cut off ranks candidates at a bound."""
        cut = []
        for a in self.values().values():
            clipped = prox_c2(a)
            cut.append((a - clipped).flatten())
            a.copy_(clipped)
        self.excess.copy_(torch.cat(cut))

    @torch.no_grad()
    def projection(
        self,
        values: Mapping[str, Tensor] | None = None,
        kept: Mapping[str, Tensor] | None = None,
        margin: float = 0.0,
    ) -> dict[str, Tensor]:
        """Return `prox_C1` of each decision, or a point of C1 near to it that keeps the limits.

        Ties are broken in a random order fixed by the seed.

        Args:
            values: The weights to project. If None, `A`, in which candidates at a bound are ranked
                by their values before the last `clip`.
            kept: The projection before this one, on the host.
            margin: What the weights of candidates in `kept` are raised by before the projection.

        Returns:
            One-hot rows `(edges, operations)` on the host, by a single copy from the device.
        """
        chosen = self.weights if values is None else values
        flat = torch.cat([chosen[d.name].flatten() for d in self.decisions])
        if values is None:
            flat = flat + self.excess
        # In float64, because float32 has only sixteen distinct tie-breaking offsets near 0.5.
        a, ties = torch.stack([flat, self.ties.to(flat)]).cpu().double()
        if kept is not None:
            a += margin * torch.cat([kept[d.name].flatten() for d in self.decisions])
        parts = torch.split(a + ties, self._sizes)
        projection, ranked = {}, {}
        for decision, part in zip(self.decisions, parts, strict=True):
            a = part.view(decision.shape)
            if decision.absent is not None:
                a[:, decision.operations.index(decision.absent)] = -torch.inf
            projection[decision.name] = prox_c1(a, decision.keep).to(flat.dtype)
            ranked[decision.name] = a
        return within_limits(self.limits, self.decisions, ranked, projection)

    def complexity(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return Σ R over the decisions at the given weights, a scalar (NASP, eq. 4)."""
        terms = [
            complexity(weights[d.name], self.get_buffer(f"cost_{d.name}")) for d in self.decisions
        ]
        return torch.stack(terms).sum()
