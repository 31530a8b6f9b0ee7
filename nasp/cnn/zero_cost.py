"""Scores of candidates before any training, without data: SynFlow (Tanaka et al., NeurIPS 2020)."""

import copy

import torch

from nasp.cnn.space import CNNSpace
from nasp.core.genotype import Choices, choices_of
from nasp.core.parameters import Architecture
from nasp.core.relaxation import Relaxation

SWEEPS = 10  # at most; a cell is usually fixed after two or three


def synflow_cell(space: CNNSpace, size: int, generator: torch.Generator) -> Choices:
    """Return the cell whose candidates each have the largest synaptic flow, given the others.

    All weights are replaced by their absolute values and batch norms by the identity. R is the sum
    of the logits of an image of ones. To first order, a candidate with weight `A[e,k]` adds
    `∂R/∂A[e,k]` to it, which one pass gives for all candidates (`nasp.core.relaxation`). The
    scores depend on the cell that runs, so they are computed again at the cell that they choose,
    until it stays the same. It needs no data, and favours candidates with many weights.

    Args:
        space: The space, untrained.
        size: Height and width of the image, in pixels.
        generator: Draws the first cell.
    """
    flow = copy.deepcopy(space).double().eval()
    for parameter in flow.parameters():
        parameter.data.abs_()
    device = next(flow.parameters()).device
    images = torch.ones(1, 3, size, size, dtype=torch.float64, device=device)
    architecture = Architecture(space.decisions, generator, limits=space.limits).to(device)
    projection = architecture.projection()
    for _ in range(SWEEPS):
        exact = {name: a.double() for name, a in projection.items()}
        path = Relaxation.one_path(exact, device).probed()
        total = flow((images, None), path).sum()
        found = torch.autograd.grad(total, list(path.weights.values()), materialize_grads=True)
        scores = dict(zip(path.weights, found, strict=True))
        # Relative to the largest of each decision, because the flow grows with every layer.
        scores = {name: s / s.max().clamp(min=1e-300) for name, s in scores.items()}
        before, projection = projection, architecture.projection(scores)
        if all(torch.equal(projection[name].float(), before[name].float()) for name in before):
            break
    return choices_of(space.decisions, projection)
