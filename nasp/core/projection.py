"""The constraints C1 and C2 and the complexity regulariser (NASP, arXiv 1905.13577, §3)."""

import torch
from torch import Tensor

from nasp.errors import Diverged


def prox_c1(a: Tensor, keep: int = 1) -> Tensor:
    """Project onto C1: keep the `keep` best edges, each with its best operation.

    The result is the point of C1 nearest to `a`. Among matrices of zeros and ones it maximises
    ⟨a, x⟩, so it keeps the edges whose largest values are largest. The first of equal values wins.

    Args:
        a: Architecture weights, `(edges, operations)`.
        keep: Number of edges to keep, at most `edges`.

    Returns:
        One-hot rows for the kept edges and zero rows for the others, `(edges, operations)`.

    Raises:
        ValueError: `keep` is out of range, or `a` is not a matrix.
        Diverged: `a` holds NaN.
    """
    if a.ndim != 2 or not 1 <= keep <= a.shape[0]:
        raise ValueError(f"keep={keep} must be 1 to the edges of a, whose shape is {(*a.shape,)}")
    rows = a.tolist()  # `a` is tiny and the result goes to the host: lists beat a dozen kernels
    if any(value != value for row in rows for value in row):
        raise Diverged("the architecture weights hold NaN: lower the architecture learning rate")
    best = [max(range(len(row)), key=row.__getitem__) for row in rows]
    ranked = sorted(range(len(rows)), key=lambda edge: -rows[edge][best[edge]])
    projected = torch.zeros_like(a)
    for edge in ranked[:keep]:
        projected[edge, best[edge]] = 1.0
    return projected


def prox_c2(a: Tensor) -> Tensor:
    """Project onto C2 = [0, 1]: clip each weight of a tensor of any shape."""
    return a.clamp(0.0, 1.0)


def complexity(a: Tensor, cost: Tensor) -> Tensor:
    """Return R(A) = Σ_k (p_k / Σ p) ‖A[:, k]‖², which favours operations with few parameters.

    Args:
        a: Architecture weights, `(edges, operations)`.
        cost: Numbers of parameters `p_k`, `(operations,)`; R is 0 if all are 0.

    Returns:
        The scalar R(A).
    """
    return (_share(cost) * a.square()).sum()


def prox_complexity(a: Tensor, cost: Tensor, strength: float) -> Tensor:
    """Return the proximal step of the regulariser, `argmin_x strength · R(x) + ½‖x − a‖²`.

    Args:
        a: Architecture weights, `(edges, operations)`.
        cost: Numbers of parameters, see `complexity`.
        strength: Weight of R, for a step of size ε the product ε η.
    """
    return a / (1 + 2 * strength * _share(cost))


def _share(cost: Tensor) -> Tensor:
    return cost / cost.sum().clamp(min=torch.finfo(cost.dtype).tiny)
