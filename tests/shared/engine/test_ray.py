"""Jobs on a real Ray Serve cluster of two nodes: answers, replicas that are killed, and the cluster's end.

Ray is in processes of its own throughout, as it is for the app. `make test-cluster` runs these tests.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from app.shared.engine import courier, local
from app.shared.engine.cluster import Cluster, Setting
from app.shared.engine.courier import Courier
from app.shared.engine.local import NETWORKS
from app.shared.engine.networks import Job
from app.shared.engine.turns import BusyError, EngineError
from tests import ROOT
from tests.views.depth import make_weights
from tests.views.opened import forget, open_page

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PATIENCE_S = 180.0
SLOW_SIDE = 1600  # pixels; a second or more of computing on one thread
MOST_QUEUED = 6
UPSAMPLERS = ("nearest", "bilinear", "carafe", "dysample+")


def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("", 0))
        return int(taken.getsockname()[1])


class Nodes:
    """A cluster, which can be killed and started again at the same address."""

    def __init__(self, folder: Path, weights: Path) -> None:
        self.weights = weights
        self.config = folder / "cluster.yaml"
        self.port, self.client_port = free_port(), free_port()
        self.address = ""
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.shared.engine.ray_nodes",
            str(self.port),
            str(self.client_port),
        ]
        # On a busy machine Ray's workers would hardly get a turn, for they are nicer than others.
        environment = os.environ | {"RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.endswith(f":{self.port}")

    def deploy(self) -> None:
        """Deploy the file that is shipped: two small replicas, and a short queue."""
        text = (ROOT / "deploy" / "cluster.yaml").read_text(encoding="utf-8")
        variables = f"PYTHONPATH: {ROOT}\n        DYSAMPLE_PRETRAINED: {self.weights}"
        changes = {
            "PYTHONPATH: /opt/dysample-lab": variables,
            "cpus: 1 ": "cpus: 0.5 ",
            "max_queued_requests: 128": f"max_queued_requests: {MOST_QUEUED}",
            "min_replicas: 1": "min_replicas: 2",
            "max_replicas: 8": "max_replicas: 2",
        }
        for old, new in changes.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.config.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "ray.serve.scripts", "run", "--non-blocking", str(self.config)]
        command[4:4] = ["--address", self.address]
        subprocess.run(command, cwd=ROOT, check=True, timeout=PATIENCE_S)
        until(lambda: len(self.replicas()) == 2)

    def replicas(self) -> dict[int, psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        return {process.pid: process for process in found if is_replica(process)}

    def kill(self) -> None:
        """Kill all its processes, as if the machines had lost their power."""
        all_of_it: list[Any] = [self.process, *psutil.Process(self.process.pid).children(recursive=True)]
        for process in all_of_it:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.close()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()  # which ends it
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


def is_replica(process: psutil.Process) -> bool:
    try:
        # Ray appends the method that is running.
        return process.cmdline()[0].startswith("ray::ServeReplica:dysample:Networks")
    except (psutil.Error, IndexError):
        return False


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of small networks with random weights, which the app has too."""
    with pytest.MonkeyPatch.context() as patch:
        folder = make_weights(tmp_path_factory.mktemp("weights"))
        patch.setenv("DYSAMPLE_PRETRAINED", str(folder))
        forget()
        yield folder
    forget()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Nodes]:
    started = Nodes(tmp_path_factory.mktemp("cluster"), weights)
    yield started
    started.close()


@pytest.fixture(scope="module")
def deployed(nodes: Nodes) -> Nodes:
    nodes.deploy()
    return nodes


Ask = Callable[[str], Cluster]


@pytest.fixture(scope="module")
def connected() -> Iterator[Ask]:
    """Engines of clusters, whose connections are closed in the end."""
    lines: list[Courier] = []
    engines: dict[str, Cluster] = {}

    @contextmanager
    def watched() -> Generator[Callable[[str], None]]:
        yield lambda words: None

    def connect(address: str, application: str) -> Courier:
        lines.append(Courier(address, application))
        return lines[-1]

    def engine(address: str) -> Cluster:
        if address not in engines:
            engines[address] = Cluster(
                Setting(address), connect=connect, watched=watched, manifest=NETWORKS.manifest
            )
        return engines[address]

    yield engine
    for line in lines:
        line.close()
        until(lambda line=line: line._incoming.closed and line._outgoing.closed)


