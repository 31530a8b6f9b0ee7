"""The files of `frappe-click`, from entries and instances in the form of the real ones."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.frappe_click import FIELDS, make

ENTRIES = pd.DataFrame(
    {
        **{name: [name] * 40 for name in FIELDS},
        "user": [n // 8 for n in range(40)],
        "item": [n % 8 for n in range(40)],
        "daytime": ["night", "noon"] * 20,
    }
)


def features(row: int) -> str:
    """The features of an entry: values of a column are numbered after those of the one before."""
    constant = " ".join(f"{15 + n}:1" for n in range(len(FIELDS) - 3))
    return f"{row // 8}:1 {5 + row % 8}:1 {13 + row % 2}:1 {constant}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    ENTRIES.assign(cnt=3).to_csv(tmp_path / "frappe.csv", sep="\t", index=False)
    for name, rows in (("validation", (1, 9)), ("test", (2, 20))):
        lines = [f"{1} {features(row)}\n-1 {features(row)}\n" for row in rows]
        (tmp_path / f"nfm.{name}.libfm").write_text("".join(lines))
    return tmp_path


def test_training_positives_are_the_entries_that_are_left(data: Path) -> None:
    made = data / "frappe-click"
    assert make(data, made) == 36
    expected = [f"1 {features(row)}" for row in range(40) if row not in (1, 9, 2, 20)]
    assert (made / "train.libfm").read_text().splitlines() == expected
    assert (made / "test.libfm").read_bytes() == (data / "nfm.test.libfm").read_bytes()


def test_other_files_are_refused(data: Path) -> None:
    (data / "nfm.test.libfm").write_text("1 0:1 9:1\n")
    with pytest.raises(ValueError, match="1 positives, 0:1 9:1 for example, are no entries"):
        make(data, data / "frappe-click")
