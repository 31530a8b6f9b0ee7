"""Options of searches for CNN cells and of the training of their networks."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from nasp import search
from nasp.cli.option_checks import (
    DEEP,
    MANY,
    WIDE,
    check_at_most,
    check_not_negative,
    check_one_of,
    check_positive,
    check_types,
)
from nasp.cnn.spaces import NASBENCH201, SPACES, check_partial_channels
from nasp.errors import NaspError

if TYPE_CHECKING:
    import torch

    from nasp.training.precision import Precision


@dataclass
class DescentOptions:
    """Options of the training of weights, in a search and alone.

    Attributes:
        batch_size: Images of a step, of all processes together.
        learning_rate: Initial learning rate of SGD with momentum.
        learning_rate_min: Final learning rate of the cosine schedule.
        momentum: Momentum of SGD.
        weight_decay: L2 penalty on the weights.
        gradient_clip: Largest norm of the weights' gradient.
        precision: float32, bf16 (autocast), or auto, which is bf16 on CUDA.
        channels_last: Whether channels vary fastest in memory, for images and weights.
        images: Number of training images to use, drawn at random; null uses all.
        cutout: Side of the square that is cut out of training images of CIFAR's form, in pixels; 0
            cuts nothing out.
        channels: Channels of a node in the first cell.
        layers: Number of cells.
        size: Side of the crops of images of ImageNet's form, in pixels; images of CIFAR's form keep
            their own.
        workers: Number of processes that decode images of ImageNet's form, at most one for each
            core.
    """

    batch_size: int = 64
    learning_rate: float = 0.025
    learning_rate_min: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    gradient_clip: float = 5.0
    precision: Literal["auto", "float32", "bf16"] = "auto"
    channels_last: bool = True
    images: int | None = None
    cutout: int = 0
    channels: int = 16
    layers: int = 8
    size: int = 224
    workers: int = 4

    def __post_init__(self) -> None:
        check_positive(self, "batch_size", "learning_rate", "gradient_clip", "images")
        check_positive(self, "channels", "layers", "size")
        check_at_most(self, WIDE, "channels", "size")
        check_at_most(self, DEEP, "layers")
        check_not_negative(self, "learning_rate_min", "momentum", "weight_decay", "cutout")
        check_not_negative(self, "workers")

    @property
    def network_size(self) -> str:
        """The size of the network, in words."""
        return f"{self.channels} channels, {self.layers} cells"

    def numbers(self, device: "torch.device") -> "Precision":
        """Return precision and memory layout on a device."""
        from nasp.training.precision import (
            Precision,
        )  # imported here, so that options need no torch

        auto = device.type == "cuda"
        half = self.precision == "bf16" or (self.precision == "auto" and auto)
        return Precision(half, self.channels_last)

    def sgd(self, parameters: "list[torch.nn.Parameter]") -> "torch.optim.SGD":
        """Return the optimiser of the weights."""
        from nasp.training.optimization import SGD

        return SGD(parameters, self.learning_rate, self.momentum, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class Budget:
    """Limits on the network of the found cells, without its auxiliary head; null for no limit.

    Attributes:
        parameters: Largest number of parameters.
        mult_adds: Largest number of multiply-adds of convolutions and linear layers for one image.
        latency: Largest time for one image, in milliseconds, as the sum of the times of the
            network's operations, each measured alone on the search's device before the search.
        kind: The stem of the network: cifar or imagenet.
        channels: Channels of a node in its first cell.
        layers: Number of its cells.
        size: Side of its images, in pixels.
    """

    parameters: float | None = None
    mult_adds: float | None = None
    latency: float | None = None
    kind: Literal["cifar", "imagenet"] = "cifar"
    channels: int = 36
    layers: int = 20
    size: int = 32

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "parameters", "mult_adds", "latency", "channels", "layers", "size")

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return (self.parameters, self.mult_adds, self.latency) != (None, None, None)


@dataclass
class SearchOptions(search.SearchOptions, DescentOptions):
    """Options of a search for cells; the defaults are NASP's (arXiv 1905.13577, section 5.1).

    Attributes:
        space: nasp has NASP's 12 operations, darts has DARTS's 7. darts_none also has `none`, which
            takes weight from the others in a softmax and is never kept. nasbench201 is the cell of
            NAS-Bench-201, with one of five operations on each edge; 3 N + 2 layers are N cells in
            each of its three stages.
        start: The cell at which the first restart of a search on shared weights begins. random is
            the strategy's own. synflow has the candidates with the largest synaptic flow
            (arXiv 2006.05467), which needs no data and favours operations with many weights.
        partial_channels: Of how many channels one passes the candidate operations in a search; the
            others pass them by, as in PC-DARTS (arXiv 1907.05737), whose number is 4. 1 passes all.
            It must divide channels.
        train_fraction: Share of the training images that train the weights; the rest train the
            architecture.
        max_skips: Largest number of skip_connect in the normal cell, as in P-DARTS
            (arXiv 1904.12760), or in the cell of nasbench201; null for no limit.
        budget: Limits on the network of the cells.
    """

    # These betas of Adam are those of DARTS and NASP for images.
    strategy: str | Mapping[str, Any] = search.strategy_field(
        betas=(0.5, 0.999), weight_decay=1e-3, hessian="finite"
    )
    space: str = "nasp"
    start: Literal["random", "synflow"] = "random"
    partial_channels: int = 1
    train_fraction: float = 0.5
    max_skips: int | None = None
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        search.SearchOptions.__post_init__(self)
        DescentOptions.__post_init__(self)
        check_one_of(self, "space", (*SPACES, NASBENCH201))
        if self.space == NASBENCH201 and self.budget.limited:
            raise NaspError(
                f"budget holds for networks of normal and reduction cells, not for the space "
                f"{self.space}: leave the budget or the space out"
            )
        check_one_of(self, "start", ("random", "synflow"))
        check_positive(self, "train_fraction", "partial_channels")
        check_partial_channels(self.partial_channels, self.channels)
        if self.train_fraction > 1:
            raise NaspError(f"train_fraction is {self.train_fraction}; it must be at most 1")
        if self.max_skips is not None:
            check_not_negative(self, "max_skips")

    def training(self) -> "TrainOptions":
        """Return the options of stand-alone trainings, with the search's network size."""
        same = {field.name: getattr(self, field.name) for field in fields(DescentOptions)}
        return TrainOptions(
            **same,
            epochs=self.train_epochs,
            auxiliary_weight=0.0,
            drop_path_prob=0.0,
        )


@dataclass
class TrainOptions(DescentOptions):
    """Options of the training of a network of cells; the defaults are those for CIFAR-10.

    Attributes:
        epochs: Number of epochs.
        learning_rate_decay: Factor on the learning rate after each epoch; null uses the cosine
            schedule.
        auxiliary_weight: Weight of the auxiliary head's loss; 0 leaves the head out.
        drop_path_prob: Probability of dropping an operation's result in the last epoch. It grows
            linearly from 0.
        label_smoothing: Share of the target distribution that is uniform over the classes.
        validation: Number of training images that are held out and evaluated after each epoch.
        compile: Whether to compile the network with torch.compile.
    """

    channels: int = 36
    layers: int = 20
    epochs: int = 600
    batch_size: int = 96
    learning_rate_min: float = 0.0
    learning_rate_decay: float | None = None
    cutout: int = 16
    auxiliary_weight: float = 0.4
    drop_path_prob: float = 0.2
    label_smoothing: float = 0.0
    validation: int = 0
    compile: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "epochs", "learning_rate_decay")
        check_at_most(self, MANY, "epochs")
        check_not_negative(self, "auxiliary_weight", "validation")
        check_not_negative(self, "drop_path_prob", "label_smoothing", below=1)
