"""How recurrent cells are searched, and how language models of them are trained."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from nasp import search
from nasp.cli.option_checks import MANY, WIDE, check_at_most, check_not_negative, check_positive
from nasp.errors import NaspError

if TYPE_CHECKING:
    import torch

    from nasp.rnn.dropout import Rates


@dataclass
class DescentOptions:
    """How weights are trained, in a search and alone.

    Attributes:
        emsize: Units of a word's embedding.
        nhid: Units of the hidden state; embedding and decoder share their matrix, so it is emsize.
        batch_size: Columns of text that are read side by side.
        bptt: Words of a column in one step.
        learning_rate: Of SGD.
        weight_decay: L2 penalty on the weights.
        gradient_clip: Largest norm of the weights' gradient.
        alpha: Weight of the activation regulariser.
        beta: Weight of the regulariser of the activations' change in time.
        dropout: Probability of dropping a unit of the output.
        dropouth: The same of a hidden node, before its product.
        dropoutx: The same of the cell's input.
        dropouti: The same of the embedded word.
        dropoute: The same of a word's whole embedding.
        tokens: Take so many of the training words, from the start; all if null.
        max_seconds: Seconds after which no further epoch starts, shared evenly by the trials where
            there are several; no limit if null.
    """

    emsize: int = 850
    nhid: int = 850
    batch_size: int = 64
    bptt: int = 35
    learning_rate: float = 20.0
    weight_decay: float = 8e-7
    gradient_clip: float = 0.25
    alpha: float = 0.0
    beta: float = 1e-3
    dropout: float = 0.75
    dropouth: float = 0.25
    dropoutx: float = 0.75
    dropouti: float = 0.2
    dropoute: float = 0.1
    tokens: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        check_positive(
            self, "emsize", "nhid", "batch_size", "bptt", "learning_rate", "gradient_clip"
        )
        check_positive(self, "tokens", "max_seconds")
        check_at_most(self, WIDE, "emsize", "nhid")
        check_not_negative(self, "weight_decay", "alpha", "beta")
        check_not_negative(self, "dropout", "dropouth", "dropoutx", "dropouti", "dropoute", below=1)
        if self.emsize != self.nhid:
            raise NaspError(
                f"emsize is {self.emsize} and nhid {self.nhid}: give both the same value, for "
                "embedding and decoder share their matrix"
            )

    @property
    def network_size(self) -> str:
        """The size of the network, in words."""
        return f"{self.nhid} units"

    def rates(self) -> "Rates":
        """The probabilities of dropout."""
        from nasp.rnn.dropout import Rates  # here, so that options need no torch

        return Rates(self.dropout, self.dropouth, self.dropoutx, self.dropouti, self.dropoute)

    def sgd(self, parameters: "list[torch.nn.Parameter]") -> "torch.optim.SGD":
        """The optimiser of the weights, which has no state."""
        from nasp.training.optimization import SGD

        return SGD(parameters, self.learning_rate, weight_decay=self.weight_decay)


@dataclass
class SearchOptions(search.SearchOptions, DescentOptions):
    """How a cell is searched; the defaults are those of DARTS (arXiv 1806.09055, section 3.1.2).

    Attributes:
        strategy: One that searches on shared weights, or one that trains each cell it tries alone;
            a mapping of `name` and its own options sets these, too. DARTS has `none` among the
            activations, with a weight, though it is never kept.
        batch_norm: Normalise the cell's states in a one-shot search, as DARTS does. Without it
            NASP searches the very network that is trained afterwards, which learns faster; DARTS
            needs it, for its nodes sum all their predecessors and grow.
    """

    strategy: str | Mapping[str, Any] = search.strategy_field(
        learning_rate=3e-3, weight_decay=1e-3, hessian="finite"
    )

    emsize: int = 300
    nhid: int = 300
    batch_size: int = 256
    weight_decay: float = 5e-7
    dropoute: float = 0.0
    batch_norm: bool = True

    def __post_init__(self) -> None:
        search.SearchOptions.__post_init__(self)
        DescentOptions.__post_init__(self)
        if self.batch_norm and self.batch_size < 2:
            raise NaspError("batch_size is 1; batch norm needs 2 or more in a search")

    def training(self) -> "TrainOptions":
        """How a cell is trained alone in the search: in a model of the search's size."""
        same = {field.name: getattr(self, field.name) for field in fields(DescentOptions)}
        if self.max_seconds is not None:
            trainings = self.finalists if self.one_shot else self.trials
            same["max_seconds"] = self.max_seconds / max(trainings, 1)
        return TrainOptions(**same, epochs=self.train_epochs)


@dataclass
class TrainOptions(DescentOptions):
    """How a language model of a found cell is trained; the defaults are those for Penn Treebank.

    Attributes:
        epochs: Epochs of training, at most.
        nonmono: Average the weights once validation has been no better for so many epochs.
        patience: Stop once validation has been no better for so many epochs; never if null.
        compile: Compile the cell's time step with torch.compile.
    """

    epochs: int = 8000
    nonmono: int = 5
    patience: int | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "epochs", "nonmono", "patience")
        check_at_most(self, MANY, "epochs")
