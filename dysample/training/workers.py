"""Workers that carry out training jobs: processes on this machine, or tasks on a Ray cluster."""

import sys
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any
from uuid import uuid4

import torch

from dysample.extras import needed_for
from dysample.training.sweep import MENDABLE, Ending, Process, TrainingJob


def local_devices(device: str | None, *, workers: int, per_device: int) -> tuple[str, ...]:
    """Return the device of each worker.

    Args:
        device: The only device to use; None for every CUDA device, or the CPU if there is none.
        workers: Number of workers on the CPU.
        per_device: Number of workers on each other device.
    """
    default = [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["cpu"]
    names = default if device is None else [device]
    return tuple(name for name in names for _ in range(workers if name == "cpu" else per_device))


class LocalWorkers:
    """Workers on this machine: one job per device at a time, each in its own process."""

    def __init__(self, devices: Sequence[str], *, threads: int) -> None:
        """Set the device of each worker, and the number of CPU threads of each."""
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
        """Number of jobs that run at a time."""
        return self._count

    def run(self, jobs: Sequence[TrainingJob]) -> Generator[tuple[TrainingJob, Ending], None, None]:
        """Carry out jobs, yielding each as it ends; closing the generator stops the rest."""
        pool = ThreadPoolExecutor(self._count)
        try:
            futures: dict[Future[Ending], TrainingJob] = {
                pool.submit(self._carry_out, job): job for job in jobs
            }
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

    def _carry_out(self, job: TrainingJob) -> Ending:
        number, device = self._free.get()
        try:
            with self._lock:
                if self._stopped:
                    return Ending(1, "stopped before it began")
                process = Process(job.command(device, self._threads))
                self._started.append(process)
            return process.watch(lambda line: self._print(f"[{number} {device}] {line}"))
        finally:
            self._free.put((number, device))

    def _print(self, line: str) -> None:
        if not self._stopped:
            print(line, file=sys.stderr, flush=True)


# --- Ray cluster ---


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message says why."""


class ClusterWorkers:
    """Workers on a running Ray cluster: as many jobs at a time as fit, each a Ray task.

    Every node needs this package, and must see the folders of data and runs under the same paths. On a
    cluster with GPUs a job takes a share of one, otherwise CPU threads alone.
    """

    def __init__(self, address: str, *, threads: int, per_device: int) -> None:
        """Connect to the cluster.

        Args:
            address: Address of the head node, such as "10.0.0.1:6379", or "auto" on a node of the cluster.
            threads: CPU threads of a job.
            per_device: Jobs that share a GPU.

        Raises:
            ClusterError: There is no cluster, or a node is too small for a job.
            MissingExtraError: Ray is not installed.
        """
        self._ray = _ray()
        try:
            self._ray.init(address=address)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ClusterError(f"there is no Ray cluster at {address!r}: {error}") from error
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        gpus = sum(node.get("GPU", 0) for node in nodes)
        self._device = "cuda" if gpus else "cpu"
        self._threads = threads
        self._needs = {"num_cpus": threads, "num_gpus": 1 / per_device if gpus else 0}
        by_cpu = [int(node.get("CPU", 0) // threads) for node in nodes]
        by_gpu = [int(node.get("GPU", 0) * per_device) for node in nodes]
        pairs = zip(by_cpu, by_gpu if gpus else by_cpu, strict=True)
        self._count = sum(min(pair) for pair in pairs)
        if not self._count:
            self.close()
            raise ClusterError(f"no node of the cluster has room for a job of {threads} threads")

    @property
    def count(self) -> int:
        """Number of jobs that run at a time."""
        return self._count

    def run(self, jobs: Sequence[TrainingJob]) -> Generator[tuple[TrainingJob, Ending], None, None]:
        """Carry out jobs, yielding each as it ends; closing the generator stops the rest."""
        # Ray must not repeat a job after a node failure: the sweep decides what to repeat.
        task = self._ray.remote(_carry_out).options(max_retries=0, **self._needs)
        waiting: dict[Any, tuple[TrainingJob, Path]] = {}
        try:
            for job in jobs:
                token = job.runs / f".shared-{uuid4().hex}"
                token.parent.mkdir(parents=True, exist_ok=True)
                token.touch()
                waiting[task.remote(job, token, self._device, self._threads)] = (job, token)
            while waiting:
                (reference,), _ = self._ray.wait(list(waiting))
                ending = self._ending(reference)
                job, token = waiting.pop(reference)
                token.unlink()
                yield job, ending
        finally:
            for reference, (_, token) in waiting.items():
                self._ray.cancel(reference)
                token.unlink()
            if waiting:
                self._ray.wait(list(waiting), num_returns=len(waiting), timeout=20)

    def close(self) -> None:
        """Disconnect from the cluster."""
        self._ray.shutdown()

    def _ending(self, reference: Any) -> Ending:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # the node is gone, or lacks this package
            return Ending(1, " ".join(str(error).split()))


def _carry_out(job: TrainingJob, token: Path, device: str, threads: int) -> Ending:
    """Train in a separate process on a node, so that nothing is left behind."""
    for folder, sign in ((job.runs, token), (job.data, job.data)):
        if not sign.exists():
            return Ending(MENDABLE, f"a node does not see {folder}: all nodes must share that folder")
    process = Process(job.command(device, threads))
    return process.watch(lambda line: print(line, file=sys.stderr, flush=True))


def _ray() -> Any:
    with needed_for("--cluster"):
        import ray
    return ray
