"""Pickles are read without executing them."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasp.cnn.data.pickled import read_pickled
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import cifar_batches, python2

CONTENT = cifar_batches()["data_batch_1"]


def as_bytes(value):
    """Convert strings to bytes, which Python 2's strings are in Python 3."""
    if isinstance(value, dict):
        return {as_bytes(k): as_bytes(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_bytes(v) for v in value]
    return value.encode() if isinstance(value, str) else value


def equal(read, content):
    assert read.keys() == content.keys()
    assert read["data"].dtype == np.uint8
    np.testing.assert_array_equal(read["data"], content["data"])
    return all(read[k] == content[k] for k in content if k != "data")


def test_what_python_2_wrote():
    data = python2(CONTENT)
    assert equal(pickle.loads(data, encoding="latin1"), CONTENT)  # the pickle is valid
    assert equal(read_pickled(data, "x"), CONTENT)


@pytest.mark.parametrize("content", [CONTENT, as_bytes(CONTENT)], ids=["str", "bytes"])
def test_what_python_3_writes_with_that_protocol(content):
    assert equal(read_pickled(pickle.dumps(content, protocol=2), "x"), CONTENT)


def test_long_lists_and_an_array_in_column_order():
    content = {
        "labels": list(range(-3, 70_000, 7)),
        "data": np.asfortranarray(CONTENT["data"][:3, :5]),
    }
    assert equal(read_pickled(pickle.dumps(content, protocol=2), "x"), content)


class Call:
    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_refused_and_not_made(tmp_path, protocol):
    mark = tmp_path / "mark"
    data = pickle.dumps({"data": Call(os.mkdir, str(mark))}, protocol=protocol)
    with pytest.raises(NaspError, match="some file is not a file of CIFAR"):
        read_pickled(data, "some file")
    assert not mark.exists()
    pickle.loads(data)  # the file really executes code
    assert mark.exists()


def test_the_name_that_a_file_asks_for_is_told():
    with pytest.raises(NaspError, match=r"names posix\.system, which is not allowed"):
        read_pickled(pickle.dumps(Call(os.system, "true"), protocol=2), "x")


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        {"a": OrderedDict()},
        {"a": 1.5},
        {"data": np.zeros(3)},
        {"data": np.array([{}], dtype=object)},
        {"a": np.uint8(3)},
        {1: 2},
        {("a",): 2},
    ],
    ids=repr,
)
def test_other_content_is_refused(value):
    with pytest.raises(NaspError, match="x is not a file of CIFAR's python archive"):
        read_pickled(pickle.dumps(value, protocol=2), "x")


def test_a_tuple_nested_without_end_is_refused():
    # Hashing it, as the key of a dictionary, would exhaust the stack.
    deep = b"\x80\x02}" + b")" + b"\x85" * 20_000 + b"K\x00s."
    with pytest.raises(NaspError, match="not a file"):
        read_pickled(deep, "x")


def test_odd_texts_bring_no_warning():
    with pytest.raises(NaspError, match="uses the opcode STRING"):
        read_pickled(b"\x80\x02S'\\u'\n.", "x")


@given(st.data())
def test_a_damaged_file_is_refused_or_read(data):
    whole = python2(CONTENT)
    kept = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(NaspError, match="download the archive again"):
        read_pickled(whole[:kept], "x")
    changed = bytearray(whole)
    changed[kept] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(read_pickled(bytes(changed), "x"), dict)
    except NaspError as error:
        assert "download the archive again" in str(error)


@given(st.binary(max_size=40))
def test_any_bytes_are_refused_or_read(data):
    try:
        assert isinstance(read_pickled(b"\x80\x02" + data, "x"), dict)
    except NaspError as error:
        assert "download the archive again" in str(error)
