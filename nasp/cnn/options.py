"""How CNN cells are searched, and how networks of them are trained."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nasp.cli.option_checks import DEEP, MANY, WIDE, above_zero, at_most, not_negative, one_of
from nasp.cnn.spaces import SPACES
from nasp.errors import NaspError
from nasp.samplers import SAMPLERS
from nasp.strategies import ONE_SHOT

if TYPE_CHECKING:
    import torch

    from nasp.training.precision import Precision


@dataclass
class DescentOptions:
    """How weights are trained, in a search and alone.

    Attributes:
        batch_size: Images of a step, of all processes together.
        learning_rate: Of SGD with momentum, at the first epoch.
        learning_rate_min: What the cosine schedule ends at.
        momentum: Of SGD.
        weight_decay: L2 penalty on the weights.
        gradient_clip: Largest norm of the weights' gradient.
        precision: float32, bf16 (autocast), or auto, which is bf16 on CUDA.
        channels_last: Lay images and weights out with channels last.
        images: Take so many training images at random; all if null.
        cutout: Side of the square that is cut out of training images of CIFAR's form, in pixels; 0
            cuts none.
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

    def __post_init__(self) -> None:
        above_zero(self, "batch_size", "learning_rate", "gradient_clip", "images")
        not_negative(self, "learning_rate_min", "momentum", "weight_decay", "cutout")

    def numbers(self, device: "torch.device") -> "Precision":
        """What `precision` and `channels_last` mean on a device."""
        from nasp.training.precision import Precision  # here, so that options need no torch

        auto = device.type == "cuda"
        half = self.precision == "bf16" or (self.precision == "auto" and auto)
        return Precision(half, self.channels_last)

    def sgd(self, parameters: "list[torch.nn.Parameter]") -> "torch.optim.SGD":
        """The optimiser of the weights."""
        import torch

        return torch.optim.SGD(
            parameters, self.learning_rate, self.momentum, weight_decay=self.weight_decay
        )


@dataclass
class SearchOptions(DescentOptions):
    """How a cell is searched; the defaults are NASP's (arXiv 1905.13577, section 5.1).

    Attributes:
        space: nasp has NASP's 12 operations, darts the 7 of DARTS; darts_none also `none`, which
            takes weight from the others in DARTS, and is never kept.
        strategy: nasp, single_level, darts or darts2 (second order); or one that trains each cell
            it tries alone: random, exhaustive, reinforce, tpe or evolution.
        channels: Of a node in the first cell.
        layers: Number of cells.
        epochs: Epochs of the search.
        warm_up: First epochs in which only weights take steps.
        train_fraction: Share of the training images that the weights see; the rest are the
            architecture's.
        architecture_learning_rate: Adam's step size.
        architecture_weight_decay: L2 penalty on the architecture's weights.
        eta: Weight of the complexity regulariser, which prefers operations of few parameters.
        probe_fraction: Share of the idle operations that one step of NASP evaluates; below 1 the
            architecture's gradient is a sample without bias.
        trials: Cells that random, exhaustive, reinforce, tpe and evolution try.
        trial_epochs: Epochs for which each of them is trained.
    """

    space: str = "nasp"
    strategy: str = "nasp"
    channels: int = 16
    layers: int = 8
    epochs: int = 50
    warm_up: int = 0
    train_fraction: float = 0.5
    architecture_learning_rate: float = 3e-4
    architecture_weight_decay: float = 1e-3
    eta: float = 0.0
    probe_fraction: float = 1.0
    trials: int = 8
    trial_epochs: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "space", SPACES)
        one_of(self, "strategy", (*ONE_SHOT, *SAMPLERS))
        above_zero(self, "channels", "layers", "epochs", "trials", "trial_epochs")
        at_most(self, MANY, "epochs", "trials", "trial_epochs")
        at_most(self, WIDE, "channels")
        at_most(self, DEEP, "layers")
        above_zero(self, "train_fraction", "architecture_learning_rate", "probe_fraction")
        not_negative(self, "warm_up", "architecture_weight_decay", "eta")
        for name in ("train_fraction", "probe_fraction"):
            if getattr(self, name) > 1:
                raise NaspError(f"{name} is {getattr(self, name)}; it is a share, 1 at most")


@dataclass
class TrainOptions(DescentOptions):
    """How a network of found cells is trained; the defaults are those for CIFAR-10.

    Attributes:
        channels: Of a node in the first cell.
        layers: Number of cells.
        epochs: Epochs of training.
        learning_rate_decay: Multiply the learning rate by this after each epoch; the cosine
            schedule if null.
        auxiliary_weight: Weight of the auxiliary head's loss; 0 has no such head.
        drop_path_prob: Probability of dropping an operation's result, at the last epoch; it grows
            linearly from 0.
        label_smoothing: Share of the target that all classes get alike.
        validation: So many of the training images are held out and judged at each epoch.
        size: Side of ImageNet's crops, in pixels.
        workers: Processes that decode images of ImageNet's form.
        compile: Compile the network with torch.compile.
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
    size: int = 224
    workers: int = 4
    compile: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "channels", "layers", "epochs", "learning_rate_decay", "size")
        at_most(self, MANY, "epochs")
        at_most(self, WIDE, "channels", "size")
        at_most(self, DEEP, "layers")
        not_negative(self, "auxiliary_weight", "validation", "workers")
        not_negative(self, "drop_path_prob", "label_smoothing", below=1)
