"""Trained networks as files that other programs run: ONNX, or a `torch.export` program."""

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nasp.atomic_io import write_atomic
from nasp.errors import NaspError

CONTRACT = "contract.json"  # key of the description of inputs and outputs, in both forms
TOLERANCE = 1e-4  # largest difference of an output, relative to the largest output, at least 1


@dataclass(frozen=True)
class ExportedNetwork:
    """A network with what a file of it needs.

    Attributes:
        module: The network, in evaluation mode on the CPU. It returns a tensor, or a tuple of them.
        dynamic: For each input by name, the axes whose length may vary.
        outputs: Names of the outputs.
        examples: At least two different inputs. The first one is traced; all are compared.
        contract: What a program has to know of inputs and outputs, as JSON values.
    """

    module: nn.Module
    dynamic: Mapping[str, Sequence[int]]
    outputs: Sequence[str]
    examples: Sequence[tuple[Tensor, ...]]
    contract: Mapping[str, Any]


def write_exported(path: Path, network: ExportedNetwork) -> float:
    """Export a network, compare the result with the network, and write it atomically.

    Args:
        path: The file to make or replace; `.onnx` or `.pt2`.
        network: The network.

    Returns:
        The largest difference between the outputs of the file's content and of the network,
        relative to the largest output, at least 1.

    Raises:
        NaspError: The extra `onnx` is not installed, or the difference is above `TOLERANCE`.
            Nothing is written.
        OSError: The file cannot be written; the previous file is unchanged.
    """
    onnx = path.suffix == ".onnx"
    if onnx:
        _check_onnx()
    module = network.module.requires_grad_(False)
    dynamic = {
        name: {axis: torch.export.Dim.DYNAMIC for axis in axes}
        for name, axes in network.dynamic.items()
    }
    contract = json.dumps(network.contract, ensure_ascii=False)
    with _silent():
        program = torch.export.export(module, network.examples[0], dynamic_shapes=dynamic)
        content = _onnx(program, network, contract) if onnx else _pt2(program, contract)
        run = _onnx_runner(content) if onnx else _pt2_runner(content)
        difference = max(_difference(module, run, example) for example in network.examples)
    if not difference <= TOLERANCE:  # NaN, too
        raise NaspError(
            f"{path} is not written: its outputs would differ from the network's by "
            f"{difference:.1e}, more than {TOLERANCE:.0e}; is the model finite?"
        )
    write_atomic(path, lambda file: file.write(content))
    return difference


def _check_onnx() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise NaspError(
            f"an .onnx file needs {error.name}: pip install 'nasp[onnx]', or name a .pt2 file"
        ) from error


def _onnx(program: Any, network: ExportedNetwork, contract: str) -> bytes:
    exported = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        input_names=list(network.dynamic),
        output_names=list(network.outputs),
    )
    assert exported is not None
    exported.model.metadata_props[CONTRACT] = contract
    content: bytes = exported.model_proto.SerializeToString()
    return content


def _pt2(program: Any, contract: str) -> bytes:
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={CONTRACT: contract})
    return file.getvalue()


def _onnx_runner(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        values = {name: part.numpy() for name, part in zip(names, inputs, strict=True)}
        return tuple(torch.from_numpy(found) for found in session.run(None, values))

    return run


def _pt2_runner(content: bytes) -> Any:
    return torch.export.load(io.BytesIO(content)).module()


@torch.no_grad()
def _difference(module: nn.Module, run: Any, example: tuple[Tensor, ...]) -> float:
    wanted, found = (
        [whole] if isinstance(whole, Tensor) else list(whole)
        for whole in (module(*example), run(*example))
    )
    return max(
        float((ours - theirs).abs().max() / ours.abs().max().clamp(min=1))
        for ours, theirs in zip(wanted, found, strict=True)
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Hide torch's own warnings, which a user cannot act on."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
