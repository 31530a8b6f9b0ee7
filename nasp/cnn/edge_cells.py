"""The network of NAS-Bench-201 (Dong & Yang, ICLR 2020, arXiv 2001.00326, section 2).

A cell has four nodes, the first of which is its input, and an operation on every edge. Its output
is the last node. Cells keep height, width and channels; residual blocks between them halve height
and width and double the channels.
"""

from collections.abc import Callable
from functools import partial
from itertools import accumulate

from torch import Tensor, nn

from nasp.cnn.cell import Cell
from nasp.cnn.genotype import CellPlan
from nasp.cnn.operations import convolution, operation, relu_conv_bn
from nasp.cnn.partial_channels import PartialChannels
from nasp.cnn.spaces import NASBENCH201
from nasp.cnn.stem import CifarStem, reductions
from nasp.core.decision import Decision
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.training.batch_norm import BatchNorm

Evaluate = Callable[[nn.Module, Tensor], Tensor]
"""Runs a module on a tensor; it is also called in the backward pass."""


class EdgeCell(Cell):
    """A cell with a chosen operation on every edge.

    Args:
        plan: The cell's nodes.
        channels: Channels of its input, its nodes and its output.
    """

    def __init__(self, plan: CellPlan, channels: int) -> None:
        super().__init__()
        self.plan = plan
        self.operations = nn.ModuleList(
            operation(name, channels, 1, affine=True) for node in plan.nodes for _, name in node
        )

    def forward(self, before: Tensor, previous: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return the last node, in the shape of `previous`; see `ConvolutionalCell.forward`."""
        return self.states([previous], keep)[-1]


class EdgeSearchCell(nn.Module):
    """A cell with all candidate operations on every edge.

    Args:
        decisions: The decisions on its edges, those into the same node next to each other.
        channels: Channels of its input, its nodes and its output.
        evaluate: Runs a module on a tensor.
        split: Splits the channels of the edges' inputs.
    """

    def __init__(
        self,
        decisions: tuple[Decision, ...],
        channels: int,
        evaluate: Evaluate,
        split: PartialChannels,
    ) -> None:
        super().__init__()
        self.evaluate, self.split = evaluate, split
        self.edges = nn.ModuleDict(
            {
                decision.name: nn.ModuleList(
                    operation(name, split.width(channels), 1, affine=False)
                    for name in decision.operations
                )
                for decision in decisions
            }
        )

    def forward(self, before: Tensor, previous: Tensor, relaxation: Relaxation) -> Tensor:
        """Return the last node, in the shape of `previous`."""
        states: tuple[Tensor, ...] = (previous,)
        while edges := [name for name in self.edges if name.endswith(f"_{len(states)}")]:
            values = [
                self.split.mix(
                    relaxation,
                    name,
                    partial(self._run, self.edges[name], self.split.passing(state)),
                    partial(self._bypass, state),
                )
                for name, state in zip(edges, states, strict=True)
            ]
            states = (*states, sum(values[1:], values[0]))
        return states[-1]

    def _run(self, candidates: nn.Module, state: Tensor, edge: int, k: int) -> Tensor:
        return self.evaluate(candidates[k], state)  # type: ignore[index]

    def _bypass(self, state: Tensor, edge: int) -> Tensor:
        return self.split.bypass(state)


class ResidualReduction(nn.Module):
    """Halves height and width by two 3 × 3 convolutions and a shortcut.

    The shortcut is an average pool and a 1 × 1 convolution.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        affine: Whether its batch norms have weights.
    """

    def __init__(self, inputs: int, outputs: int, affine: bool) -> None:
        super().__init__()
        self.operations = nn.ModuleList()  # none that drop path could leave out
        self.convolutions = nn.Sequential(
            relu_conv_bn(inputs, outputs, 3, stride=2, affine=affine),
            relu_conv_bn(outputs, outputs, 3, affine=affine),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), convolution(inputs, outputs, 1))

    def forward(self, before: Tensor, previous: Tensor, unused: object = None) -> Tensor:
        """Return `(batch, outputs, height / 2, width / 2)` of `(batch, inputs, height, width)`."""
        output: Tensor = self.shortcut(previous) + self.convolutions(previous)
        return output


def edge_skeleton(
    channels: int, layers: int, affine: bool, cell: Callable[[int], nn.Module]
) -> tuple[nn.Module, nn.ModuleList, nn.Module]:
    """Return stem, cells and head of a network.

    With 3 N + 2 layers there are N cells in each of the three stages, as in the benchmark.

    Args:
        channels: Channels of the first stage, 16 in the benchmark.
        layers: Number of cells and residual blocks, 17 in the benchmark.
        affine: Whether the residual blocks' batch norms have weights.
        cell: Makes a cell, given its channels.

    Returns:
        The stem; the cells and residual blocks; and batch norm and ReLU before the classifier.
    """
    stem = CifarStem(channels)
    cells = nn.ModuleList()
    for reduction in reductions(layers):
        if reduction:
            cells.append(ResidualReduction(channels, 2 * channels, affine))
            channels *= 2
        else:
            cells.append(cell(channels))
    return stem, cells, nn.Sequential(BatchNorm(channels), nn.ReLU())


def edge_outputs(channels: int, layers: int) -> list[int]:
    """Return the channels of each output of the cells and blocks of `edge_skeleton`."""
    return [channels * 2**halved for halved in accumulate(reductions(layers))]


def check_edge_kind(kind: str) -> None:
    """Check that the stem is that for small images, the only one that the benchmark has.

    Raises:
        NaspError: It is another one.
    """
    if kind != "cifar":
        raise NaspError(
            f"the space {NASBENCH201} takes images of CIFAR's form, not those of kind {kind!r}: "
            "give other data, or another space"
        )
