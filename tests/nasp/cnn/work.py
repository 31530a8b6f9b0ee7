"""The work of one or two processes in `test_parallel`: `-m tests.nasp.cnn.work`.

Each of two processes saves its results. A single process does the same work on whole batches.
"""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nasp import atomic_io as files
from nasp import cnn_search, cnn_train
from nasp.cnn import report
from nasp.cnn.data import LabelledImages
from nasp.cnn.evaluation import evaluate
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.options import TrainOptions
from nasp.cnn.space import CNNSpace
from nasp.cnn.tasks import ImageTask
from nasp.errors import NaspError
from nasp.experiment import run_record as job
from nasp.runs.context import RunContext
from nasp.runs.process import processes, rank
from nasp.search.one_shot import loss_of
from nasp.strategies import ONE_SHOT
from nasp.training.batch_norm import BatchNorm
from nasp.training.optimization import SGD, Losses, WeightStep, descend
from nasp.training.parallel import (
    fail_together,
    join_processes,
    mean_over_processes,
    own_share,
    sum_over_processes,
)
from tests.conftest import save_nothing
from tests.nasp.cnn.cells import DARTS_V2

Results = dict[str, Any]
SEARCH, TRAIN = ["--epochs", "1"], ["--epochs", "1", "--validation", "8"]


