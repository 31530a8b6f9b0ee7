"""JSON is read, or refused in one line."""

import os
from pathlib import Path

import pytest

from nasp.errors import NaspError
from nasp.files.json_file import read_json


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a letter: Expecting value"),
        (b"{", "not a letter"),
        (b'{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999]", "the number 1e999 is too large"),
        (b"[" + b"9" * 5000 + b"]", "a number of 5000 digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe[]", "byte 1 is not UTF-8"),
        (b'["\\ud800"]', "surrogates not allowed"),
        (b" " * ((1 << 26) + 1), "larger than 64 MB"),
    ],
)
def test_anything_else_is_refused_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "letter.json"
    path.write_bytes(content)
    with pytest.raises(NaspError, match=message) as error:
        read_json(path, "letter")
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value)) < len(str(path)) + 200


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(NaspError, match=r"pipe\.json is not a regular file"):
        read_json(tmp_path / "pipe.json", "letter")
    with pytest.raises(NaspError, match="is a folder"):
        read_json(tmp_path, "letter")
    with pytest.raises(NaspError, match=r"none\.json: cannot read the letter \(No such file"):
        read_json(tmp_path / "none.json", "letter")


def test_plain_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "letter.json"
    path.write_bytes('\ufeff{"ä": [1, -2.5, null, true, "\\ud83d\\ude00"]}'.encode())
    assert read_json(path, "letter") == {"ä": [1, -2.5, None, True, "😀"]}
