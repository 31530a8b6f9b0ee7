"""Model files are read as written, and all other files are refused in one line."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nasp.errors import NaspError
from nasp.files.schema import number, section
from nasp.runs.model_file import ModelFormat, load_state, read_model, write_model

KIND = ModelFormat("toy line", 3, content="straight line", noun="line")


def slope(body: dict[str, Any]) -> float:
    if body["slope"] == 0:
        raise NaspError("a slope of zero")
    return float(body["slope"])


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    write_model(path, KIND, {"slope": torch.tensor(0.5), "names": ["a"]})
    assert read_model(path, KIND, slope) == 0.5
    assert read_model(path, KIND, lambda body: body["names"]) == ["a"]
    on_meta = read_model(path, KIND, lambda body: body["slope"], "meta")
    assert on_meta.device.type == "meta"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([1, 2], "this file holds no straight line"),
        ({"version": 3, "slope": 1.0}, "this file holds no straight line"),
        ({"format": "toy line", "version": 4}, "line version 4, .* reads version 3: install"),
        ({"format": "toy line", "version": True}, "line version True, .* reads version 3"),
        ({"format": "toy line", "version": 3}, "the line file is damaged: give another"),
        ({"format": "toy line", "version": 3, "slope": "steep"}, "the line file is damaged"),
    ],
)
def test_another_body_is_refused_in_one_line(body: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    torch.save(body, path)
    with pytest.raises(NaspError, match=message) as error:
        read_model(path, KIND, slope)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_what_the_builder_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    write_model(tmp_path / "line.pt", KIND, {"slope": 0.0})
    with pytest.raises(NaspError, match=r"^a slope of zero$"):
        read_model(tmp_path / "line.pt", KIND, slope)


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    write_model(path, KIND, {"slope": 1.0})
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(NaspError, match=r"line\.pt: not a line file, or damaged"):
            read_model(path, KIND, slope)
    path.unlink()
    with pytest.raises(NaspError, match=r"cannot read the line file \(No such file"):
        read_model(path, KIND, slope)


@pytest.mark.parametrize("named_pipe", [True, False])
def test_only_a_regular_file_is_read(named_pipe: bool, tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    os.mkfifo(path) if named_pipe else path.mkdir()
    with pytest.raises(NaspError, match=r"line\.pt is (not a regular file|a folder)"):
        read_model(path, KIND, slope)


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    write_model(path, KIND, {"slope": torch.tensor([0.5, 0.25])})
    whole = path.read_bytes()
    there = whole.index(torch.tensor([0.5, 0.25]).numpy().tobytes())
    path.write_bytes(whole[:there] + bytes([whole[there] ^ 1]) + whole[there + 1 :])
    changed = torch.load(path, weights_only=True)["slope"]
    assert 0.5 < changed[0] < 0.5001  # torch reads the changed file without an error
    with pytest.raises(NaspError, match="the line file is damaged: give another"):
        read_model(path, KIND, slope)


def test_files_without_a_digest_are_of_the_first_version(tmp_path: Path) -> None:
    second = ModelFormat("toy line", 2, content="straight line", noun="line", oldest=1)
    path = tmp_path / "line.pt"
    torch.save({"format": "toy line", "version": 1, "slope": 1.0}, path)
    assert read_model(path, second, slope) == 1.0
    torch.save({"format": "toy line", "version": 2, "slope": 1.0}, path)
    with pytest.raises(NaspError, match="damaged"):
        read_model(path, second, slope)


def test_a_body_that_does_not_fit_the_schema_is_refused_in_its_words(tmp_path: Path) -> None:
    kind = replace(KIND, schema=section({"slope": number(above=0)}))
    path = tmp_path / "line.pt"
    write_model(path, kind, {"slope": float("nan")})
    with pytest.raises(NaspError, match=r"slope must be a finite number above 0, not nan$"):
        read_model(path, kind, slope)


def test_a_state_must_fit_the_network() -> None:
    network = nn.Linear(2, 1)
    state = network.state_dict()
    for wrong, message in (
        ({"weight": state["weight"]}, "bias is missing in the network's state"),
        ({**state, "more": state["bias"]}, "more is unknown in the network's state"),
        ({**state, "bias": torch.zeros(2)}, r"bias must have the shape torch.Size\(\[1\]\)"),
        ({**state, "bias": torch.zeros(1).double()}, "bias must have the dtype torch.float32"),
    ):
        with pytest.raises(NaspError, match=message):
            load_state(network, wrong, "line.pt")


def test_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"format": "toy line", "version": 3, "slope": Hostile()}, tmp_path / "line.pt")
    with pytest.raises(NaspError, match="not a line file"):
        read_model(tmp_path / "line.pt", KIND, slope)
    assert not (tmp_path / "ran").exists()
