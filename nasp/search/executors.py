"""Executors run jobs in this process, in several processes or on Ray, with the same results.

Importing this module imports neither torch nor Ray, so `--executor` can be checked early.
"""

import pickle
import traceback
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from nasp.errors import NaspError, check_known
from nasp.plugins import load_plugins
from nasp.registry import Registry

ATTEMPTS = 3  # tries of a job whose process is killed

Shared = TypeVar("Shared")
Arguments = ParamSpec("Arguments")


class JobTraceback(Exception):
    """The traceback of a job's exception, as text. It becomes the cause of that exception."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class JobResult:
    """The outcome of a job.

    Attributes:
        returned: The job's return value; None if it raised an error.
        error: The job's exception; None if it returned.
        traceback: The traceback of the error; None if the job's process was killed.
    """

    returned: Any = None
    error: Exception | None = None
    traceback: str | None = None

    @property
    def killed(self) -> bool:
        """Whether the job's process was killed in every attempt."""
        return self.error is not None and self.traceback is None

    def value(self) -> Any:
        """Return the job's return value, or raise its exception."""
        if self.error is not None:
            raise self.error from (JobTraceback(self.traceback) if self.traceback else None)
        return self.returned


class Executor(ABC, Generic[Shared]):
    """Runs jobs, and yields their results as they end.

    A job is a call of a module-level function. Its first argument is an object that all jobs share
    and must not change. The other arguments are pickled when the job is submitted, and its return
    value is pickled as well. So a job works on copies in every executor, and its result does not
    depend on the executor.

        with open_executor("processes:4", task) as executor:
            for seed in range(10):
                executor.submit(seed, train, genotype, seed)  # train(task, genotype, seed)
            for seed, result in executor.results():
                print(seed, result.value())

    Leaving the `with` block stops the jobs that still run.

    Args:
        shared: The first argument of every job. Each process receives it once, not with every job.
        argument: The text after the colon on the command line, `4` in `processes:4`.
        gpus: Number of GPUs that a job needs. Ray reserves them for the job; local processes share
            all GPUs of the machine.
    """

    @abstractmethod
    def __init__(self, shared: Shared, argument: str = "", gpus: float = 0) -> None:
        self._unfinished = 0
        self._warned: set[tuple[object, ...]] = set()

    @staticmethod
    @abstractmethod
    def check(argument: str) -> None:
        """Check the argument before any work starts.

        Raises:
            NaspError: The argument is wrong, or a package is missing.
        """

    def submit(
        self,
        key: Any,
        function: Callable[Concatenate[Shared, Arguments], object],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> None:
        """Submit a job.

        Args:
            key: Identifies the job's result; it is not sent to other processes.
            function: A module-level function that other processes can import.
            arguments: Positional arguments after the shared object; they must be picklable.
            named: Keyword arguments; they must be picklable.
        """
        self._start(key, pickle.dumps((function, arguments, named)))
        self._unfinished += 1

    def results(self) -> Iterator[tuple[Any, JobResult]]:
        """Yield the key and the result of each job as it ends, in any order.

        More jobs may be submitted in between. A job whose process was killed in every attempt has
        a `NaspError` as its error.
        """
        while self._unfinished:
            yield self._next_result()

    def _next_result(self) -> tuple[Any, JobResult]:
        key, result = self._finish_one()
        self._unfinished -= 1
        return key, pickle.loads(result)

    @abstractmethod
    def _start(self, key: Any, call: bytes) -> None:
        """Start or queue a job; `call` is the argument of `run_job`."""

    @abstractmethod
    def _finish_one(self) -> tuple[Any, bytes]:
        """Wait until a job ends, and return its key and the bytes that `run_job` returned."""

    def _without_warnings(self, answer: bytes) -> bytes:
        """Show the job's warnings that were not shown before, and return its pickled result."""
        result, caught = pickle.loads(answer)
        for warning in caught:
            if warning not in self._warned:
                self._warned.add(warning)
                warnings.warn_explicit(*warning)
        return bytes(result)

    def close(self) -> None:
        """Stop the jobs that still run and the processes that were started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Serial(Executor[Shared]):
    """Runs jobs in this process, in the order of submission, when results are requested."""

    def __init__(self, shared: Shared, argument: str = "", gpus: float = 0) -> None:
        super().__init__(shared, argument, gpus)
        self._shared = shared
        self._waiting: deque[tuple[Any, bytes]] = deque()

    @staticmethod
    def check(argument: str) -> None:
        if argument:
            raise NaspError(f"--executor serial:{argument}: serial takes nothing after its name")

    def _start(self, key: Any, call: bytes) -> None:
        self._waiting.append((key, call))

    def _finish_one(self) -> tuple[Any, bytes]:
        key, call = self._waiting.popleft()
        return key, run_job(call, lambda: self._shared)


EXECUTORS = Registry[type[Executor[Any]]](
    {
        "serial": "nasp.search.executors:Serial",
        "processes": "nasp.search.process_executor:Processes",
        "ray": "nasp.search.ray_executor:Ray",
    }
)


def check_executor(spec: str) -> None:
    """Check the value of `--executor`: serial, processes, processes:4, ray or ray:ADDRESS.

    Raises:
        NaspError: The value is wrong, or Ray is requested but not installed.
    """
    name, colon, argument = spec.partition(":")
    check_known("executor", name, EXECUTORS)
    if colon and not argument:
        raise NaspError(f"--executor {spec}: nothing follows the colon")
    EXECUTORS[name].check(argument)


def open_executor(spec: str, shared: Shared, gpus: float = 0) -> Executor[Shared]:
    """Open the executor that `--executor` names, for a `with` block.

    Args:
        spec: serial, processes, processes:4, ray or ray:ADDRESS.
        shared: The first argument of every job.
        gpus: Number of GPUs that a job needs.

    Raises:
        NaspError: The spec is wrong, Ray is not installed, or no cluster answers.
    """
    check_executor(spec)
    name, _, argument = spec.partition(":")
    return EXECUTORS[name](shared, argument, gpus)


def run_job(call: bytes, shared: Callable[[], object]) -> bytes:
    """Run a job.

    Args:
        call: The pickled function and its arguments.
        shared: Returns the first argument of the function.

    Returns:
        The pickled `JobResult`.
    """
    try:
        load_plugins()  # a new process has loaded none yet
        function, arguments, named = pickle.loads(call)
        return pickle.dumps(JobResult(function(shared(), *arguments, **named)))
    except Exception as error:
        return _pickled(error)


def run_job_elsewhere(call: bytes, shared: Callable[[], object], threads: int) -> bytes:
    """Run a job in a worker process.

    Args:
        call: The pickled function and its arguments.
        shared: Returns the first argument of the function.
        threads: Number of torch's threads. It equals that of the submitting process, because a
            different number can change the last digits of a sum.

    Returns:
        The pickled `JobResult` and the warnings of the job, pickled together.
    """
    import torch  # imported here, so that this module imports no torch

    torch.set_num_threads(threads)
    with warnings.catch_warnings(record=True) as caught:
        result = run_job(call, shared)
    return pickle.dumps(
        (result, [(str(w.message), w.category, w.filename, w.lineno) for w in caught])
    )


def killed_error(how: str) -> NaspError:
    """Return the error of a job whose process was killed in every attempt.

    Args:
        how: How the last process ended, and what to do.
    """
    return NaspError(
        f"a job's process ended {ATTEMPTS} times before the job did, the last time {how}"
    )


def _pickled(error: Exception) -> bytes:
    trace = traceback.format_exc()
    try:
        result = pickle.dumps(JobResult(error=error, traceback=trace))
        pickle.loads(result)
    except Exception:  # some exceptions cannot be pickled or unpickled
        substitute = RuntimeError(f"{type(error).__qualname__}: {error}")
        result = pickle.dumps(JobResult(error=substitute, traceback=trace))
    return result
