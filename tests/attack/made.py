"""Valid inputs, each made on first use."""

import contextlib
import io
from functools import cached_property
from pathlib import Path

import torch

from nasp.cnn.data import Normalise
from nasp.cnn.model_file import save_network
from nasp.cnn.network import Network
from nasp.rnn.data import Vocabulary
from nasp.rnn.model_file import save_model
from nasp.rnn.network import LanguageModel
from nasp.rnn.zoo import ZOO
from sif import compare, search
from sif.data import Synthetic, synthetic
from tests.nasp.cnn.cells import SMALL
from tests.nasp.cnn.conftest import write_photos
from tests.nasp.rnn.made import write_texts

ONCE = ["--tracking", "none", "--quiet", "--device", "cpu"]
SIF = [
    *("--embedding_dim", "2", "--epochs", "1", "--warm_up", "0", "--restarts", "1"),
    *("--finalists", "1", "--train_epochs", "1", *ONCE),
]
CNN = [
    *("--channels", "2", "--layers", "3", "--batch_size", "8", "--images", "16", "--epochs", "1"),
    *ONCE,
]
RNN = [
    *("--emsize", "4", "--nhid", "4", "--batch_size", "4", "--bptt", "6", "--epochs", "1"),
    *("--tokens", "100", *ONCE),
]
COMPARE = [
    *("--embedding_dims", "2", "--seeds", "2", "--tuning_trials", "1", "--methods", "mf"),
    *("--search.epochs", "1", "--search.warm_up", "0", "--search.train_epochs", "1"),
    *("--tracking", "none", "--quiet"),
]


class Made:
    """Tables, images, texts, and the files that commands write for them.

    Args:
        folder: Folder of all files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def table(self) -> Path:
        """Ratings, as csv."""
        frame = synthetic(Synthetic(users=12, items=10, ratings=90), seed=0)
        frame.to_csv(self.folder / "ratings.csv", index=False)
        return self.folder / "ratings.csv"

    @cached_property
    def photos(self) -> Path:
        """Images, as parquet."""
        return write_photos(self.folder / "photos", 8)

    @cached_property
    def texts(self) -> Path:
        """Texts of a small language."""
        return write_texts(self.folder / "texts")

    @cached_property
    def searched(self) -> Path:
        """A search's folder."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            output = self.folder / "searched"
            search.main(["--data", str(self.table), "--output", str(output), *SIF])
        return output

    @cached_property
    def cells(self) -> Path:
        """The genotype of CNN cells."""
        SMALL.save(self.folder / "cells.json")
        return self.folder / "cells.json"

    @cached_property
    def compared(self) -> Path:
        """A comparison's folder."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            output = self.folder / "compared"
            compare.main(["--data", str(self.table), "--output", str(output), *COMPARE])
        return output

    @cached_property
    def network(self) -> Path:
        """A network's file."""
        network = Network(SMALL, 2, 3, 3, "cifar", False, torch.Generator().manual_seed(1))
        path = self.folder / "network.pt"
        save_network(path, network, ("a", "b", "c"), Normalise((0.5,) * 3, (0.2,) * 3), 8)
        return path

    @cached_property
    def language(self) -> Path:
        """A language model's file."""
        words = ("a", "b", "<eos>")
        model = LanguageModel(ZOO["darts_v1"], len(words), 4, torch.Generator().manual_seed(1))
        save_model(self.folder / "language.pt", model, Vocabulary(words))
        return self.folder / "language.pt"