def cross_entropy(logits: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
    return torch.nn.functional.cross_entropy(logits, batch[1])


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_batch(random: torch.Generator, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """This process's share of 8 images and their labels."""
    images = torch.randn(8, 3, 8, 8, generator=random, dtype=dtype)
    return own_share(images), own_share(torch.randint(3, (8,), generator=random))


def normalised(affine: bool, offset: float, dtype: torch.dtype) -> Results:
    """Run two batches with standard deviation 1 through a batch norm of 5 channels."""
    random = seeded()
    norm = BatchNorm(5, affine=affine).to(dtype)
    if affine:
        torch.nn.init.normal_(norm.weight, generator=random)
        torch.nn.init.normal_(norm.bias, generator=random)
    found = []
    for _ in range(2):
        x, direction = torch.randn(2, 8, 5, 4, 3, generator=random, dtype=torch.float64).to(dtype)
        mine = own_share(x + offset).requires_grad_()
        output = norm(mine)
        (output * own_share(direction)).sum().backward()
        found.append((output.detach(), mine.grad))
    weights = [weight.grad for weight in norm.parameters()]
    for gradient in weights:
        sum_over_processes(gradient)
    return {"shared": found, "weights": weights, "buffers": list(norm.buffers())}


def searched(strategy: str, steps: int = 2, layers: int = 3, **options: Any) -> Results:
    """Steps of a search in float64."""
    random = seeded()
    space = CNNSpace("nasp", 3, 4, layers, random).double()
    optimizer = SGD(space.weights(), 0.05, momentum=0.9)
    step = WeightStep(optimizer, gradient_clip=1.0)
    if strategy == "darts2":
        options["hessian"] = "finite"
    chosen = ONE_SHOT[strategy].Options(learning_rate=0.02, **options)
    made = ONE_SHOT[strategy](space, random, chosen, step)
    made.architecture.double()
    made.load_state_dict(made.state_dict())  # projects again
    losses = Losses()
    for _ in range(steps):
        train, valid = a_batch(random), a_batch(random)
        made.architecture_step(
            *(partial(loss_of, cross_entropy, space, batch) for batch in (train, valid))
        )
        loss = loss_of(cross_entropy, space, train, made.weight_relaxation())
        descend(loss, space.weights(), optimizer, gradient_clip=1.0)
        losses.append(loss, len(train[1]))
    return {
        "loss": losses.mean(),
        "A": torch.cat([a.detach().flatten() for a in made.architecture.values().values()]),
        "weights": torch.cat([w.detach().flatten() for w in space.weights()]),
        "buffers": torch.cat([b.double().flatten() for b in space.buffers()]),
        "genotype": made.genotype().to_json(),
    }


def trained(batch_size: int = 8) -> Results:
    """Train a network with an auxiliary head for two epochs; drop-path begins in the second."""
    random = seeded()
    images = torch.randint(256, (24, 3, 8, 8), generator=random, dtype=torch.uint8)
    data = LabelledImages(images, torch.arange(24) % 3)
    part = torch.arange(16), torch.arange(16, 24)
    options = TrainOptions(
        channels=4, layers=3, epochs=2, batch_size=batch_size, cutout=2, drop_path_prob=0.4
    )
    split = ImagesInMemory(data[part[0]], data[part[1]], None, ("a", "b", "c"), batch_size, 2)
    task = ImageTask(split, options)
    (found,) = task.train("train", DARTS_V2, 1, RunContext())
    network, history = task.trained_network(found), found.history
    return {
        "weights": torch.cat([w.detach().flatten() for w in network.parameters()]),
        "buffers": torch.cat([b.double().flatten() for b in network.buffers()]),
        "metrics": [{k: v for k, v in m.items() if "time" not in k} for m in history],
    }


def judged() -> Results:
    """Evaluate one batch, so that one of two processes evaluates none, and then three batches."""
    images = torch.randn(22, 3, 2, 2, generator=seeded())
    labels = torch.arange(22) % 7
    found = {}
    for size in (22, 8):
        batches = zip(images.split(size), labels.split(size), strict=True)
        found[size] = evaluate(lambda x: x.flatten(1)[:, :7], batches, "valid")
    return found


def basics() -> Results:
    tensors = [torch.tensor([1.0, 2.0]) * (rank() + 1), None, torch.tensor(5.0 * rank())]
    mean_over_processes(tensors)
    summed = torch.tensor([rank(), 1])
    sum_over_processes(summed)
    found = {"processes": processes(), "share": own_share(torch.arange(8))}
    return {**found, "mean": tensors[::2], "sum": summed}


def refused() -> list[str]:
    """Errors of work that two processes cannot share."""
    messages = []
    space = CNNSpace("nasp", 3, 4, 3, seeded())
    step = WeightStep(SGD(space.weights(), 0.1))
    exact = ONE_SHOT["darts2"].Options(hessian="exact")
    for attempt in (
        lambda: ONE_SHOT["darts2"](space, seeded(), exact, step),
        lambda: own_share(torch.arange(9)),
        lambda: trained(batch_size=5),
        refused_by_one,
    ):
        try:
            attempt()
        except NaspError as error:
            messages.append(str(error))
    return messages


def refused_by_one() -> None:
    with fail_together(torch.device("cpu")):
        if rank() == 0:
            raise NaspError("not here")


def everything() -> Results:
    return {
        "norms": {
            (affine, offset, str(dtype)): normalised(affine, offset, dtype)
            for affine in (False, True)
            for offset, dtype in ((0.0, torch.float64), (300.0, torch.float32))
        },
        "nasp": searched("nasp", eta=0.1),
        "sampled": searched("nasp", steps=1, probe_fraction=0.3),
        "darts": searched("darts", layers=1),
        "darts2": searched("darts2", steps=1, layers=1),
        "trained": trained(),
        "judged": judged(),
    }


def arguments(data: Path, output: Path) -> list[str]:
    """Options of a small run of either command."""
    small = ["--channels", "4", "--layers", "3", "--batch_size", "8", "--images", "16"]
    more = ["--cutout", "2", "--device", "cpu", "--tracking", "none"]
    return ["--data", str(data), "--output", str(output), *small, *more]


def main(folder: Path, data: Path, *ports: str) -> None:
    """Run both commands and the work as one of two processes that `torchrun` started."""
    first = os.environ["RANK"] == "0"
    if not first:
        files.os.replace = job.claim_output = None  # type: ignore[assignment]  # it may not write
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        report.plots.draw_weights = lambda *arguments: None  # slow, and tested elsewhere
        Figure.savefig = save_nothing  # type: ignore[assignment]
        cnn_search.main([*arguments(data, folder / "searched"), *SEARCH])
        # A store serves a single group; further groups make their own.
        os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"
        os.environ["MASTER_PORT"] = ports[0]
        cnn_train.main([*arguments(data, folder / "trained"), *TRAIN])
    os.environ["MASTER_PORT"] = ports[1]
    with join_processes("cpu"):
        found = {**everything(), "basics": basics(), "refused": refused()}
    tasks = Path("/proc/self/task").glob("*/comm")  # empty on systems without this folder
    found["threads"] = [task.read_text().strip() for task in tasks]
    found["printed"] = printed.getvalue()
    torch.save(found, folder / f"{os.environ['RANK']}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
