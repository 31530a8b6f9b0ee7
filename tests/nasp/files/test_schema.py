"""Each rule accepts valid values and names invalid ones."""

from typing import Any

import pytest
import torch

from nasp.errors import NaspError
from nasp.files.schema import (
    Rule,
    flag,
    integer,
    like,
    mapping,
    number,
    one_of,
    optional,
    section,
    sequence,
    tensor,
    text,
)

HALVES = tensor(torch.float32, (None, 2))


@pytest.mark.parametrize(
    ("rule", "right", "wrong", "message"),
    [
        (integer(1, 9), 1, True, "x must be a whole number, 1 to 9, not True"),
        (integer(), 0, -1, "x must be a whole number, 0 or more, not -1"),
        (integer(), 5, 5.0, "not 5.0"),
        (number(), -1, False, "x must be a finite number, not False"),
        (number(above=0), 0.5, 0.0, "x must be a finite number above 0, not 0.0"),
        (number(), 1.5, float("nan"), "not nan"),
        (flag, False, 0, "x must be true or false, not 0"),
        (text, "a", None, "x must be text, not None"),
        (one_of(1, "a"), "a", True, "x must be one of 1, 'a', not True"),
        (optional(text), None, 1, "x must be text, not 1"),
        (sequence(text, 2), ["a", "b"], ["a"], r"x must be a list of 2, not \['a'\]"),
        (sequence(integer()), [1], [1, "2"], r"x\[1\] must be a whole number"),
        (mapping(integer()), {"a": 1}, {1: 1}, "x must be a mapping of names"),
        (mapping(integer()), {"a": 1}, {"a": ""}, r"x\.a must be a whole number"),
        (section({"a": text}, {"b": flag}), {"a": ""}, {"b": True}, r"x\.a is missing"),
        (section({"a": text}), {"a": ""}, {"a": "", "c": 1}, r"x\.c is not a known key"),
        (section({"a": text}), {"a": ""}, [], "x must be a mapping"),
        (
            HALVES,
            torch.zeros(3, 2),
            torch.zeros(3),
            r"x must have the shape \(any, 2\), not \(3,\)",
        ),
        (HALVES, torch.zeros(0, 2), torch.zeros(3, 2).int(), "x must be of torch.float32"),
        (HALVES, torch.zeros(1, 2), torch.tensor([[1, float("nan")]]), "x holds a number that"),
        (HALVES, torch.zeros(1, 2), [[1.0, 2.0]], "x must be a tensor"),
        (like({"a": torch.zeros(2)}), {"a": torch.ones(2)}, {"a": torch.ones(3)}, r"x\.a must"),
        (like({"a": torch.zeros(2)}), {"a": torch.ones(2)}, {}, r"x\.a is missing"),
        (like(["", 1.0]), ["a", 2], ["a", "b"], r"x\[1\] must be a finite number"),
        (like(["", 1.0]), ["a", 2], ["a"], "x must be a list of 2"),
        (like({"a": None, "b": True}), {"a": 1, "b": False}, {"a": 1, "b": 0}, "must be a bool"),
        (text, "", ["long"] * 1000, "…$"),
    ],
)
def test_rules(rule: Rule, right: Any, wrong: Any, message: str) -> None:
    rule(right, "x")
    with pytest.raises(NaspError, match=message):
        rule(wrong, "x")
