"""Element-wise MLPs, which transform embeddings before operations (arXiv 1906.12091, §4.1)."""

import torch
from torch import Tensor, nn

HIDDEN = 8  # hidden units, as in the paper


class ElementwiseMLP(nn.Module):
    """An MLP 1 → 8 → 1 with tanh for each entity, applied to every element of its embedding.

    It starts near `x + offset` (slope 1 at 0), so that untrained MLPs pass the embeddings on.

    The parameters are those of the equivalent network with sigmoid units, `tanh(z) = 2 σ(2z) - 1`,
    because torch's sigmoid is several times faster on a CPU than its tanh.

    Args:
        entities: Number of entities N, each of which has its own MLP.
        offset: Initial value of the transform of 0.
        generator: Draws the initial values.
    """

    def __init__(self, entities: int, offset: float, generator: torch.Generator) -> None:
        super().__init__()
        inner = torch.randn(entities, HIDDEN, 1, generator=generator)
        bias = 0.5 * torch.randn(entities, HIDDEN, 1, generator=generator)
        slope = inner * (1 - torch.tanh(bias).square())
        outer = (slope / slope.square().sum(1, keepdim=True)).transpose(1, 2)
        self.inner = nn.Parameter(2 * inner)
        self.inner_bias = nn.Parameter(2 * bias)
        self.outer = nn.Parameter(2 * outer)
        constant = offset - outer @ torch.tanh(bias) - outer.sum(2, keepdim=True)
        self.outer_bias = nn.Parameter(constant)

    def forward(self, x: Tensor) -> Tensor:
        """Transform `(entities, elements)` entity by entity to the same shape."""
        # Hidden units come before elements, so that each kernel runs over long rows. The products
        # have an inner size of one, so that their backward pass needs no sum over a large
        # temporary.
        hidden = torch.baddbmm(self.inner_bias, self.inner, x.unsqueeze(1)).sigmoid_()
        return torch.baddbmm(self.outer_bias, self.outer, hidden).squeeze(1)