def picture(name: str, side: int = 64) -> np.ndarray:
    seed = sum(name.encode())
    return np.random.default_rng(seed).integers(0, 256, (side * 3 // 4, side, 3), dtype=np.uint8)


def job(name: str, upsampler: str = "dysample+", side: int = 64) -> Job:
    return Job("made-depth", upsampler, f"{name} {side}", picture(name, side))


def test_a_cluster_without_the_application_is_a_sentence(nodes: Nodes, connected: Ask) -> None:
    """Serve is not even started yet."""
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"DYSAMPLE_CLUSTER.* cannot be used: "):
        connected(nodes.address).answer(job("none"))
    assert time.monotonic() - began < courier.CONNECT_S + 5


def close(there: torch.Tensor, here: torch.Tensor) -> None:
    torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-5)


def connect(engine: Cluster) -> None:
    """Ask until there is a connection: on a busy machine Ray's proxy gives up before it serves."""
    said: list[str] = []
    while len(said) < 4:
        try:
            engine.answer(job("first"))
            return
        except EngineError as error:
            said.append(str(error))
    pytest.fail("\n".join(said))


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_answers_are_those_of_the_local_engine(deployed: Nodes, connected: Ask, scheme: str) -> None:
    address = f"ray://127.0.0.1:{deployed.client_port}" if scheme else deployed.address
    there = connected(address)
    if scheme:
        connect(there)
    wanted = job(f"same{scheme}", side=256)
    for upsampler in UPSAMPLERS:
        wanted = replace(wanted, upsampler=upsampler)
        far, near = there.answer(wanted), NETWORKS.answer(wanted)
        close(torch.from_numpy(far.output.metres), torch.from_numpy(near.output.metres))
    for step, other in zip(there.steps(wanted), NETWORKS.steps(wanted), strict=True):
        assert step.name == other.name
        close(step.input, other.input)
        close(step.guide, other.guide)
        close(step.output, other.output)


def test_errors_of_a_job_come_back_as_themselves(deployed: Nodes, connected: Ask) -> None:
    before = deployed.replicas().keys()
    with pytest.raises(ValueError, match="made-depth has no weights for 'fade'; there are nearest") as raised:
        connected(deployed.address).answer(job("wrong", "fade"))
    assert "On the cluster:" in raised.value.__notes__[0]
    assert deployed.replicas().keys() == before


def test_a_picture_stays_with_the_replica_that_has_its_maps(deployed: Nodes, connected: Ask) -> None:
    there, stayed = connected(deployed.address), 0

    def used() -> dict[int, float]:
        times = {pid: process.cpu_times() for pid, process in deployed.replicas().items()}
        return {pid: time.user + time.system for pid, time in times.items()}

    for number in range(6):
        busiest: set[int] = set()
        for upsampler in UPSAMPLERS:
            before = used()
            there.answer(job(f"stays {number}", upsampler, SLOW_SIDE))
            after = used()
            busiest.add(max(before, key=lambda pid: after[pid] - before[pid]))
        stayed += len(busiest) == 1
    assert stayed >= 4


def test_a_replica_killed_in_mid_job_is_replaced_and_the_job_is_answered(
    deployed: Nodes, connected: Ask
) -> None:
    there, wanted = connected(deployed.address), job("slow", "dysample+", SLOW_SIDE)
    there.answer(job("warm"))
    before = {pid: seconds(process) for pid, process in deployed.replicas().items()}
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(there.answer, wanted)
        busy: list[int] = []

        def seen() -> bool:
            busy[:] = [pid for pid, then in before.items() if seconds(psutil.Process(pid)) - then > 0.4]
            return bool(busy)

        until(seen)
        assert not future.done()
        psutil.Process(busy[0]).kill()
        began = time.monotonic()
        answered = future.result(PATIENCE_S)
    print(f"answered {time.monotonic() - began:.1f} s after its replica was killed")
    close(torch.from_numpy(answered.output.metres), torch.from_numpy(NETWORKS.answer(wanted).output.metres))
    until(lambda: len(deployed.replicas()) == 2 and busy[0] not in deployed.replicas())


def seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


class Gone(BaseException):
    """What Streamlit raises where a visitor has left."""


def test_more_jobs_than_may_wait_are_refused_and_the_others_answered(deployed: Nodes, connected: Ask) -> None:
    there = connected(deployed.address)

    def ask(number: int) -> str:
        try:
            there.answer(job(f"many {number}", "nearest", SLOW_SIDE))
        except BusyError as error:
            return str(error)
        return "answered"

    with ThreadPoolExecutor(20) as threads:
        said = list(threads.map(ask, range(20)))
    refused = [words for words in said if words != "answered"]
    assert refused
    assert set(refused) == {"Many computations wait on the cluster already: try again in a minute."}
    assert said.count("answered") >= MOST_QUEUED


def test_a_job_that_is_given_up_frees_its_place(deployed: Nodes, connected: Ask) -> None:
    there, ends = connected(deployed.address), 0.0

    def report(words: str) -> None:
        if time.monotonic() > ends:
            raise Gone

    @contextmanager
    def watched() -> Generator[Callable[[str], None]]:
        yield report

    leaving = Cluster(
        there.setting, connect=lambda *_: there._connected(), watched=watched, manifest=NETWORKS.manifest
    )
    with ThreadPoolExecutor(4) as threads:
        running = [
            threads.submit(there.answer, job(f"occupies {number}", "nearest", SLOW_SIDE))
            for number in range(4)
        ]
        for number in range(MOST_QUEUED + 2):
            ends = time.monotonic() + 0.2
            with pytest.raises(Gone):
                leaving.answer(job(f"leaves {number}", "nearest", SLOW_SIDE))
        assert not all(future.done() for future in running)
        there.answer(job("stays"))
        assert all(future.result(PATIENCE_S).output.metres.size for future in running)


def test_a_page_is_drawn_from_the_cluster(deployed: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_CLUSTER", deployed.address)
    forget()
    app = open_page("compare").run()
    engine = local.chosen()
    assert isinstance(engine, Cluster)
    line = engine._line
    assert isinstance(line, Courier)
    line.close()
    until(lambda: line._incoming.closed and line._outgoing.closed)
    assert not app.exception
    assert not app.error
    assert app.caption[-1].value == f"Networks run on the cluster at {deployed.address}."


def test_other_weights_are_refused(
    deployed: Nodes, connected: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = connected(deployed.address)
    known = NETWORKS.manifest()
    others = tuple(replace(entry, sha256="0" * 64) for entry in known.weights)
    monkeypatch.setattr(there, "_manifest", lambda: replace(known, weights=others))
    with pytest.raises(EngineError, match="are not the app's: copy the folder of weights"):
        there.answer(job("other"))


def test_a_cluster_that_is_killed_is_a_sentence_until_it_is_back(deployed: Nodes, connected: Ask) -> None:
    there = connected(deployed.address)
    there.answer(job("before"))
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(there.answer, job("during", "dysample+", SLOW_SIDE))
        time.sleep(0.5)
        began = time.monotonic()
        deployed.kill()
        with pytest.raises(EngineError, match=r"\(DYSAMPLE_CLUSTER\) cannot be used: nobody answers there"):
            future.result(PATIENCE_S)
        took = time.monotonic() - began
        print(f"the end of the cluster was told after {took:.1f} s")
        assert took < courier.SILENCE_S + courier.CONNECT_S
    began = time.monotonic()
    with pytest.raises(EngineError, match="cannot be used"):
        there.answer(job("after"))
    assert time.monotonic() - began < courier.CONNECT_S
    deployed.start()
    deployed.deploy()
    assert there.answer(job("back")).output.metres.shape == (48, 64)
