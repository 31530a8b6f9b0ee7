"""Bounds of options are checked, NaN included."""

from types import SimpleNamespace

import pytest

from nasp.cli.option_checks import check_not_negative, check_one_of, check_positive
from nasp.errors import NaspError
from nasp.files.json_file import first_repeated


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_above_zero(value: float) -> None:
    with pytest.raises(NaspError, match=r"b is .*; it must be above 0"):
        check_positive(SimpleNamespace(a=1, b=value), "a", "b")
    check_positive(SimpleNamespace(a=0.1, b=None), "a", "b")


@pytest.mark.parametrize(("value", "message"), [(-0.1, "0 or more"), (float("nan"), "0 or more")])
def test_not_negative(value: float, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        check_not_negative(SimpleNamespace(a=value), "a")
    check_not_negative(SimpleNamespace(a=0, b=7), "a", "b")


def test_below() -> None:
    check_not_negative(SimpleNamespace(a=0.99), "a", below=1)
    with pytest.raises(NaspError, match="a is 1; it must be below 1"):
        check_not_negative(SimpleNamespace(a=1), "a", below=1)


def test_one_of() -> None:
    check_one_of(SimpleNamespace(a="nasp"), "a", ("nasp", "darts"))
    with pytest.raises(NaspError, match=r"unknown a 'nosp'.*nasp.*there are nasp, darts"):
        check_one_of(SimpleNamespace(a="nosp"), "a", ("nasp", "darts"))


def test_the_first_value_that_is_repeated() -> None:
    assert first_repeated("abcbca") == "b"
    assert first_repeated(range(10**5)) is None
