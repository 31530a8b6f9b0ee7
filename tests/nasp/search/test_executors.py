"""Executors give the same results in this process, in others and on Ray, even after kills."""

import multiprocessing
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor

from nasp.errors import Diverged, NaspError
from nasp.search import process_executor
from nasp.search.executors import Executor, JobResult, check_executor, open_executor

NO_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed")
ELSEWHERE = ["processes:2", pytest.param("ray", marks=NO_RAY)]
ALL = ["serial", *ELSEWHERE]
SECONDS = 120  # time limit of tests that wait for another process


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray cluster on this machine, for all tests that want one."""
    with open_executor("ray:local", None):
        yield


@pytest.fixture
def spec(request: pytest.FixtureRequest) -> str:
    """The name of an executor; for Ray, a running cluster."""
    name: str = request.param
    if name == "ray":
        request.getfixturevalue("cluster")
    return name


@pytest.fixture(scope="module")
def executor(request: pytest.FixtureRequest) -> Iterator[Executor[int]]:
    """An executor whose jobs share the number 10, for many tests: processes start slowly."""
    if request.param == "ray":
        request.getfixturevalue("cluster")
    with open_executor(request.param, 10) as opened:
        yield opened


on_all = pytest.mark.parametrize("executor", ALL, indirect=True)
elsewhere = pytest.mark.parametrize("executor", ELSEWHERE, indirect=True)
opened_on_all = pytest.mark.parametrize("spec", ALL, indirect=True)


def values(executor: Executor[Any]) -> dict[Any, Any]:
    return {key: result.value() for key, result in executor.results()}


# What the jobs do. -------------------------------------------------------------------------------


def scaled(factor: int, number: int, *, offset: int = 0) -> int:
    return factor * number + offset


def trained(data: Tensor, generator: torch.Generator) -> tuple[Tensor, int]:
    """Return weights after a few steps on several threads, and the number of threads."""
    weight = torch.randn(64, generator=generator, requires_grad=True)
    for _ in range(3):
        loss = (data @ weight).square().mean() + data.sin().sum() * weight.sum() * 1e-6
        (gradient,) = torch.autograd.grad(loss, weight)
        weight = (weight - 0.1 * gradient).detach().requires_grad_()
    return weight.detach(), torch.get_num_threads()


def extended(shared: int, numbers: list[int]) -> list[int]:
    numbers.append(shared)
    return numbers


def content(shared: int, fifo: Path) -> str:
    return fifo.read_text()


def append(log: Path, line: object) -> None:
    with log.open("a") as file:
        print(line, file=file)


class Counted:
    """Writes a line with the process id whenever it is unpickled."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.log = state["log"]
        append(self.log, os.getpid())


def process_of(shared: Counted) -> int:
    return os.getpid()


