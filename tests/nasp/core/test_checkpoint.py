"""A checkpoint is whole, of this configuration, or refused."""

import errno
from pathlib import Path

import pytest
import torch

from nasp.core import files
from nasp.core.checkpoint import Checkpoint
from nasp.core.errors import NaspError


def written(path: Path, **config: object) -> Checkpoint:
    checkpoint = Checkpoint(path, config)
    checkpoint.put("search", {"epoch": 3, "w": torch.ones(2)}, now=True)
    return checkpoint


def test_sections_come_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    written(path, seed=1)
    again = Checkpoint(path, {"seed": 1}, resume=True)
    assert again.get("search")["epoch"] == 3
    assert again.get("other") is None
    assert Checkpoint(path, {"seed": 1}).get("search") is None  # not asked to resume


def test_another_configuration_is_refused_by_key(tmp_path: Path) -> None:
    written(tmp_path / "checkpoint.pt", seed=1, dim=8)
    with pytest.raises(NaspError, match="dim was 8, now 2"):
        Checkpoint(tmp_path / "checkpoint.pt", {"seed": 1, "dim": 2}, resume=True)


@pytest.mark.parametrize("keep", [0, 1, 100])
def test_a_damaged_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "checkpoint.pt"
    written(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(NaspError, match=r"checkpoint\.pt: not a checkpoint, or damaged"):
        Checkpoint(path, {}, resume=True)


def test_a_full_disk_leaves_the_last_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint = written(path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.put("search", {"epoch": 4}, now=True)
    monkeypatch.undo()
    assert Checkpoint(path, {}, resume=True).get("search")["epoch"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_no_pickled_code_runs(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"version": 1, "config": {}, "sections": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(NaspError, match="damaged"):
        Checkpoint(tmp_path / "checkpoint.pt", {}, resume=True)
    assert not (tmp_path / "ran").exists()
