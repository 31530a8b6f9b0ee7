"""Every configuration that comes along is read by its command."""

from pathlib import Path
from types import ModuleType

import pytest

import sif.compare
import sif.search
from nasp import bench, cnn_compare, cnn_search, cnn_train, rnn_compare, rnn_search, rnn_train
from nasp.cli.package_files import resource
from nasp.errors import NaspError

CONFIGURATIONS: dict[str, dict[ModuleType, tuple[str, ...]]] = {
    "cnn": {
        cnn_search: ("best_of_four", "darts", "nasp", "smoke"),
        cnn_train: ("cifar10", "imagenet", "smoke_train"),
        cnn_compare: ("smoke_compare",),
    },
    "rnn": {
        rnn_search: ("best_of_four", "smoke"),
        rnn_train: ("ptb", "wikitext-2", "smoke_train"),
        rnn_compare: ("smoke_compare",),
    },
    "samplers": {bench: ("smoke",)},
    "sif": {sif.search: ("paper", "smoke"), sif.compare: ("compare", "paper_compare")},
}
EVERY = [
    (folder, command, name)
    for folder, commands in CONFIGURATIONS.items()
    for command, names in commands.items()
    for name in names
]


def test_all_are_listed() -> None:
    found = {str(p.relative_to(resource("configs"))) for p in resource("configs").glob("*/*")}
    assert found == {f"{folder}/{name}.yaml" for folder, _, name in EVERY}


@pytest.mark.parametrize(("folder", "command", "name"), EVERY)
def test_its_command_reads_it(folder: str, command: ModuleType, name: str, tmp_path: Path) -> None:
    missing, data = tmp_path / "missing", "--table" if command is bench else "--data"
    with pytest.raises(NaspError, match=f"{missing}"):  # after the options
        command.main(["--config", name, data, str(missing), "--output", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
