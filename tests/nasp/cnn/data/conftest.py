"""Fixtures of the tests of image data."""

import pytest

from nasp.training import parallel


@pytest.fixture
def as_process(monkeypatch):
    """Act as one of several processes: `as_process(rank, processes)`."""

    def be(rank, processes):
        monkeypatch.setattr(parallel, "rank", lambda: rank)
        monkeypatch.setattr(parallel, "processes", lambda: processes)

    return be
