"""Exits, output folders and progress."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from nasp.core.command import RunOptions, prepare_output, run_command
from nasp.core.errors import NaspError
from nasp.core.progress import Progress


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (NaspError("wrong\nkey"), 2, "error: wrong key\n"),
        (OSError(28, "No space left on device", "x.pt"), 2, "No space left on device: 'x.pt'\n"),
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 TiB. GPU 0 has"),
            2,
            "error: CUDA out of memory: lower --batch_size, or the size of the network",
        ),
        (KeyboardInterrupt(), 130, "--resume"),
    ],
)
def test_a_mistake_is_one_line(
    raised: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: Sequence[str] | None) -> None:
        raise raised

    with warnings.catch_warnings(), pytest.raises(SystemExit) as caught:
        run_command(main)
    assert caught.value.code == code
    shown = capsys.readouterr().err.lstrip("\n")
    assert line in shown
    assert shown.count("\n") == 1


def test_success_is_zero_and_a_bug_is_a_traceback() -> None:
    with warnings.catch_warnings():
        with pytest.raises(SystemExit) as caught:
            run_command(lambda argv: None)
        assert caught.value.code == 0
        with pytest.raises(ZeroDivisionError):
            run_command(lambda argv: print(1 / 0))


def test_output_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prepare_output(RunOptions(output=tmp_path / "a" / "b"), "name")
    assert list(folder.iterdir()) == []
    (folder / "config.yaml").touch()
    with pytest.raises(NaspError, match="holds a run: --resume"):
        prepare_output(RunOptions(output=folder), "name")
    assert prepare_output(RunOptions(output=folder, resume=True), "name") == folder
    with pytest.raises(NaspError, match="--resume needs --output"):
        prepare_output(RunOptions(resume=True), "name")
    monkeypatch.chdir(tmp_path)
    assert prepare_output(RunOptions(), "name").match("runs/name-*")


def test_an_unwritable_output_is_found_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NaspError, match="cannot write there"):
        prepare_output(RunOptions(output=tmp_path / "file"), "name")
    if os.geteuid() != 0:  # nothing is read-only for root
        tmp_path.chmod(0o500)
        with pytest.raises(NaspError, match="cannot write there"):
            prepare_output(RunOptions(output=tmp_path / "new"), "name")


def test_piped_progress_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().phase("search", total=3, start=1) as phase:
        phase.advance({"valid/rmse": 0.5, "arch/d/plus": 1.0})
        phase.advance({"valid/rmse": 0.25})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("search  3/3  valid/rmse 0.2500  ")
    with Progress(quiet=True).phase("search", total=3) as phase:
        phase.advance({"valid/rmse": 0.5})
    assert capsys.readouterr().err == ""


def test_what_a_killed_run_left_half_written_goes_when_its_folder_is_used_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "cells").mkdir()
    left = [tmp_path / ".search.png.x1y2z3w4.tmp", tmp_path / "cells" / ".a.json.x1y2z3w4.tmp"]
    kept = [tmp_path / ".mine.tmp", tmp_path / "cells" / "a.json"]
    for path in (*left, *kept):
        path.touch()
    prepare_output(RunOptions(output=tmp_path, resume=True), "search")
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)
