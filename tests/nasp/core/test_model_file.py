"""Model files: what goes in comes out, and any other file is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nasp.core.errors import NaspError
from nasp.core.model_file import Kind, read, write

KIND = Kind("toy line", 3, content="straight line", noun="line")


def slope(body: dict[str, Any]) -> float:
    if body["slope"] == 0:
        raise NaspError("a slope of zero")
    return float(body["slope"])


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    write(path, KIND, {"slope": torch.tensor(0.5), "names": ["a"]})
    assert read(path, KIND, slope) == 0.5
    assert read(path, KIND, lambda body: body["names"]) == ["a"]
    on_meta = read(path, KIND, lambda body: body["slope"], "meta")
    assert on_meta.device.type == "meta"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([1, 2], "this file holds no straight line, but something else"),
        ({"version": 3, "slope": 1.0}, "this file holds no straight line, but something else"),
        ({"format": "toy line", "version": 4}, "line version 4, .* reads version 3: install"),
        ({"format": "toy line", "version": 3}, "the line file is damaged: give another"),
        ({"format": "toy line", "version": 3, "slope": "steep"}, "the line file is damaged"),
    ],
)
def test_another_body_is_refused_in_one_line(body: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    torch.save(body, path)
    with pytest.raises(NaspError, match=message) as error:
        read(path, KIND, slope)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_what_the_builder_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    write(tmp_path / "line.pt", KIND, {"slope": 0.0})
    with pytest.raises(NaspError, match=r"^a slope of zero$"):
        read(tmp_path / "line.pt", KIND, slope)


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    write(path, KIND, {"slope": 1.0})
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(NaspError, match=r"line\.pt: not a line file, or damaged"):
            read(path, KIND, slope)
    path.unlink()
    with pytest.raises(NaspError, match=r"cannot read the line file \(No such file"):
        read(path, KIND, slope)


def test_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, (str(tmp_path / "ran"), "w"))

    write(tmp_path / "line.pt", KIND, {"slope": Hostile()})
    with pytest.raises(NaspError, match="not a line file"):
        read(tmp_path / "line.pt", KIND, slope)
    assert not (tmp_path / "ran").exists()
