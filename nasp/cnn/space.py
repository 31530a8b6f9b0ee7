"""The search space of CNN cells: a network of cells with all candidate operations."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nasp.cnn import nasbench201
from nasp.cnn.edge_cells import EdgeSearchCell, check_edge_kind, edge_outputs, edge_skeleton
from nasp.cnn.genotype import SPACE
from nasp.cnn.initialise import initialise
from nasp.cnn.network import check_numbers, check_size
from nasp.cnn.operations import FactorizedReduce, operation, relu_conv_bn
from nasp.cnn.partial_channels import PartialChannels
from nasp.cnn.spaces import NASBENCH201, SPACES, check_partial_channels
from nasp.cnn.stem import skeleton
from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import check_known
from nasp.training.batch_norm import BatchNorm
from nasp.training.precision import Precision

States = tuple[Tensor, ...]
NODES = 4
KEEP = 2  # edges that a node keeps


def decisions_of(space: str, channels: int) -> tuple[Decision, ...]:
    """Return the decisions on the nodes of both cells: `normal_0`, ..., `reduce_3`.

    Those of `nasbench201` are the edges of its cell: `edge_0_1`, ..., `edge_2_3`.

    Args:
        space: A name in `nasp.cnn.spaces.SPACES`, or `nasbench201`.
        channels: Number of channels for which the weights of the operations are counted.

    Raises:
        NaspError: There is no such space.
    """
    check_known("space", space, (*SPACES, NASBENCH201))
    if space == NASBENCH201:
        return nasbench201.decisions(channels)
    return tuple(
        Decision(
            f"{cell}_{node}",
            ("input_0", "input_1", *(f"node_{i}" for i in range(node))),
            operations,
            tuple(_weights(name, channels) for name in operations),
            KEEP,
            "none" if "none" in operations else None,
        )
        for cell, operations in zip(("normal", "reduce"), SPACES[space], strict=True)
        for node in range(NODES)
    )


def _weights(name: str, channels: int) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in operation(name, channels, 1, affine=False).parameters())


class SearchCell(nn.Module):
    """A cell with all candidate operations on all edges (DARTS, section 2.1).

    Args:
        decisions: The decisions on its nodes.
        before: Channels of the cell before the previous one.
        previous: Channels of the previous cell.
        channels: Channels of a node.
        reduction: Whether the cell halves height and width.
        reduction_before: Whether the previous cell does.
        evaluate: Runs a module on a tensor; it is also called in the backward pass.
        split: Splits the channels of the nodes' inputs.
    """

    def __init__(
        self,
        decisions: tuple[Decision, ...],
        before: int,
        previous: int,
        channels: int,
        reduction: bool,
        reduction_before: bool,
        evaluate: Callable[[nn.Module, Tensor], Tensor],
        split: PartialChannels,
    ) -> None:
        super().__init__()
        self.decisions, self.evaluate, self.split = decisions, evaluate, split
        self.reduction = reduction
        reduce = FactorizedReduce if reduction_before else relu_conv_bn
        self.preprocess_before = reduce(before, channels, affine=False)
        self.preprocess_previous = relu_conv_bn(previous, channels, affine=False)
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                nn.ModuleList(
                    _candidate(name, split.width(channels), 2 if reduction and edge < 2 else 1)
                    for name in decision.operations
                )
                for edge in range(len(decision.sources))
            )
            for decision in decisions
        )

    def forward(self, before: Tensor, previous: Tensor, relaxation: Relaxation) -> Tensor:
        """Return the concatenated nodes, `(batch, nodes · channels, height, width)`."""
        states: States
        states = (self.preprocess_before(before), self.preprocess_previous(previous))
        inputs: States = ()  # the channels of each state that candidates get
        rectified: States = ()  # ReLU of each input, with which all convolutions begin
        for decision, edges in zip(self.decisions, self.nodes, strict=True):
            new = [self.split.passing(state) for state in states[len(inputs) :]]
            inputs, rectified = (*inputs, *new), (*rectified, *(x.relu() for x in new))
            run = partial(self._run, edges, inputs, rectified)
            bypass = partial(self._bypass, states)
            states = (*states, self.split.mix(relaxation, decision.name, run, bypass))
        return torch.cat(states[2:], 1)

    def _run(
        self, edges: nn.Module, inputs: States, rectified: States, edge: int, k: int
    ) -> Tensor:
        candidate: nn.Module = edges[edge][k]  # type: ignore[index]
        chosen = rectified if isinstance(candidate, _AfterReLU) else inputs
        return self.evaluate(candidate, chosen[edge])

    def _bypass(self, states: States, edge: int) -> Tensor:
        return self.split.bypass(states[edge], halve=self.reduction and edge < 2)


class _AfterReLU(nn.Sequential):
    """An operation without its first ReLU, for an input to which ReLU has been applied."""


def _candidate(name: str, channels: int, stride: int) -> nn.Module:
    """Make an operation with a normalised result, including pooling, so that weights compare."""
    made = operation(name, channels, stride, affine=False)
    if isinstance(made, nn.Sequential) and isinstance(made[0], nn.ReLU):
        return _AfterReLU(OrderedDict(list(made.named_children())[1:]))
    if isinstance(made, nn.MaxPool2d | nn.AvgPool2d):
        return nn.Sequential(made, BatchNorm(channels, affine=False))
    return made


class CNNSpace(SearchSpace):
    """A stack of cells in which all normal cells share their decisions, as do all reduction cells.

    In the space `nasbench201` there are residual blocks in place of reduction cells.

    Args:
        space: A name in `nasp.cnn.spaces.SPACES`, or `nasbench201`.
        classes: Number of classes.
        channels: Channels of a node in the first cell.
        layers: Number of cells; those at one and two thirds of the depth are reduction cells.
        generator: Draws the initial weights, on the CPU.
        kind: Kind of the stem: `cifar` for small images, or `imagenet`.
        precision: Precision and memory layout.
        partial_channels: Of how many channels one passes the candidates, a divisor of `channels`.

    Raises:
        NaspError: There is no such space, or a number or the kind is not possible.
    """

    def __init__(
        self,
        space: str,
        classes: int,
        channels: int,
        layers: int,
        generator: torch.Generator,
        kind: str = "cifar",
        precision: Precision | None = None,
        partial_channels: int = 1,
    ) -> None:
        super().__init__()
        check_numbers(kind, channels, layers, classes)
        split = PartialChannels(partial_channels)
        check_partial_channels(partial_channels, channels)
        self.kind, self.precision = kind, precision or Precision()
        self.decisions = decisions_of(space, channels)
        self.name = SPACE
        self.head: nn.Module = nn.Identity()
        if space == NASBENCH201:
            check_edge_kind(kind)
            self.name, last = space, edge_outputs(channels, layers)[-1]
            self.stem, self.cells, self.head = edge_skeleton(
                channels,
                layers,
                False,
                lambda width: EdgeSearchCell(self.decisions, width, self._evaluate, split),
            )
        else:
            normal, reduce = self.decisions[:NODES], self.decisions[NODES:]
            self.stem, places, last = skeleton(kind, channels, layers, lambda reduction: NODES)
            self.cells = nn.ModuleList(
                SearchCell(reduce if place.reduction else normal, *place, self._evaluate, split)
                for place in places
            )
        self.classifier = nn.Linear(last, classes)
        initialise(self, generator)
        self.precision.prepare(self)

    def forward(self, batch: tuple[Tensor, Any], relaxation: Relaxation) -> Tensor:
        """Return logits `(batch, classes)` of normalised images `(batch, 3, height, width)`.

        Raises:
            NaspError: Height or width cannot be halved as often as the cells do.
        """
        images, _ = batch
        check_size(self.kind, *images.shape[2:])
        images = self.precision.layout(images)
        with self.precision.autocast(images.device):
            before, previous = self.stem(images)
            for cell in self.cells:
                before, previous = previous, cell(before, previous, relaxation)
            logits: Tensor = self.classifier(self.head(previous).mean((2, 3)))
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def genotype(self, choices: Choices) -> Genotype:
        return Genotype(self.name, choices)

    def _evaluate(self, module: nn.Module, images: Tensor) -> Tensor:
        # The backward pass, which evaluates candidates, is outside of forward's autocast.
        with self.precision.autocast(images.device):
            output: Tensor = module(images)
        return output
