"""Draws of the hyperparameters of Gaussian rows (Salakhutdinov and Mnih, ICML 2008).

All draws come from a `torch.Generator`. A chi-squared variable with an integer number of degrees
of freedom is a sum of so many squared normal variables, so no other distribution is needed.
"""

import torch
from torch import Tensor

MEAN_WEIGHT = 2.0  # prior observations of the mean, as in the paper


def draw_chi_squared(degrees: int, generator: torch.Generator) -> float:
    """Draw from the chi-squared distribution with this number of degrees of freedom."""
    normal = torch.randn(degrees, generator=generator, dtype=torch.float64)
    return float(normal.dot(normal))


def draw_precision(squares: float, count: int, generator: torch.Generator) -> float:
    """Draw the precision of normal variables of mean 0, whose prior is one observation of 1.

    Args:
        squares: The sum of their squares.
        count: Their number.
        generator: Source of the draw.
    """
    return draw_chi_squared(count + 1, generator) / (squares + 1)


def draw_wishart(scale: Tensor, degrees: int, generator: torch.Generator) -> Tensor:
    """Draw a `(k, k)` matrix from the Wishart distribution, by Bartlett's decomposition.

    Args:
        scale: The scale matrix, positive definite, `(k, k)`.
        degrees: Degrees of freedom, at least k.
        generator: Source of the draw.
    """
    size = len(scale)
    lower = torch.randn(size, size, generator=generator, dtype=scale.dtype).tril(-1)
    for row in range(size):
        lower[row, row] = draw_chi_squared(degrees - row, generator) ** 0.5
    root: Tensor = torch.linalg.cholesky(scale) @ lower
    return root @ root.T


def draw_normal(precision: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw `(count, k)` normal rows of mean 0 with this precision matrix `(k, k)`."""
    root = torch.linalg.cholesky(precision)
    normal = torch.randn(len(root), count, generator=generator, dtype=root.dtype)
    drawn: Tensor = torch.linalg.solve_triangular(root.T, normal, upper=True)
    return drawn.T


def draw_mean_and_precision(
    rows: Tensor, links: Tensor | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw the mean and the precision of rows from their normal-Wishart posterior.

    Args:
        rows: The rows, without what side information explains of them, `(n, k)`.
        links: The weights of side information times the root of their precision `(features, k)`:
            they have the covariance of the rows (Simm et al. 2017, arXiv 1509.04610); None without
            side information.
        generator: Source of the draws.

    Returns:
        The mean `(k,)` and the precision `(k, k)`, in float32.
    """
    count, size = rows.shape
    values = rows.double()
    mean = values.mean(0)
    centred = values - mean
    scatter = torch.eye(size, dtype=torch.float64) + centred.T @ centred
    scatter += MEAN_WEIGHT * count / (MEAN_WEIGHT + count) * torch.outer(mean, mean)
    degrees = size + count
    if links is not None:
        scatter += links.double().T @ links.double()
        degrees += len(links)
    inverse = torch.linalg.inv(scatter)
    precision = draw_wishart((inverse + inverse.T) / 2, degrees, generator)
    weight = MEAN_WEIGHT + count
    centre = mean * count / weight + draw_normal(weight * precision, 1, generator)[0]
    return centre.float(), precision.float()
