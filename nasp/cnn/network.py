"""The stand-alone network of a genotype: a stack of its cells."""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from nasp.cnn.auxiliary import AuxiliaryHead
from nasp.cnn.cell import Cell
from nasp.cnn.edge_cells import EdgeCell, check_edge_kind, edge_outputs, edge_skeleton
from nasp.cnn.genotype import INPUTS, CellPlan, plans
from nasp.cnn.initialise import initialise
from nasp.cnn.operations import FactorizedReduce, operation, relu_conv_bn
from nasp.cnn.spaces import NASBENCH201
from nasp.cnn.stem import skeleton
from nasp.core.genotype import Genotype
from nasp.errors import NaspError, nearest
from nasp.training.parallel import own_share

NetworkKind = Literal["cifar", "imagenet"]
# Height and width of images must be multiples of these, so that every halving is exact.
MULTIPLES: dict[str, int] = {"cifar": 4, "imagenet": 32}


def check_numbers(kind: str, channels: int, layers: int, classes: int) -> None:
    """Check the arguments of a network or search space.

    Raises:
        NaspError: A number or the kind is not possible.
    """
    if kind not in MULTIPLES:
        raise NaspError(f"unknown kind {kind!r}{nearest(kind, MULTIPLES)}: cifar or imagenet")
    for name, value, least in (
        ("channels", channels, 2),
        ("layers", layers, 1),
        ("classes", classes, 1),
    ):
        if value < least:
            raise NaspError(f"{name} is {value}: a network has {least} or more")


def check_size(kind: str, height: int, width: int) -> None:
    """Check that images can be halved as often as the cells do.

    Raises:
        NaspError: Height or width, in pixels, cannot be halved.
    """
    if height % MULTIPLES[kind] or width % MULTIPLES[kind]:
        raise NaspError(
            f"images of {height} x {width}: a network of kind {kind!r} takes multiples "
            f"of {MULTIPLES[kind]}; resize or pad them"
        )


class ConvolutionalCell(Cell):
    """A cell with chosen operations (DARTS, section 2.1).

    Args:
        plan: The cell's nodes and output.
        before: Channels of the cell before the previous one.
        previous: Channels of the previous cell.
        channels: Channels of a node.
        reduction: Whether the cell halves height and width.
        reduction_before: Whether the previous cell does, so that the cell before it is twice as
            large.
    """

    def __init__(
        self,
        plan: CellPlan,
        before: int,
        previous: int,
        channels: int,
        reduction: bool,
        reduction_before: bool,
    ) -> None:
        super().__init__()
        self.plan = plan
        reduce = FactorizedReduce if reduction_before else relu_conv_bn
        self.preprocess_before = reduce(before, channels)
        self.preprocess_previous = relu_conv_bn(previous, channels)
        self.operations = nn.ModuleList(
            operation(name, channels, 2 if reduction and source < INPUTS else 1, affine=True)
            for node in plan.nodes
            for source, name in node
        )

    def forward(self, before: Tensor, previous: Tensor, keep: Tensor | None = None) -> Tensor:
        """Compute the cell's output.

        Args:
            before: Output of the cell before the previous one, `(batch, channels, height, width)`.
            previous: Output of the previous cell.
            keep: See `Cell.states`.

        Returns:
            The concatenated output nodes, `(batch, nodes · channels, height, width)`.
        """
        inputs = [self.preprocess_before(before), self.preprocess_previous(previous)]
        states = self.states(inputs, keep)
        return torch.cat([states[state] for state in self.plan.output], 1)


