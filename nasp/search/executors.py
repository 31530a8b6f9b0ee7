"""Executors: run jobs in this process, in several, or on a Ray cluster, with the same results.

Importing this module imports neither torch nor Ray, so that `--executor` can be checked early.
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

ATTEMPTS = 3  # of a job whose process is killed

Shared = TypeVar("Shared")
Arguments = ParamSpec("Arguments")


class JobTraceback(Exception):
    """The traceback of an exception in a job, as text: it is shown as the exception's cause."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class JobResult:
    """How a job ended.

    Attributes:
        returned: What the job returned; None if it raised.
        error: What the job raised; None if it returned.
        traceback: That of the error; None if the job's process was killed.
    """

    returned: Any = None
    error: Exception | None = None
    traceback: str | None = None

    @property
    def killed(self) -> bool:
        """Whether the job's process was killed, each time that it was tried."""
        return self.error is not None and self.traceback is None

    def value(self) -> Any:
        """Return what the job returned, or raise what it raised."""
        if self.error is not None:
            raise self.error from (JobTraceback(self.traceback) if self.traceback else None)
        return self.returned


class Executor(ABC, Generic[Shared]):
    """Runs jobs, and yields their results as they end.

    A job is a call of a module-level function, whose first argument is the object that all jobs
    share; they must not change it. The other arguments are pickled when the job is submitted, and
    what a job returns is pickled too: a job sees copies in every executor, so that its result does
    not depend on which one runs it.

        with open_executor("processes:4", task) as executor:
            for seed in range(10):
                executor.submit(seed, train, genotype, seed)  # train(task, genotype, seed)
            for seed, result in executor.results():
                print(seed, result.value())

    Leaving the block ends the jobs that still run.

    Args:
        shared: The first argument of every job. Another process receives it once, not with each
            job.
        argument: What follows the name on the command line, `4` in `processes:4`.
        gpus: GPUs that a job needs. Ray sends a job to where they are free, and lets it see no
            others; the processes of this machine share the GPUs that it has.
    """

    @abstractmethod
    def __init__(self, shared: Shared, argument: str = "", gpus: float = 0) -> None:
        self._unfinished = 0
        self._warned: set[tuple[object, ...]] = set()

    @staticmethod
    @abstractmethod
    def check(argument: str) -> None:
        """Check the argument before any work.

        Raises:
            NaspError: It is wrong, or a package is missing.
        """

    def submit(
        self,
        key: Any,
        function: Callable[Concatenate[Shared, Arguments], object],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> None:
        """Add a job.

        Args:
            key: Tells the job's result from the others'; it stays in this process.
            function: A module-level function that other processes can import.
            arguments: Those that follow the shared object; they can be pickled.
            named: Arguments by name, likewise.
        """
        self._start(key, pickle.dumps((function, arguments, named)))
        self._unfinished += 1

    def results(self) -> Iterator[tuple[Any, JobResult]]:
        """Yield the key and the result of each job as it ends, in any order.

        Jobs may be submitted in between. Nothing that was yielded is kept. The error of a job
        whose process was killed three times is a `NaspError`.
        """
        while self._unfinished:
            yield self._next_result()

    def _next_result(self) -> tuple[Any, JobResult]:
        key, result = self._finish_one()
        self._unfinished -= 1
        return key, pickle.loads(result)

    @abstractmethod
    def _start(self, key: Any, call: bytes) -> None:
        """Start a job, or let it wait for its turn; `call` is for `run_job`."""

    @abstractmethod
    def _finish_one(self) -> tuple[Any, bytes]:
        """Wait until a job ends; returns its key and what `run_job` returned."""

    def _without_warnings(self, answer: bytes) -> bytes:
        """Show the warnings of a job that were not shown before, and return its result."""
        result, caught = pickle.loads(answer)
        for warning in caught:
            if warning not in self._warned:
                self._warned.add(warning)
                warnings.warn_explicit(*warning)
        return bytes(result)

    def close(self) -> None:
        """End the jobs that still run, and the processes that were started."""

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
    """Runs each job in this process when its result is asked for, in the order of submission."""

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
        NaspError: It is wrong, or Ray is asked for and not installed.
    """
    name, colon, argument = spec.partition(":")
    check_known("executor", name, EXECUTORS)
    if colon and not argument:
        raise NaspError(f"--executor {spec}: nothing follows the colon")
    EXECUTORS[name].check(argument)


def open_executor(spec: str, shared: Shared, gpus: float = 0) -> Executor[Shared]:
    """Open the executor that `--executor` names; use it in a `with` block.

    Args:
        spec: serial, processes, processes:4, ray or ray:ADDRESS.
        shared: The first argument of every job.
        gpus: GPUs that a job needs.

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
        load_plugins()  # another process has none yet
        function, arguments, named = pickle.loads(call)
        return pickle.dumps(JobResult(function(shared(), *arguments, **named)))
    except Exception as error:
        return _pickled(error)


def run_job_elsewhere(call: bytes, shared: Callable[[], object], threads: int) -> bytes:
    """Run a job in another process than the one that submitted it.

    Args:
        call: The pickled function and its arguments.
        shared: Returns the first argument of the function.
        threads: Those that torch computes with: as many as where the job was submitted, as another
            number can change the last digit of a sum.

    Returns:
        The pickled `JobResult` and the warnings of the job, pickled together.
    """
    import torch  # here, so that importing this module costs none

    torch.set_num_threads(threads)
    with warnings.catch_warnings(record=True) as caught:
        result = run_job(call, shared)
    return pickle.dumps(
        (result, [(str(w.message), w.category, w.filename, w.lineno) for w in caught])
    )


def killed_error(how: str) -> NaspError:
    """The error of a job whose process was killed in each attempt.

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
    except Exception:  # some exceptions hold what cannot be pickled, or cannot be made again
        substitute = RuntimeError(f"{type(error).__qualname__}: {error}")
        result = pickle.dumps(JobResult(error=substitute, traceback=trace))
    return result