def killed(shared: int, folder: Path, number: int, times: int) -> int:
    """Write a line for each attempt; the first attempts end with SIGKILL."""
    log = folder / str(number)
    append(log, os.getpid())
    if len(log.read_text().splitlines()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


class Unloadable(Exception):
    """An exception that pickle cannot load, because its arguments do not recreate it."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")


def raising(shared: int, kind: str) -> NoReturn:
    if kind == "diverged":
        raise Diverged("the loss is nan")
    if kind == "unloadable":
        raise Unloadable("here", "no reason")
    raise KeyError(kind)


def unpicklable(shared: int) -> object:
    return lambda: None


def warning(shared: int, number: int) -> int:
    for _ in range(3):
        warnings.warn("two users were dropped", stacklevel=1)
    return number


def visible_gpus(shared: None) -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES")


class Value:
    """An object that weak references can refer to."""


def made(shared: int) -> Value:
    return Value()


# The contract, on every executor. ----------------------------------------------------------------


@on_all
def test_results_are_those_of_the_functions(executor: Executor[int]) -> None:
    assert list(executor.results()) == []
    for number in range(5):
        executor.submit(("key", number), scaled, number, offset=1)
    assert values(executor) == {("key", n): 10 * n + 1 for n in range(5)}
    executor.submit("again", scaled, 7)
    assert values(executor) == {"again": 70}


@on_all
def test_jobs_may_be_submitted_for_the_results_of_others(executor: Executor[int]) -> None:
    executor.submit(0, scaled, 1)
    found = []
    for key, result in executor.results():
        found.append(result.value())
        if key < 3:
            executor.submit(key + 1, scaled, result.value())
    assert found == [10, 100, 1000, 10000]


@on_all
def test_a_job_has_the_arguments_of_its_submission_to_itself(executor: Executor[int]) -> None:
    numbers = [1]
    executor.submit("a", extended, numbers)
    numbers.append(2)
    executor.submit("b", extended, numbers)
    assert values(executor) == {"a": [1, 10], "b": [1, 2, 10]}
    assert numbers == [1, 2]


@on_all
def test_an_exception_keeps_its_type_and_message_and_the_other_jobs_go_on(
    executor: Executor[int],
) -> None:
    executor.submit("good", scaled, 1)
    for kind in ("diverged", "bug", "unloadable"):
        executor.submit(kind, raising, kind)
    executor.submit("unpicklable", unpicklable)
    results = dict(executor.results())
    assert results["good"] == JobResult(10)
    with pytest.raises(Diverged, match=r"^the loss is nan$"):
        results["diverged"].value()
    with pytest.raises(KeyError, match=r"^'bug'$") as caught:
        results["bug"].value()
    shown = "".join(traceback.format_exception(caught.value))
    assert "in raising\n    raise KeyError(kind)\n" in shown
    with pytest.raises(RuntimeError, match=r"^Unloadable: here: no reason$") as substitute:
        results["unloadable"].value()
    assert "in raising" in str(substitute.value.__cause__)
    with pytest.raises((AttributeError, pickle.PicklingError), match=r"unpicklable.*lambda"):
        results["unpicklable"].value()


@on_all
def test_what_was_yielded_is_not_kept(executor: Executor[int]) -> None:
    executor.submit(1, made)
    executor.submit(2, made)
    results = executor.results()
    _, result = next(results)
    kept = weakref.ref(result.value())
    del result
    assert kept() is None
    assert len(list(results)) == 1


@on_all
def test_an_argument_that_cannot_be_pickled_is_refused_at_once(executor: Executor[int]) -> None:
    with pytest.raises((AttributeError, pickle.PicklingError)):
        executor.submit(1, lambda shared: shared)
    assert list(executor.results()) == []


@opened_on_all
def test_training_on_several_threads_gives_the_same_bits(spec: str) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        data = torch.randn(4000, 64, generator=torch.Generator().manual_seed(1))
        expected = {seed: trained(data, torch.Generator().manual_seed(seed)) for seed in (1, 2, 3)}
        with open_executor(spec, data) as executor:
            for seed in expected:
                executor.submit(seed, trained, torch.Generator().manual_seed(seed))
            found = values(executor)
    finally:
        torch.set_num_threads(before)
    assert found.keys() == expected.keys()
    for seed, (weight, threads) in found.items():
        assert torch.equal(weight, expected[seed][0])
        assert threads == 2
    assert not torch.equal(found[1][0], found[2][0])


def test_serial_runs_jobs_in_order_when_asked(tmp_path: Path) -> None:
    with open_executor("serial", 0) as executor:
        for number in (3, 1, 2):
            executor.submit(number, killed, tmp_path, number, 0)
        assert list(tmp_path.iterdir()) == []
        assert [key for key, _ in executor.results()] == [3, 1, 2]


# In other processes. -----------------------------------------------------------------------------


@elsewhere
def test_a_job_that_ends_first_is_yielded_first(executor: Executor[int], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    executor.submit("slow", content, fifo)
    executor.submit("quick", scaled, 1)
    results = executor.results()
    assert next(results) == ("quick", JobResult(10))
    fifo.write_text("done")  # the slow job ends now
    assert list(results) == [("slow", JobResult("done"))]


@elsewhere
def test_a_warning_of_several_jobs_is_shown_once(executor: Executor[int]) -> None:
    with pytest.warns(UserWarning, match=r"^two users were dropped$") as shown:
        for number in range(4):
            executor.submit(number, warning, number)
        assert values(executor) == {n: n for n in range(4)}
    assert len(shown) == 1


@elsewhere
def test_a_killed_process_costs_its_job_a_retry_and_the_others_nothing(
    executor: Executor[int], tmp_path: Path
) -> None:
    for number in range(6):
        executor.submit(number, killed, tmp_path, number, 2 if number == 1 else 0)
    assert values(executor) == {number: number for number in range(6)}
    attempts = [len((tmp_path / str(n)).read_text().splitlines()) for n in range(6)]
    assert attempts == [1, 3, 1, 1, 1, 1]


@elsewhere
def test_a_job_whose_process_is_always_killed_is_an_error_of_its_own(
    executor: Executor[int], tmp_path: Path
) -> None:
    for number in range(3):
        executor.submit(number, killed, tmp_path, number, 99 if number == 0 else 0)
    results = dict(executor.results())
    with pytest.raises(NaspError, match=r"ended 3 times .*memory: .*--batch_size"):
        results[0].value()
    assert (results[1].value(), results[2].value()) == (1, 2)
    assert len((tmp_path / "0").read_text().splitlines()) == 3
    assert [results[number].killed for number in range(3)] == [True, False, False]


def test_the_jobs_after_one_that_is_always_killed_get_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_executor, "ATTEMPTS", 1)
    with open_executor("processes:1", 10) as executor:
        executor.submit(0, killed, tmp_path, 0, 99)
        executor.submit(1, killed, tmp_path, 1, 0)
        results = dict(executor.results())
    assert results[0].killed
    assert results[1].value() == 1


@pytest.mark.parametrize("spec", ["processes:8", pytest.param("ray", marks=NO_RAY)], indirect=True)
def test_the_shared_object_reaches_each_process_once(spec: str, tmp_path: Path) -> None:
    log, before = tmp_path / "log", set(multiprocessing.active_children())
    processes: set[int] = set()
    with open_executor(spec, Counted(log)) as executor:
        for _ in range(3):
            for number in range(2):
                executor.submit(number, process_of)
            processes |= set(values(executor).values())
        if spec != "ray":  # no more processes than jobs
            started = set(multiprocessing.active_children()) - before
            assert processes == {process.pid for process in started}
            assert len(processes) == 2
    assert os.getpid() not in processes
    assert sorted(log.read_text().splitlines()) == sorted(str(pid) for pid in processes)
    assert set(multiprocessing.active_children()) == before


def test_leaving_early_ends_the_processes(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(KeyError), open_executor("processes:2", 0) as executor:
        for number in range(3):
            executor.submit(number, content, fifo)  # never ends by itself
        assert len(set(multiprocessing.active_children()) - before) == 2
        raise KeyError
    assert set(multiprocessing.active_children()) == before


def test_an_error_in_the_shared_object_is_the_error_of_each_job(tmp_path: Path) -> None:
    with open_executor("processes:1", Counted(tmp_path / "missing" / "log")) as executor:
        executor.submit(1, process_of)
        executor.submit(2, process_of)
        results = dict(executor.results())
    assert len(results) == 2
    for result in results.values():
        with pytest.raises(FileNotFoundError, match="missing"):
            result.value()


def test_functions_of_a_script_run_in_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from nasp.search.executors import open_executor\n"
        "def double(shared, number): return shared + 2 * number\n"
        "if __name__ == '__main__':\n"
        "    with open_executor('processes:1', 1) as executor:\n"
        "        executor.submit('a', double, 4)\n"
        "        print([(key, result.value()) for key, result in executor.results()])\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=SECONDS)
    assert (done.stdout, done.stderr) == ("[('a', 9)]\n", "")


# Interruptions. ----------------------------------------------------------------------------------


def block(fifo: Path, number: int) -> None:
    with fifo.open("w") as file:
        print(os.getpid(), file=file)
    threading.Event().wait()


def blocked_command(arguments: Sequence[str] | None) -> None:
    executor, fifo = sys.argv[1:]
    warnings.warn("a line of its own", stacklevel=1)
    with open_executor(executor, Path(fifo)) as opened:
        for number in range(3):
            opened.submit(number, block, number)
        values(opened)


COMMAND = """
from nasp.experiment.run_folder import run_command
from tests.nasp.search.test_executors import blocked_command
run_command(blocked_command)
"""


def interrupted(spec: str, fifo: Path, how: signal.Signals) -> tuple[int, str]:
    """Send a signal to a command, like a terminal or a scheduler, while its jobs run.

    Returns:
        Its exit code and standard error, after all processes have closed it.
    """
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDWR)  # read-only access would end with the first writer
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, spec, fifo],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        try:
            started = b""
            while started.count(b"\n") < (1 if spec.endswith(":1") else 2):
                assert select.select([reading], [], [], SECONDS)[0], "the jobs did not start"
                started += os.read(reading, 100)
            if how == signal.SIGINT:
                os.killpg(command.pid, how)
            else:
                command.send_signal(how)
            _, errors = command.communicate(timeout=SECONDS)
        except BaseException:
            os.killpg(command.pid, signal.SIGKILL)
            raise
        finally:
            os.close(reading)
    return command.returncode, errors


@pytest.mark.parametrize(
    ("name", "how", "code"),
    [
        ("processes:2", signal.SIGINT, 130),
        ("processes:1", signal.SIGTERM, 143),
        pytest.param("ray:local", signal.SIGINT, 130, marks=NO_RAY),
        pytest.param("ray:local", signal.SIGTERM, 143, marks=NO_RAY),
    ],
)
def test_an_interruption_ends_all_processes_in_one_line(
    name: str, how: signal.Signals, code: int, tmp_path: Path
) -> None:
    assert interrupted(name, tmp_path / "fifo", how) == (
        code,
        "warning: a line of its own\n\ninterrupted: before any work\n",
    )


def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    code, _ = interrupted("processes:2", tmp_path / "fifo", signal.SIGKILL)
    assert code == -signal.SIGKILL


# The option. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["serial", "processes", "processes:1", "processes:64"])
def test_known_executors_pass_the_check(name: str) -> None:
    check_executor(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("proceses:2", "unknown executor 'proceses' .did you mean 'processes'.*serial, processes"),
        ("", "unknown executor ''"),
        ("serial:2", "serial:2: serial takes nothing"),
        ("processes:", "processes:: nothing follows the colon"),
        ("processes:0", "processes:0: the number of processes must be from 1 to 1024"),
        ("processes:-1", "must be from 1"),
        ("processes:2.0", "must be from 1"),
        ("processes:two", "must be from 1"),
        ("processes:²", "must be from 1"),
        ("processes:99999999999", "must be from 1"),
        ("ray:", "ray:: nothing follows the colon"),
    ],
)
def test_wrong_executors_are_one_line(name: str, message: str) -> None:
    for attempt in (check_executor, lambda name: open_executor(name, None)):
        with pytest.raises(NaspError, match=message) as caught:
            attempt(name)
        assert "\n" not in str(caught.value)


def test_without_ray_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasp.search.ray_executor.find_spec", lambda name: None)
    with pytest.raises(NaspError, match=r"pip install 'nasp\[ray\]'"):
        check_executor("ray")


def test_the_check_imports_nothing_heavy() -> None:
    script = (
        "import sys; from nasp.search.executors import EXECUTORS, check_executor\n"
        "check_executor('processes:2'); EXECUTORS['ray']\n"
        "print(sorted({'torch', 'ray', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


# Only Ray. ---------------------------------------------------------------------------------------

RAY = """
import os, signal
from nasp.search.executors import open_executor
from tests.nasp.search.test_executors import scaled
handler = signal.getsignal(signal.SIGTERM)
with open_executor("ray:local", 3) as executor:
    import ray
    executor.submit(1, scaled, 2)
    print([(key, result.value()) for key, result in executor.results()])
    print(ray.is_initialized(), os.environ["RAY_USAGE_STATS_ENABLED"])
    print(signal.getsignal(signal.SIGTERM) == handler)
print(ray.is_initialized())
"""


@NO_RAY
def test_ray_is_silent_tells_nobody_and_ends_with_the_executor() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RAY], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.stdout == "[(1, 6)]\nTrue 0\nTrue\nFalse\n", done.stderr
    assert done.stderr == ""


GPUS = """
import os, ray
from nasp.search.executors import open_executor
from tests.nasp.search.test_executors import visible_gpus
ray.init("local", num_cpus=2, num_gpus=2, log_to_driver=False, logging_level="ERROR")
with open_executor("ray", None, gpus=1) as executor:
    executor.submit(1, visible_gpus)
    print([result.value() in ("0", "1") for _, result in executor.results()])
print(ray.is_initialized())
"""


@NO_RAY
def test_ray_gives_a_job_its_gpu_and_an_open_connection_stays_open() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GPUS],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.stdout == "[True]\nTrue\n", done.stderr


@NO_RAY
def test_an_address_without_a_cluster_is_one_line() -> None:
    script = (
        "from nasp.search.executors import open_executor\n"
        "try: open_executor('ray:127.0.0.1:1', None)\n"
        "except ValueError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.stdout.startswith("NaspError --executor ray:127.0.0.1:1: no Ray cluster answers")
    assert len(done.stdout.splitlines()) == 1