class Network(nn.Module):
    """Stem, cells, global average pooling and a linear classifier.

    The cells at one and two thirds of the depth are reduction cells, which halve height and width
    and double the channels; for a cell of NAS-Bench-201 they are residual blocks. Images may have
    other sizes than the published 32 and 224 pixels.

    Args:
        genotype: The cells.
        channels: Channels of a node in the first cell.
        layers: Number of cells.
        classes: Number of classes.
        kind: Kind of stem and auxiliary head. The stem of `cifar` keeps the images' size, that of
            `imagenet` divides it by eight.
        auxiliary: Whether there is an auxiliary head, after the second reduction cell.
        generator: Draws the initial weights, on the CPU.

    Raises:
        NaspError: The genotype is not of CNN cells, or a number or the kind is not possible.
    """

    def __init__(
        self,
        genotype: Genotype,
        channels: int,
        layers: int,
        classes: int,
        kind: NetworkKind,
        auxiliary: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        check_numbers(kind, channels, layers, classes)
        self.genotype, self.kind = genotype, kind
        self.channels, self.layers, self.classes = channels, layers, classes
        self.head: nn.Module = nn.Identity()
        if genotype.space == NASBENCH201:
            check_edge_kind(kind)
            (plan,) = plans(genotype)
            self.stem, self.cells, self.head = edge_skeleton(
                channels, layers, True, partial(EdgeCell, plan)
            )
            outputs = edge_outputs(channels, layers)
        else:
            outputs = self._make_cells(*plans(genotype))
        self.auxiliary: AuxiliaryHead | None = None
        if auxiliary:
            inputs, stride = outputs[2 * layers // 3], 3 if kind == "cifar" else 2
            self.auxiliary = AuxiliaryHead(inputs, classes, stride, kind == "cifar")
        self.classifier = nn.Linear(outputs[-1], classes)
        initialise(self, generator)

    def _make_cells(self, normal: CellPlan, reduce: CellPlan) -> list[int]:
        """Make the stem and the cells, and return the channels of each cell's output."""

        def plan_of(reduction: bool) -> CellPlan:
            return reduce if reduction else normal

        def nodes(reduction: bool) -> int:
            return len(plan_of(reduction).output)

        self.stem, places, _ = skeleton(self.kind, self.channels, self.layers, nodes)
        self.cells = nn.ModuleList(
            ConvolutionalCell(plan_of(place.reduction), *place) for place in places
        )
        return [nodes(place.reduction) * place.channels for place in places]

    def forward(self, images: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return logits `(batch, classes)`, and those of the auxiliary head in training, or None.

        Args:
            images: Normalised images, `(batch, 3, height, width)`.
            keep: The factors from `drop_path`, `(cells, operations, batch)`.

        Raises:
            NaspError: Height or width cannot be halved as often as the cells do.
        """
        check_size(self.kind, *images.shape[2:])
        before, previous = self.stem(images)
        extra = None
        for position, cell in enumerate(self.cells):
            output = cell(before, previous, None if keep is None else keep[position])
            before, previous = previous, output
            if self.auxiliary is not None and self.training and position == 2 * self.layers // 3:
                extra = self.auxiliary(output)
        return self.classifier(self.head(previous).mean((2, 3))), extra


def drop_path(
    network: Network, batch: int, probability: float, generator: torch.Generator
) -> Tensor | None:
    """Draw the operations that each image skips in a step (DARTS, appendix A.2; FractalNet).

    The draw is for the whole batch, so that processes that share a batch agree, and outside of the
    network, so that the network compiles to one graph.

    Args:
        network: The network, on the device of the result.
        batch: Number of images of all processes.
        probability: Probability of skipping, independent for each operation, cell and image.
        generator: Source of the random numbers, on the CPU.

    Returns:
        Factors for this process's images, each 0 or 1/(1 − probability):
        `(cells, operations, batch)`. None if the probability is 0.

    Raises:
        NaspError: The probability is not in [0, 1), or the batch cannot be shared evenly.
    """
    if not 0 <= probability < 1:
        raise NaspError(f"drop-path probability {probability}: give one from 0 to below 1")
    if probability == 0:
        return None
    operations = max(len(cell.operations) for cell in network.cells)  # type: ignore[arg-type]
    shape = (batch, len(network.cells), operations)
    kept = own_share(torch.rand(shape, generator=generator)) >= probability
    scales = kept.permute(1, 2, 0) / (1 - probability)
    return scales.contiguous().to(network.classifier.weight.device)
