"""A digest changes with every value and with nothing else."""

import json

import pytest
import torch

from nasp.files.digest import digest, digest_matches, with_digest


def test_an_empty_tensor_has_one_digest() -> None:
    """One that is made of an array of numpy may have the stride 0."""
    empty = torch.zeros(0, dtype=torch.int64)
    assert digest(torch.empty_strided((0,), (0,), dtype=torch.int64)) == digest(empty)
    assert digest(empty.float()) != digest(empty)


def test_it_does_not_depend_on_order_strides_or_lists() -> None:
    a = torch.arange(6.0).view(2, 3)
    body = {"a": a, "b": [1, 2.5, "x", None, True]}
    assert digest(body) == digest({"b": (1, 2.5, "x", None, True), "a": a.T.contiguous().T})
    plain = {"name": "ä", "numbers": [0.1, -0.0, 10**30], "none": None}
    assert digest(json.loads(json.dumps(plain))) == digest(plain)


def test_every_difference_changes_it() -> None:
    a = torch.zeros(2, 3)
    flipped = a.clone()
    flipped.view(torch.int32)[0, 0] = 1
    values = [
        a, flipped, -a, a.view(3, 2), a.double(), a.bool(), a.tolist(), 0, 0.0, -0.0, False, None,
        "", "0", b"", [], {}, [[]], ["a", "b"], ["ab"], {"a": 1}, {"a": "1"}, {1: 1}, {"1": 1},
        torch.tensor(0.0), torch.zeros(0), torch.zeros(1, dtype=torch.bfloat16),
    ]  # fmt: skip
    assert len({digest(value) for value in values}) == len(values)


def test_a_sealed_body_is_whole_until_it_is_changed() -> None:
    body = with_digest({"a": 1, "b": [torch.ones(2)]})
    assert digest_matches(body)
    assert not digest_matches({**body, "a": 2})
    assert not digest_matches({**body, "c": 2})
    assert not digest_matches({"a": 1})
    assert digest_matches({"a": 1}, required=False)


def test_what_no_file_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="holds no object"):
        digest({"a": object()})
