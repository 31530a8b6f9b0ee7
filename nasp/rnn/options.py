"""Options of searches for recurrent cells and of the training of their language models."""

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
    """Options of the training of weights, in a search and alone.

    Attributes:
        emsize: Units of a word's embedding.
        nhid: Units of the hidden state. It must equal emsize, because embedding and decoder share
            their matrix.
        batch_size: Number of columns of text that are read in parallel.
        bptt: Words of each column in one step.
        learning_rate: Learning rate of SGD.
        weight_decay: L2 penalty on the weights.
        gradient_clip: Largest norm of the weights' gradient.
        alpha: Weight of the activation regulariser.
        beta: Weight of the temporal activation regulariser.
        dropout: Probability of dropping a unit of the output.
        dropouth: Probability of dropping a unit of a hidden node, before its product.
        dropoutx: Probability of dropping a unit of the cell's input.
        dropouti: Probability of dropping a unit of an embedded word.
        dropoute: Probability of dropping a word's whole embedding.
        tokens: Number of training words to use, from the start of the text; null uses all.
        max_seconds: Seconds after which no epoch starts, divided evenly among several trials; null
            for no limit.
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
                f"emsize is {self.emsize} and nhid {self.nhid}: give both the same value, because "
                "embedding and decoder share their matrix"
            )

    @property
    def network_size(self) -> str:
        """The size of the network, in words."""
        return f"{self.nhid} units"

    def rates(self) -> "Rates":
        """Return the dropout probabilities."""
        from nasp.rnn.dropout import Rates  # imported here, so that options need no torch

        return Rates(self.dropout, self.dropouth, self.dropoutx, self.dropouti, self.dropoute)

    def sgd(self, parameters: "list[torch.nn.Parameter]") -> "torch.optim.SGD":
        """Return the optimiser of the weights, which has no state."""
        from nasp.training.optimization import SGD

        return SGD(parameters, self.learning_rate, weight_decay=self.weight_decay)


@dataclass
class SearchOptions(search.SearchOptions, DescentOptions):
    """Options of a search for a cell; the defaults are DARTS's (arXiv 1806.09055, section 3.1.2).

    Attributes:
        strategy: A strategy that searches on shared weights, or a sampler, which trains each cell
            alone. A mapping of `name` and options sets the strategy's own options. DARTS's
            candidates include `none`, which has a weight but is never kept.
        batch_norm: Whether to normalise the cell's states in a search on shared weights, as DARTS
            does. null normalises them for strategies that run all candidates, because their nodes
            sum over all predecessors. With the norm, the gradient of one path does not predict what
            another candidate does to the loss.
    """

    strategy: str | Mapping[str, Any] = search.strategy_field(
        learning_rate=3e-3, weight_decay=1e-3, hessian="finite"
    )

    emsize: int = 300
    nhid: int = 300
    batch_size: int = 256
    weight_decay: float = 5e-7
    dropoute: float = 0.0
    batch_norm: bool | None = None

    def __post_init__(self) -> None:
        search.SearchOptions.__post_init__(self)
        DescentOptions.__post_init__(self)
        if self.batch_norm:
            self.check_batch_norm()

    def check_batch_norm(self) -> None:
        """Check that a batch norm has statistics.

        Raises:
            NaspError: A batch has one column.
        """
        if self.batch_size < 2:
            raise NaspError("batch_size is 1; batch norm needs 2 or more in a search")

    def training(self) -> "TrainOptions":
        """Return the options of stand-alone trainings, with the search's network size."""
        same = {field.name: getattr(self, field.name) for field in fields(DescentOptions)}
        if self.max_seconds is not None:
            trainings = self.finalists if self.one_shot else self.trials
            same["max_seconds"] = self.max_seconds / max(trainings, 1)
        return TrainOptions(**same, epochs=self.train_epochs)


@dataclass
class TrainOptions(DescentOptions):
    """Options of the training of a language model; the defaults are those for Penn Treebank.

    Attributes:
        epochs: Maximum number of epochs.
        nonmono: Number of epochs without better validation after which averaging of the weights
            begins.
        patience: Number of epochs without better validation after which the training stops; null
            for no limit.
        compile: Whether to compile the cell's time step with torch.compile.
    """

    epochs: int = 8000
    nonmono: int = 5
    patience: int | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "epochs", "nonmono", "patience")
        check_at_most(self, MANY, "epochs")
