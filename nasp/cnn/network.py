"""The stand-alone network of a genotype: a stack of its cells."""

from typing import Literal

import torch
from torch import Tensor, nn

from nasp.cnn.auxiliary import AuxiliaryHead
from nasp.cnn.genotype import CellPlan, plans
from nasp.cnn.initialise import initialise
from nasp.cnn.operations import FactorizedReduce, operation, relu_conv_bn
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


class ConvolutionalCell(nn.Module):
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
            operation(name, channels, 2 if reduction and source < 2 else 1, affine=True)
            for node in plan.nodes
            for source, name in node
        )

    def forward(self, before: Tensor, previous: Tensor, keep: Tensor | None = None) -> Tensor:
        """Compute the cell's output.

        Args:
            before: Output of the cell before the previous one, `(batch, channels, height, width)`.
            previous: Output of the previous cell.
            keep: Factors on the operations' results, `(operations, batch)`, except for identities;
                see `drop_path`.

        Returns:
            The concatenated output nodes, `(batch, nodes · channels, height, width)`.
        """
        states = [self.preprocess_before(before), self.preprocess_previous(previous)]
        operations = enumerate(self.operations)
        for node in self.plan.nodes:
            terms = []
            for (source, _), (position, op) in zip(node, operations, strict=False):
                value = op(states[source])
                if keep is not None and not isinstance(op, nn.Identity):
                    value = value * keep[position].to(value.dtype)[:, None, None, None]
                terms.append(value)
            states.append(sum(terms[1:], terms[0]))
        return torch.cat([states[state] for state in self.plan.output], 1)


class Network(nn.Module):
    """Stem, cells, global average pooling and a linear classifier.

    The cells at one and two thirds of the depth are reduction cells, which halve height and width
    and double the channels. Images may have other sizes than the published 32 and 224 pixels.

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
        normal, reduce = plans(genotype)
        self.genotype, self.kind = genotype, kind
        self.channels, self.layers, self.classes = channels, layers, classes

        def plan_of(reduction: bool) -> CellPlan:
            return reduce if reduction else normal

        def nodes(reduction: bool) -> int:
            return len(plan_of(reduction).output)

        self.stem, places, last = skeleton(kind, channels, layers, nodes)
        self.cells = nn.ModuleList(
            ConvolutionalCell(plan_of(place.reduction), *place) for place in places
        )
        self.auxiliary: AuxiliaryHead | None = None
        if auxiliary:
            place = places[2 * layers // 3]
            inputs, stride = nodes(place.reduction) * place.channels, 3 if kind == "cifar" else 2
            self.auxiliary = AuxiliaryHead(inputs, classes, stride, kind == "cifar")
        self.classifier = nn.Linear(last, classes)
        initialise(self, generator)

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
        return self.classifier(previous.mean((2, 3))), extra


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
