"""Products of a constant sparse matrix and embeddings, by torch-sparse or by torch."""

import warnings
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from nasp.errors import NaspError

Backend = Literal["torch", "torch-sparse"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)


@cache
def sparse_tensor() -> Any:
    """Return the class `torch_sparse.SparseTensor`, or None if it cannot be imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch-sparse uses TorchScript
        try:
            from torch_sparse import SparseTensor
        except (ImportError, OSError):  # the extra `sparse` is missing, or built for another torch
            return None
    return SparseTensor


def backend_installed(backend: Backend) -> bool:
    """Whether the backend is installed."""
    return backend == "torch" or sparse_tensor() is not None


def distinct_pairs(rows: Tensor) -> Tensor:
    """Return the distinct pairs in `(2, ratings)`, sorted, `(2, pairs)`."""
    size = int(rows.max()) + 1
    key: Tensor = torch.unique(rows[0].long() * size + rows[1])  # 32 bits would overflow
    return torch.stack([key // size, key % size])


class Propagation(nn.Module):
    """Multiplies embeddings by one constant sparse matrix, forward and backward.

    Both backends compute the same sums; only the order of additions may differ.

    Args:
        row: Row of each entry, int64 `(entries,)`.
        column: Column of each entry, int64 `(entries,)`. No pair occurs twice.
        value: The entries, `(entries,)`.
        shape: Rows and columns of the matrix.
        backend: `torch-sparse` for `SparseTensor`, `torch` for torch's compressed rows; None takes
            torch-sparse if it is installed.

    Raises:
        NaspError: torch-sparse is requested but not installed.
    """

    row: Tensor
    column: Tensor
    value: Tensor

    def __init__(
        self,
        row: Tensor,
        column: Tensor,
        value: Tensor,
        shape: tuple[int, int],
        backend: Backend | None = None,
    ) -> None:
        super().__init__()
        if backend is not None and not backend_installed(backend):
            raise NaspError(
                "torch-sparse is not installed: pip install --no-build-isolation -e '.[sparse]' "
                "in the checkout, as the README says"
            )
        order = (row * shape[1] + column).argsort()
        self.register_buffer("row", row[order], persistent=False)
        self.register_buffer("column", column[order], persistent=False)
        self.register_buffer("value", value[order], persistent=False)
        self.shape = shape
        self.backend = backend or ("torch-sparse" if backend_installed("torch-sparse") else "torch")
        self._ready: tuple[torch.device, Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the matrices, which are made again on first use."""
        return {**super().__getstate__(), "_ready": None}  # type: ignore[no-untyped-call]

    def forward(self, embeddings: Tensor) -> Tensor:
        """Multiply `(columns, any)` to `(rows, any)`."""
        if self._ready is None or self._ready[0] != self.value.device:
            self._ready = self.value.device, *self._both_ways()
        _, matrix, transposed = self._ready
        product: Tensor = _Product.apply(embeddings, matrix, transposed)  # type: ignore[no-untyped-call]
        return product

    def _both_ways(self) -> tuple[Any, Any]:
        """Return the matrix and its transpose in the backend's format."""
        rows, columns = self.shape
        order = (self.column * rows + self.row).argsort()
        make = _sparse_tensor if self.backend == "torch-sparse" else _compressed
        return (
            make(self.row, self.column, self.value, (rows, columns)),
            make(self.column[order], self.row[order], self.value[order], (columns, rows)),
        )


def _sparse_tensor(row: Tensor, column: Tensor, value: Tensor, shape: tuple[int, int]) -> Any:
    """Make torch-sparse's matrix from sorted entries."""
    return sparse_tensor()(row=row, col=column, value=value, sparse_sizes=shape, is_sorted=True)


def _compressed(row: Tensor, column: Tensor, value: Tensor, shape: tuple[int, int]) -> Tensor:
    """Make torch's matrix of compressed rows from sorted entries."""
    starts = torch.zeros(shape[0] + 1, dtype=torch.int64, device=row.device)
    starts[1:] = torch.bincount(row, minlength=shape[0]).cumsum(0)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Sparse"
        )  # torch warns that its sparse tensors are in beta
        # 32-bit indices, because Intel's library would convert wider ones in every product.
        return torch.sparse_csr_tensor(starts.int(), column.int(), value, shape)


class _Product(torch.autograd.Function):
    """A product with a stored transpose for its backward pass, which the backends recompute."""

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, matrix: Any, transposed: Any) -> Tensor:
        ctx.transposed = transposed
        product: Tensor = matrix @ embeddings
        return product

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed @ gradient, None, None
