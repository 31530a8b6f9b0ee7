"""A checkpoint is complete and of this configuration, or refused; each phase has its file."""

import errno
import pickle
from pathlib import Path

import pytest
import torch

from nasp import atomic_io as files
from nasp.errors import NaspError
from nasp.files.digest import with_digest
from nasp.runs import checkpoint as module
from nasp.runs.checkpoint import Checkpoint


def written(folder: Path, **config: object) -> Checkpoint:
    checkpoint = Checkpoint(folder, config)
    checkpoint.put("search", {"epoch": 3, "w": torch.ones(2)}, now=True)
    return checkpoint


def only_file(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def test_sections_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    written(folder, seed=1)
    again = Checkpoint(folder, {"seed": 1}, resume=True)
    assert again.get("search")["epoch"] == 3
    assert again.get("other") is None
    assert Checkpoint(folder, {"seed": 1}).get("search") is None  # not asked to resume


def test_another_configuration_is_refused_by_key(tmp_path: Path) -> None:
    written(tmp_path / "checkpoint", seed=1, dim=8)
    with pytest.raises(NaspError, match="dim was 8, now 2"):
        Checkpoint(tmp_path / "checkpoint", {"seed": 1, "dim": 2}, resume=True)


@pytest.mark.parametrize("keep", [0, 1, 100])
def test_a_damaged_file_is_refused(tmp_path: Path, keep: int) -> None:
    written(tmp_path)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(NaspError, match=rf"{path.name}: not a checkpoint, or damaged"):
        Checkpoint(tmp_path, {}, resume=True)


def test_a_phase_s_file_is_written_once_whatever_the_others_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_WRITES", 0.0)
    checkpoint = written(tmp_path)
    first = only_file(tmp_path)
    before = first.stat().st_mtime_ns
    for epoch in range(3):
        checkpoint.put("train: a/b \N{SNOWMAN}", {"epoch": epoch})
    assert first.stat().st_mtime_ns == before
    assert len(list(tmp_path.iterdir())) == 2
    again = Checkpoint(tmp_path, {}, resume=True)
    assert again.get("search")["epoch"] == 3
    assert again.get("train: a/b \N{SNOWMAN}") == {"epoch": 2}


def test_a_file_under_another_s_name_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    only_file(tmp_path).rename(tmp_path / "other.pt")
    with pytest.raises(NaspError, match=r"other\.pt: not the file of 'search'"):
        Checkpoint(tmp_path, {}, resume=True)


def test_what_was_put_last_is_in_no_file_until_it_is_flushed(tmp_path: Path) -> None:
    checkpoint = written(tmp_path)
    checkpoint.put("search", {"epoch": 4})
    assert Checkpoint(tmp_path, {}, resume=True).get("search")["epoch"] == 3  # too soon after
    checkpoint.flush()
    assert Checkpoint(tmp_path, {}, resume=True).get("search")["epoch"] == 4


def test_a_full_disk_leaves_the_last_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = written(tmp_path)
    before = only_file(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.put("search", {"epoch": 4}, now=True)
    monkeypatch.undo()
    assert Checkpoint(tmp_path, {}, resume=True).get("search")["epoch"] == 3
    assert only_file(tmp_path) == before


def test_what_a_killed_write_left_goes_when_the_run_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = written(tmp_path)
    monkeypatch.setattr(files.Path, "unlink", lambda *_, **__: None)  # a killed process cleans none
    monkeypatch.setattr(files.os, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        checkpoint.put("search", {"epoch": 4}, now=True)
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 2
    assert Checkpoint(tmp_path, {}, resume=True).get("search")["epoch"] == 3
    assert only_file(tmp_path).suffix == ".pt"


def test_no_pickled_code_runs(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"version": 4, "config": {}, "section": "a", "state": Trap()}, tmp_path / "a.pt")
    with pytest.raises(NaspError, match="damaged"):
        Checkpoint(tmp_path, {}, resume=True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_checkpoint_of_an_earlier_version_is_refused_by_its_version(
    version: int, tmp_path: Path
) -> None:
    whole = with_digest({"version": version, "config": {"a": "1"}, "section": "s", "state": {}})
    torch.save(whole, tmp_path / "s.pt")
    with pytest.raises(NaspError, match=f"checkpoint version {version}, this program reads 4"):
        Checkpoint(tmp_path, {"b": 2}, resume=True)


def test_files_of_fewer_epochs_are_read_and_the_numbers_are_kept(tmp_path: Path) -> None:
    for epochs in (2, 4, 4):
        checkpoint = Checkpoint(tmp_path, {"seed": 1}, resume=True, epochs=epochs)
        checkpoint.put("search", {"epoch": epochs}, now=True)
    Checkpoint(tmp_path, {"seed": 1}, epochs=2).put("training", {"epoch": 2}, now=True)
    longer = Checkpoint(tmp_path, {"seed": 1}, resume=True, epochs=6)
    assert longer.prolonged_from == [2, 4]
    assert pickle.loads(pickle.dumps(longer)).prolonged_from == [2, 4]
    message = r"search-.*\.pt: the checkpoint is of 4 epochs, and epochs is now 3: give 4 or more"
    with pytest.raises(NaspError, match=message):
        Checkpoint(tmp_path, {"seed": 1}, resume=True, epochs=3)
    with pytest.raises(NaspError, match="seed was 1, now 2"):
        Checkpoint(tmp_path, {"seed": 2}, resume=True, epochs=6)


def test_another_process_has_the_sections_that_are_written(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path, {"seed": 1})
    first.put("search 1", {"epoch": 3}, now=True)
    other = pickle.loads(pickle.dumps(first))
    assert other.get("search 1") == {"epoch": 3}
    other.put("search 2", {"epoch": 1}, now=True)
    both = Checkpoint(tmp_path, {"seed": 1}, resume=True)
    assert (both.get("search 1"), both.get("search 2")) == ({"epoch": 3}, {"epoch": 1})
    assert pickle.loads(pickle.dumps(Checkpoint())).get("search 1") is None
