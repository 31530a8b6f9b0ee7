"""Sparse products equal dense ones for each backend, forward and backward."""

import pytest
import torch

from nasp.errors import NaspError
from sif.nn import graph as propagation
from sif.nn.graph import BACKENDS, Backend, Propagation, backend_installed, distinct_pairs


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_product_is_the_dense_one(backend: Backend) -> None:
    if not backend_installed(backend):
        pytest.skip("the extra `sparse` is not installed")
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(7, 5, generator=generator)
    dense[torch.rand(7, 5, generator=generator) < 0.6] = 0
    dense[2] = 0  # an empty row
    row, column = dense.nonzero().T
    shuffled = torch.randperm(len(row), generator=generator)
    row, column = row[shuffled], column[shuffled]
    matrix = Propagation(row, column, dense[row, column], (7, 5), backend)
    embeddings = torch.randn(5, 3, generator=generator, requires_grad=True)
    weights = torch.randn(7, 3, generator=generator)
    for _ in range(2):
        product = matrix(embeddings)
        assert torch.allclose(product, dense @ embeddings, atol=1e-6)
        (gradient,) = torch.autograd.grad((product * weights).sum(), [embeddings])
        assert torch.allclose(gradient, dense.T @ weights, atol=1e-6)
    assert not matrix.state_dict(), "the matrix is made of the ratings, and is no weight"


def test_pairs_are_distinct() -> None:
    rows = torch.tensor([[1, 0, 1, 1], [5, 6, 5, 2]])
    assert distinct_pairs(rows).tolist() == [[0, 1, 1], [6, 2, 5]]


def test_a_missing_backend_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propagation, "sparse_tensor", lambda: None)
    one = torch.zeros(1, dtype=torch.int64)
    assert Propagation(one, one, torch.ones(1), (1, 1)).backend == "torch"
    with pytest.raises(NaspError, match=r"pip install --no-build-isolation .*sparse"):
        Propagation(one, one, torch.ones(1), (1, 1), "torch-sparse")


def test_pairs_of_many_ids_are_told_apart() -> None:
    rows = torch.tensor([[0, 70_000, 70_000, 0], [99_999, 99_999, 80_000, 99_999]]).int()
    expected = [[0, 70_000, 70_000], [99_999, 80_000, 99_999]]
    assert distinct_pairs(rows).tolist() == expected
