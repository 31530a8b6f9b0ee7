"""An executor that runs jobs on a Ray cluster, which repeats jobs whose worker is killed."""

import os
import pickle
import signal
import threading
import warnings
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nasp.errors import LESS_MEMORY, NaspError
from nasp.search.executors import (
    ATTEMPTS,
    Executor,
    JobResult,
    Shared,
    killed_error,
    run_job_elsewhere,
)


class Ray(Executor[Shared]):
    """Runs each job as a Ray task.

    Without an address, Ray connects to the cluster in RAY_ADDRESS, or to one that runs on this
    machine, or else starts one here. The address `local` always starts one. If the program is
    already connected to Ray, that connection is used and stays open.
    """

    def __init__(self, shared: Shared, argument: str = "", gpus: float = 0) -> None:
        super().__init__(shared, argument, gpus)
        import torch  # imported here, so that checking the option imports no torch

        self._threads = torch.get_num_threads()
        # Keys and Ray's references by futures. Python waits for the futures, because Ray's own wait
        # turns any exception from a signal handler into a KeyboardInterrupt.
        self._running: dict[Future[bytes], tuple[Any, Any]] = {}
        pickled = pickle.dumps(shared)
        self._ray = _import_ray()
        self._opened = not self._ray.is_initialized()
        if self._opened:
            _connect(self._ray, argument)
        self._shared = self._ray.put(pickled)
        self._run = self._ray.remote(num_cpus=1, num_gpus=gpus, max_retries=ATTEMPTS - 1)(_run)

    @staticmethod
    def check(argument: str) -> None:
        if find_spec("ray") is None:
            raise NaspError("--executor ray: Ray is not installed: pip install 'nasp[ray]'")

    def _start(self, key: Any, call: bytes) -> None:
        # In a list, because Ray fetches and copies a direct argument for each job.
        reference = self._run.remote(call, [self._shared], self._threads)
        self._running[reference.future()] = key, reference

    def _finish_one(self) -> tuple[Any, bytes]:
        ended = wait(self._running, return_when=FIRST_COMPLETED).done.pop()
        key, _ = self._running.pop(ended)
        errors = self._ray.exceptions
        try:
            return key, self._without_warnings(ended.result())
        except errors.OutOfMemoryError:
            how = f"for lack of memory: {LESS_MEMORY}"
        except (errors.WorkerCrashedError, errors.NodeDiedError) as error:
            name = type(error).__name__
            how = f"with Ray's {name}, most likely for lack of memory: {LESS_MEMORY}"
        return key, pickle.dumps(JobResult(error=killed_error(how)))

    def close(self) -> None:
        for _, reference in self._running.values():
            self._ray.cancel(reference, force=True)
        self._running.clear()
        if self._opened:
            self._ray.shutdown()


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage reports to Ray's developers
    os.environ.setdefault("RAY_task_oom_retries", str(ATTEMPTS - 1))  # the default is unlimited
    return import_module("ray")


def _connect(ray: Any, address: str) -> None:
    """Connect to a cluster or start one, silently.

    Raises:
        NaspError: No cluster answers at the address.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(
                address or None,
                log_to_driver=False,
                logging_level="ERROR",
                include_dashboard=False,
            )
    except ConnectionError as error:
        raise NaspError(
            f"--executor ray:{address}: no Ray cluster answers there: start one with `ray start "
            "--head`, or leave the address out"
        ) from error
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, handler)  # Ray replaced the handler


def _run(call: bytes, shared: list[Any], threads: int) -> bytes:
    """Run a job in a Ray worker."""
    return run_job_elsewhere(call, lambda: _fetched(shared[0]), threads)


@lru_cache(maxsize=1)  # a worker runs many jobs
def _fetched(shared: Any) -> Any:
    return pickle.loads(_import_ray().get(shared))
