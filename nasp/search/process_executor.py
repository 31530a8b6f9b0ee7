"""An executor that runs jobs in local processes, and survives when one of them is killed."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from nasp.errors import LESS_MEMORY, NaspError
from nasp.runs.cores import cores
from nasp.search.executors import (
    ATTEMPTS,
    Executor,
    JobResult,
    Shared,
    killed_error,
    run_job_elsewhere,
)

MOST = 1024  # processes


@dataclass
class _Job:
    key: Any
    call: bytes
    attempts: int = 0


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    connection: Connection

    def send(self, message: bytes) -> None:
        with suppress(OSError):  # the process was killed, which `receive` reports
            self.connection.send_bytes(message)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class Processes(Executor[Shared]):
    """Runs up to n jobs at a time, in n processes that run one job after the other.

    When a process is killed, a new process repeats its job, for at most `ATTEMPTS` attempts. All
    processes end when this one ends, even if it is killed.
    """

    def __init__(self, shared: Shared, argument: str = "", gpus: float = 0) -> None:
        super().__init__(shared, argument, gpus)
        import torch  # imported here, so that checking the option imports no torch

        self._threads = torch.get_num_threads()
        self._most = int(argument) if argument else cores()
        # Sent as bytes, because multiprocessing's pickling would move tensors to shared memory.
        self._shared = pickle.dumps(shared)
        self._waiting: deque[_Job] = deque()
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, _Job]] = {}

    @staticmethod
    def check(argument: str) -> None:
        digits = argument.isascii() and argument.isdigit() and len(argument) <= len(str(MOST))
        if argument and not (digits and 1 <= int(argument) <= MOST):
            raise NaspError(
                f"--executor processes:{argument}: the number of processes must be from 1 to {MOST}"
            )

    def _start(self, key: Any, call: bytes) -> None:
        self._waiting.append(_Job(key, call))
        self._hand_out()

    def _hand_out(self) -> None:
        """Give waiting jobs to idle workers, or to new workers up to the limit."""
        while self._waiting and (self._idle or len(self._workers) < self._most):
            worker = self._idle.pop() if self._idle else self._new_worker()
            job = self._waiting.popleft()
            job.attempts += 1
            self._busy[worker.connection] = worker, job
            worker.send(job.call)

    def _new_worker(self) -> _Worker:
        ours, theirs = multiprocessing.Pipe()
        # Spawned, because forking a process with threads is unsafe. Not a daemon, because a daemon
        # could not start processes that load data.
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_work, args=(theirs, self._threads), daemon=False)
        worker = _Worker(process, ours)
        with theirs, _interruption_held_back():
            process.start()
            self._workers.append(worker)
        worker.send(self._shared)
        return worker

    def _finish_one(self) -> tuple[Any, bytes]:
        while True:
            ended = wait(self._busy)[0]
            assert isinstance(ended, Connection)
            worker, job = self._busy.pop(ended)
            try:
                answer = ended.recv_bytes()
            except (EOFError, OSError):
                worker.end()
                self._workers.remove(worker)
                if job.attempts == ATTEMPTS:
                    self._hand_out()
                    error = killed_error(_how_it_ended(worker.process))
                    return job.key, pickle.dumps(JobResult(error=error))
                self._waiting.appendleft(job)
                self._hand_out()
            else:
                self._idle.append(worker)
                self._hand_out()
                return job.key, self._without_warnings(answer)

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._workers[-1].end()
            self._workers.pop()


def _work(connection: Connection, threads: int) -> None:
    """Run a worker: receive the shared object, then run jobs until the connection closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the parent closed the connection or ended
        received = [connection.recv_bytes()]

        @cache
        def shared() -> object:
            value = pickle.loads(received[0])
            received.clear()  # large
            return value

        while True:
            connection.send_bytes(run_job_elsewhere(connection.recv_bytes(), shared, threads))


def _end_with_parent() -> None:
    """End this process when its parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interruption_held_back() -> Iterator[None]:
    """Block SIGINT in processes started in the `with` block: only the parent handles Ctrl-C.

    A terminal sends SIGINT to all processes of a command. A new process inherits the blocked
    signal, and its parent ends it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # if it started with the process, it would unblock SIGINT
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _how_it_ended(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"with exit code {code}: see what it wrote to standard error"
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return (
            "by SIGKILL, most likely for lack of memory: run fewer jobs at a time "
            f"(--executor processes:1), or {LESS_MEMORY}"
        )
    return f"by {name}: a fault of a library's compiled code"
