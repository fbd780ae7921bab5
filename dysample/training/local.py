"""Workers on this machine: so many processes on every device."""

import sys
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from threading import Lock

import torch

from dysample.training.jobs import Ending, Job, Process


def local_devices(device: str | None, *, workers: int, per_device: int) -> tuple[str, ...]:
    """The device of each worker.

    Args:
        device: One to use alone; None for every CUDA device, or the CPU where there is none.
        workers: Of the CPU.
        per_device: Workers of every other device.
    """
    every = [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["cpu"]
    found = every if device is None else [device]
    return tuple(name for name in found for _ in range(workers if name == "cpu" else per_device))


class LocalWorkers:
    """Runs as many jobs at a time as there are devices given, each in a process of its own."""

    def __init__(self, devices: Sequence[str], *, threads: int) -> None:
        """Name the device of each worker, and how many CPU threads each has."""
        self._threads = threads
        self._free: SimpleQueue[tuple[int, str]] = SimpleQueue()
        for worker in enumerate(devices, start=1):
            self._free.put(worker)
        self._count = len(devices)
        self._started: list[Process] = []
        self._stopped = False
        self._lock = Lock()

    @property
    def count(self) -> int:
        """How many jobs run at a time."""
        return self._count

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Ending], None, None]:
        """Carry jobs out, giving each as it ends; closing the generator stops the rest."""
        pool = ThreadPoolExecutor(self._count)
        try:
            futures: dict[Future[Ending], Job] = {pool.submit(self._carry_out, job): job for job in jobs}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            self._stop()
            pool.shutdown(cancel_futures=True)
            self._stopped = False

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            started = list(self._started)
        for process in started:
            process.stop()

    def _carry_out(self, job: Job) -> Ending:
        number, device = self._free.get()
        try:
            with self._lock:
                if self._stopped:
                    return Ending(1, "stopped before it began")
                process = Process(job.command(device, self._threads))
                self._started.append(process)
            return process.watch(lambda line: self._tell(f"[{number} {device}] {line}"))
        finally:
            self._free.put((number, device))

    def _tell(self, line: str) -> None:
        if not self._stopped:
            print(line, file=sys.stderr, flush=True)
