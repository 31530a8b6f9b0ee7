"""No network has a 1 × 1 convolution with a stride, whose oneDNN kernel can corrupt memory.

`ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=1` with glibc's malloc debug library shows the error on any
processor; `.ci/run` runs the training tests with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from nasp.cnn.genotype import from_darts
from nasp.cnn.network import Network
from nasp.cnn.operations import OPERATIONS, FactorizedReduce, Pointwise, operation
from nasp.cnn.space import CNNSpace
from nasp.cnn.spaces import SPACES
from nasp.cnn.zoo import ZOO
from nasp.core.relaxation import Relaxation

SIZES = {"cifar": 16, "imagenet": 64}


class Convolutions(TorchDispatchMode):
    """Records the kernel's size and the stride of every convolution that torch runs."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.called.append((tuple(args[1].shape[2:]), tuple(args[3])))
        return func(*args, **(kwargs or {}))


@contextmanager
def no_strided_pointwise() -> Iterator[None]:
    with Convolutions() as seen:
        yield
    assert seen.called, "no convolution ran"
    strided = [call for call in seen.called if call[0] == (1, 1) and max(call[1]) > 1]
    assert not strided


def images(size: int, channels: int = 3) -> torch.Tensor:
    made = torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))
    return made.contiguous(memory_format=torch.channels_last)


def test_the_check_sees_a_strided_pointwise_convolution() -> None:
    with pytest.raises(AssertionError), no_strided_pointwise():
        nn.Conv2d(4, 2, 1, stride=2)(images(8, 4))


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("space", SPACES)
def test_all_candidates_of_a_search(space: str, kind: str) -> None:
    searched = CNNSpace(space, 3, 2, 3, torch.Generator().manual_seed(1), kind=kind)
    everything = {d.name: torch.ones(d.shape) for d in searched.decisions}
    with no_strided_pointwise():
        searched((images(SIZES[kind]), None), Relaxation.dense(everything))


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("name", [*ZOO, "every_operation"])
def test_all_networks(name: str, kind: Any) -> None:
    every = from_darts(
        [(op, source) for op in OPERATIONS if op != "none" for source in (0, 1)],
        range(2, 2 + len(OPERATIONS) - 1),
        [(op, source) for op in OPERATIONS if op != "none" for source in (0, 1)],
        range(2, 2 + len(OPERATIONS) - 1),
    )
    genotype = every if name == "every_operation" else ZOO[name]
    network = Network(genotype, 2, 3, 3, kind, True, torch.Generator().manual_seed(1))
    with no_strided_pointwise():
        network(images(SIZES[kind]))


@pytest.mark.parametrize("name", [n for n in OPERATIONS if "conv" in n or n == "skip_connect"])
def test_all_operations(name: str) -> None:
    with no_strided_pointwise():
        operation(name, 4, 2, affine=True)(images(8, 4))


@pytest.mark.parametrize("size", [7, 8])
def test_the_same_arithmetic_as_a_strided_convolution(size: int) -> None:
    made, x = Pointwise(4, 6, 2).double(), images(size, 4).double()
    strided = nn.functional.conv2d(x, made.weight, stride=2)
    assert torch.allclose(made(x), strided, rtol=1e-12, atol=1e-12)


def test_a_factorized_reduction_takes_even_and_odd_pixels() -> None:
    reduce, x = FactorizedReduce(4, 6).double().eval(), images(8, 4).double()
    even = nn.functional.conv2d(x.relu(), reduce.even.weight, stride=2)
    odd = nn.functional.conv2d(x.relu()[:, :, 1:, 1:], reduce.odd.weight, stride=2)
    assert torch.allclose(reduce(x), reduce.norm(torch.cat([even, odd], 1)), atol=1e-12)
