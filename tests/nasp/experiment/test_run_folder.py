"""Exits, output folders and progress."""

import errno
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

import pytest
import torch

from nasp.cli.main import COMMANDS
from nasp.errors import NaspError
from nasp.experiment.run_folder import RunOptions, claim_output, run_command
from nasp.runs.progress import Progress


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (NaspError("wrong\nkey"), 2, "error: wrong key\n"),
        (OSError(36, "File name too long", "x" * 5000), 2, "…\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x.pt"),
            2,
            "No space left on device: 'x.pt': make room; "
            "the same command with --resume continues\n",
        ),
        (OSError(errno.EMFILE, "Too many open files"), 2, "raise the limit of open files"),
        (MemoryError(), 2, "error: out of memory: lower --batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "lower --batch_size"),
        (NaspError("no http://me:secret@host/x here"), 2, "error: no http://host/x here\n"),
        (NaspError("no http://me:se@ret@host/a@b"), 2, "error: no http://host/a@b\n"),
        (
            NaspError("no postgresql://host/db?user=me&password=secret"),
            2,
            "error: no postgresql://host/db?user=me&password=…\n",
        ),
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 TiB. GPU 0 has"),
            2,
            "error: CUDA out of memory: lower --batch_size, or the size of the network",
        ),
        (KeyboardInterrupt(), 130, "interrupted: before any work"),
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


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if name.startswith(("search", "train", "compare"))]
)
def test_the_executor_is_checked_before_any_work(name: str, tmp_path: Path) -> None:
    command, output = COMMANDS[name], tmp_path / "run"
    with pytest.raises(NaspError, match=r"unknown executor 'process' .did you mean 'processes'"):
        command.run([f"--output={output}", "--data=nowhere", "--executor=process"])
    with pytest.raises(NaspError, match="--executor serial:2: serial takes nothing"):
        command.run([f"--output={output}", "--data=nowhere", "--executor=serial:2"])
    assert not output.exists()
    schema = resolve_name(command.schema)
    number = "seeds" if "compare" in name else "epochs"
    with pytest.raises(NaspError, match=f"{number} is 0"):  # the others are checked, too
        schema(**{number: 0})


def test_output_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = RunOptions(output=tmp_path / "a" / "b")
    with claim_output(given, "name") as folder:
        (folder / "config.yaml").touch()
        (folder / "cells").mkdir()
        (folder / "cells" / ".a.json.00000000.tmp").touch()  # what a killed worker leaves
    assert not list((folder / "cells").iterdir())
    (folder / "cells").rmdir()
    (folder / ".model.pt.00000000.tmp").touch()  # what a killed run leaves
    with pytest.raises(NaspError, match="holds a run: --resume"), claim_output(given, "name"):
        pass
    with claim_output(RunOptions(output=folder, resume=True), "name") as again:
        assert again == folder
        assert sorted(path.name for path in folder.iterdir()) == [".lock", "config.yaml"]
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]
    with pytest.raises(NaspError, match="--resume needs --output"):
        claim_output(RunOptions(resume=True), "name").__enter__()
    monkeypatch.chdir(tmp_path)
    with claim_output(RunOptions(), "name") as first, claim_output(RunOptions(), "name") as second:
        assert first != second  # although they start in one second
        assert first.match("runs/name-*") and second.match("runs/name-*")


def test_a_folder_is_one_runs_at_a_time(tmp_path: Path) -> None:
    options = RunOptions(output=tmp_path / "run", resume=True)
    script = f"""
from pathlib import Path
from nasp.experiment.run_folder import RunOptions, claim_output
with claim_output(RunOptions(output=Path({str(tmp_path / "run")!r}), resume=True), "name"):
    print("held", flush=True)
    input()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline() == "held\n"
        with pytest.raises(NaspError, match="another process uses this folder"):
            claim_output(options, "name").__enter__()
        other.kill()
    with claim_output(options, "name") as folder:  # a killed process holds nothing
        assert folder.is_dir()


@pytest.mark.parametrize("name", ["model.pt", "result.json"])
@pytest.mark.parametrize("resume", [False, True])
def test_somebodys_own_files_are_not_overwritten(tmp_path: Path, name: str, resume: bool) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(NaspError, match=f"holds a {name}, but no run"):
        claim_output(RunOptions(output=tmp_path, resume=resume), "name").__enter__()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_unwritable_output_is_found_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NaspError, match="cannot write there"):
        claim_output(RunOptions(output=tmp_path / "file"), "name").__enter__()
    if os.geteuid() != 0:  # nothing is read-only for root
        tmp_path.chmod(0o500)
        with pytest.raises(NaspError, match="cannot write there"):
            claim_output(RunOptions(output=tmp_path / "new"), "name").__enter__()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_says_how_the_run_goes_on(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    script = f"""
import time
from pathlib import Path
from nasp.experiment.run_folder import RunOptions, claim_output, run_command
def main(argv):
    with claim_output(RunOptions(output=Path({str(tmp_path / "a run")!r})), "name"):
        print("at work", flush=True)
        time.sleep(60)
run_command(main)
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "at work\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    hint = f"--output '{tmp_path / 'a run'}' --resume continues"
    assert said == f"\ninterrupted: the same command with {hint}\n"


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
    (tmp_path / "config.yaml").touch()
    with claim_output(RunOptions(output=tmp_path, resume=True), "search"):
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in kept)
