"""After any interruption a file is the old one or the new one."""

import errno
from pathlib import Path
from typing import BinaryIO

import pytest

from nasp.atomic_io import write_atomic, write_text


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "σ and η\n")
    assert path.read_bytes() == "σ and η\n".encode()
    write_atomic(path, lambda file: file.write(b"\x00second"))
    assert path.read_bytes() == b"\x00second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_file_before_it(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    write_text(path, "before")

    def write(file: BinaryIO) -> None:
        file.write(b"half of")
        assert path.read_text() == "before"
        raise error

    with pytest.raises(error):
        write_atomic(path, write)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "missing" / "file", "text")
    assert not list(tmp_path.iterdir())


def test_files_have_the_mode_that_the_user_asks_for(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "atomic", "text")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_is_named_where_torch_does_not_say_so(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")

    with pytest.raises(OSError, match=r"model\.pt") as told:
        write_atomic(tmp_path / "model.pt", write)
    assert told.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
