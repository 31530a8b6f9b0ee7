"""Jobs in processes of this machine, each of which can be killed without harm to the others."""

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
from nasp.search.executors import (
    ATTEMPTS,
    Executor,
    JobResult,
    Shared,
    killed_error,
    run_job_elsewhere,
)

MOST = 1024  # processes of one machine


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
        with suppress(OSError):  # the process was killed: receiving its answer will tell
            self.connection.send_bytes(message)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class Processes(Executor[Shared]):
    """Runs up to n jobs at a time, each in a process of its own that it leaves for the next.

    When a process is killed, its job is given to a new one, `ATTEMPTS` times in all. The processes
    end when this one ends, however it ends.
    """

    def __init__(self, shared: Shared, argument: str = "", gpus: float = 0) -> None:
        super().__init__(shared, argument, gpus)
        import torch  # here, so that checking an option costs none

        self._threads = torch.get_num_threads()
        self._most = int(argument) if argument else _cores()
        # Pickled as bytes: multiprocessing's own pickling would move tensors to shared memory.
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
        """Give waiting jobs to idle workers, and to new ones up to the limit."""
        while self._waiting and (self._idle or len(self._workers) < self._most):
            worker = self._idle.pop() if self._idle else self._new_worker()
            job = self._waiting.popleft()
            job.attempts += 1
            self._busy[worker.connection] = worker, job
            worker.send(job.call)

    def _new_worker(self) -> _Worker:
        ours, theirs = multiprocessing.Pipe()
        # Forking a process with threads is unsafe. A daemon could not load data in processes.
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
    """What a worker does: receive the shared object, then run jobs until the connection closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the parent closed the connection, or is gone
        received = [connection.recv_bytes()]

        @cache
        def shared() -> object:
            value = pickle.loads(received[0])
            received.clear()  # large
            return value

        while True:
            connection.send_bytes(run_job_elsewhere(connection.recv_bytes(), shared, threads))


def _end_with_parent() -> None:
    """End this process when its parent is killed: nobody waits for its work any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interruption_held_back() -> Iterator[None]:
    """Start a process that Ctrl-C does not reach: its parent ends it.

    A terminal sends SIGINT to all processes of a command; a new process inherits that it is
    blocked.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # starting it with the process would unblock the signal
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _how_it_ended(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"with exit code {code}: what it wrote to the standard error says why"
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return (
            "by SIGKILL, most likely for want of memory: run fewer jobs at a time "
            f"(--executor processes:1), or {LESS_MEMORY}"
        )
    return f"by {name}: a fault of a library's compiled code"


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
