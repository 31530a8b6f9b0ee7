"""Training: the optimiser."""

import torch

from sif.fit import adagrad
from sif.options import TrainOptions


def test_one_kernel_on_the_cpu_and_a_step_on_every_device() -> None:
    for device in ("cpu", "meta"):  # as on CUDA, torch has no fused kernel for meta tensors
        parameter = torch.nn.Parameter(torch.ones(3, device=device))
        optimizer = adagrad([{"params": [parameter]}], TrainOptions())
        parameter.grad = torch.ones(3, device=device)
        optimizer.step()
        assert optimizer.defaults["fused"] is (device == "cpu")
