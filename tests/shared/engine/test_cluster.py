"""The engine of a cluster over a made-up line: its choice, its sentences, and jobs that are done again."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from app.settings import Subject
from app.shared import networks
from app.shared.engine import cluster, local
from app.shared.engine.cluster import Cluster, Setting, read_setting
from app.shared.engine.courier import BrokenError, Parcel, Request, UnavailableError
from app.shared.engine.local import NETWORKS
from app.shared.engine.networks import Job
from app.shared.engine.replica import GivenUpError, Replica
from app.shared.engine.turns import BusyError, EngineError
from app.shared.literal import plain
from dysample.models.hub import WeightsError
from tests.shared.engine.test_networks import asked
from tests.shared.engine.test_turns import WAIT_S, until
from tests.views.opened import forget, open_page

Act = Callable[[Request], Parcel]


class Line:
    """A connection whose replies are acted out, one act a request, the last one again and again."""

    def __init__(self, *acts: Act | Exception) -> None:
        self.acts = list(acts)
        self.requests: list[Request] = []
        self.cancelled: list[Future[Parcel]] = []
        self.connected = True
        self.ended = False

    def begin(self, request: Request) -> Future[Parcel]:
        self.requests.append(request)
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        future = Future[Parcel]()
        if isinstance(act, Exception):
            future.set_exception(act)
            return future

        def work() -> None:
            try:
                future.set_result(act(request))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future

    def cancel(self, future: Future[Parcel]) -> None:
        self.cancelled.append(future)


def answered_by(replica: Replica) -> Act:
    def act(request: Request) -> Parcel:
        return Parcel(*replica.do(request.method, request.body, request.buffers, threading.Event()))

    return act


def engine(*lines: Line, said: list[str] | None = None) -> Cluster:
    """An engine whose connections are these, one after the other."""
    left = list(lines)

    @contextmanager
    def watched() -> Generator[Callable[[str], None]]:
        yield (lambda words: None) if said is None else said.append

    return Cluster(
        Setting("10.0.0.1:6379"),
        connect=lambda address, application: left.pop(0),
        watched=watched,
        manifest=NETWORKS.manifest,
    )


# --- The setting ---


@pytest.mark.parametrize(
    ("text", "address", "application"),
    [
        ("auto", "auto", "dysample"),
        ("auto/other-one", "auto", "other-one"),
        ("10.0.0.1:6379", "10.0.0.1:6379", "dysample"),
        ("ray://head.example.org:10001", "ray://head.example.org:10001", "dysample"),
        ("ray://head:10001/lab", "ray://head:10001", "lab"),
        ("ray://[fd00::1]:10001/lab", "ray://[fd00::1]:10001", "lab"),
    ],
)
def test_the_setting_names_a_cluster_and_an_application(text: str, address: str, application: str) -> None:
    assert read_setting(text) == Setting(address, application)


@pytest.mark.parametrize("text", ["yes", "10.0.0.1", "http://head:8000", "ray://head", "auto/", "head:port"])
def test_a_wrong_setting_is_a_sentence_on_every_page(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_CLUSTER", text)
    with pytest.raises(EngineError, match="which is no address of a Ray cluster: set it to auto, "):
        local.chosen()
    assert repr(text) in local.sentence()


@pytest.mark.slow
def test_pages_say_that_no_cluster_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_CLUSTER", "127.0.0.1:9")
    forget()
    app = open_page("compare").run()
    forget()
    assert not app.exception
    # The rest depends on whether Ray Serve is installed.
    beginning = plain("The cluster at 127.0.0.1:9 (DYSAMPLE_CLUSTER) cannot be used: ")
    assert [error.value.startswith(beginning) for error in app.error] == [True]
    assert app.caption[-1].value == "Networks run on the cluster at 127.0.0.1:9."


def test_without_the_setting_networks_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYSAMPLE_CLUSTER", raising=False)
    assert local.chosen() is NETWORKS
    monkeypatch.setenv("DYSAMPLE_CLUSTER", " auto/lab ")
    chosen = local.chosen()
    assert isinstance(chosen, Cluster)
    assert chosen.setting == Setting("auto", "lab")
    assert local.chosen() is chosen


# --- Jobs ---


@pytest.fixture
def replica(made: Subject) -> Replica:
    return Replica(100_000_000)


def test_a_replica_says_what_the_local_engine_says(made: Subject, replica: Replica) -> None:
    line = Line(answered_by(replica))
    there, job = engine(line), asked(made)
    answer, here = there.answer(job), NETWORKS.answer(job)
    torch.testing.assert_close(torch.from_numpy(answer.output.metres), torch.from_numpy(here.output.metres))
    for step, expected in zip(there.steps(job), NETWORKS.steps(job), strict=True):
        assert step.name == expected.name
        torch.testing.assert_close(step.input, expected.input)
        torch.testing.assert_close(step.guide, expected.guide)
        torch.testing.assert_close(step.output, expected.output)
    assert len({request.picture for request in line.requests}) == 1
    assert made.source.name not in line.requests[0].picture
    elsewhere = replace(job, picture=f"{job.picture} of another")
    there.steps(elsewhere)
    assert len({request.picture for request in line.requests}) == 2


def test_a_job_whose_replica_broke_is_done_again(made: Subject, replica: Replica) -> None:
    line = Line(BrokenError("died"), BrokenError("died"), answered_by(replica))
    assert len(engine(line).steps(asked(made))) == 4
    assert len(line.requests) == 3


def test_a_job_that_breaks_every_replica_is_given_up(made: Subject) -> None:
    line = Line(BrokenError("ActorDiedError: the node's memory ran out"))
    words = (
        r"The cluster at 10.0.0.1:6379 \(DYSAMPLE_CLUSTER\) failed 3 times over this computation: ActorDied"
    )
    with pytest.raises(EngineError, match=words):
        engine(line).answer(asked(made))
    assert len(line.requests) == 3


def test_a_connection_that_ended_is_made_anew(made: Subject, replica: Replica) -> None:
    def ends(request: Request) -> Parcel:
        lost.ended = True
        raise BrokenError("the process ended")

    lost, found = Line(ends), Line(answered_by(replica))
    there = engine(lost, found)
    assert len(there.steps(asked(made))) == 4
    assert (len(lost.requests), len(found.requests)) == (1, 1)


def test_a_cluster_that_is_gone_is_a_sentence_and_the_next_job_tries_again(
    made: Subject, replica: Replica
) -> None:
    gone, back = Line(UnavailableError("nobody answers there")), Line(answered_by(replica))
    gone.ended = True
    there = engine(gone, back)
    with pytest.raises(EngineError, match=r"DYSAMPLE_CLUSTER.* cannot be used: nobody answers there"):
        there.answer(asked(made))
    assert len(gone.requests) == 1  # it is not asked again and again
    assert len(there.steps(asked(made))) == 4


@pytest.mark.parametrize("error", [BusyError("128 wait"), EngineError("the cluster cannot read this job")])
def test_refusals_are_not_tried_again(made: Subject, error: EngineError) -> None:
    line = Line(error)
    with pytest.raises(type(error), match=str(error)):
        engine(line).answer(asked(made))
    assert len(line.requests) == 1


def test_errors_of_the_job_come_back_as_themselves_and_are_not_tried_again(
    made: Subject, replica: Replica
) -> None:
    line = Line(answered_by(replica))
    unknown = replace(asked(made), upsampler="fade")
    with pytest.raises(ValueError, match="made-depth has no weights for 'fade'") as raised:
        engine(line).answer(unknown)
    assert len(line.requests) == 1
    assert "On the cluster:" in raised.value.__notes__[0]
    path = next(NETWORKS.manifest().folder.glob("carafe.safetensors"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WeightsError, match=r"carafe\.safetensors"):
        engine(line).answer(replace(asked(made), upsampler="carafe"))


def test_other_weights_on_the_cluster_are_refused(made: Subject, replica: Replica) -> None:
    there = engine(Line(answered_by(replica)))
    known = NETWORKS.manifest()
    entries = tuple(
        replace(entry, sha256="0" * 64) if entry.upsampler == "dysample+" else entry
        for entry in known.weights
    )
    there._manifest = lambda: replace(known, weights=entries)
    with pytest.raises(EngineError, match="weights of made-depth with dysample\\+ are not the app's: copy"):
        there.answer(asked(made))
    assert there.answer(replace(asked(made), upsampler="nearest")).output.metres.size


# --- Waiting ---


class Gone(BaseException):
    """What Streamlit raises where a visitor has left."""


def test_a_visitor_sees_what_is_waited_for_and_gives_it_up(made: Subject) -> None:
    def never(request: Request) -> Parcel:
        threading.Event().wait(WAIT_S)
        raise BrokenError

    line, said = Line(never), list[str]()
    there = engine(line, said=said)

    def report(words: str) -> None:
        said.append(words)
        line.connected = True
        if len(said) > 2:
            raise Gone

    @contextmanager
    def watched() -> Generator[Callable[[str], None]]:
        yield report

    line.connected, there._watched = False, watched
    with pytest.raises(Gone):
        there.answer(asked(made))
    assert said == ["Connecting to the cluster.", *["Computing on the cluster."] * 2]
    assert len(line.cancelled) == 1


def late(request: Request) -> Parcel:
    threading.Event().wait(3.0)
    return Parcel(request.body, request.buffers)


def test_no_job_waits_for_ever(made: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LIMIT_S", 0.2)
    line = Line(late)
    with pytest.raises(EngineError, match="has not done this computation within 0 seconds: try again"):
        engine(line).answer(asked(made))
    assert len(line.cancelled) == 1


# --- The replica ---


def test_a_job_that_was_given_up_is_not_begun(made: Subject, replica: Replica) -> None:
    """The first holds the device, the second waits; nobody waits for the second."""
    given_up, ended = threading.Event(), list[str]()
    request, _ = request_of(made, "steps")

    def second() -> None:
        try:
            replica.do("steps", request.body, request.buffers, given_up)
        except GivenUpError:
            ended.append("given up")

    with replica._turns.turn("the first"):
        thread = threading.Thread(target=second)
        thread.start()
        until(lambda: replica._turns.waiting == 1)
        given_up.set()
        thread.join(WAIT_S)
    assert ended == ["given up"]
    assert replica._turns.waiting == 0


def request_of(subject: Subject, method: str) -> tuple[Request, Job]:
    line = Line(EngineError("only packed"))
    job = networks.job(subject.source, subject.task, subject.longer_side, subject.upsampler)
    with pytest.raises(EngineError, match="only packed"):
        engine(line)._ask(method, job)
    return line.requests[0], job


def test_a_check_runs_beside_a_job_and_sees_a_broken_network(made: Subject, replica: Replica) -> None:
    with replica._turns.turn("a long job"):
        checked = threading.Thread(target=replica.check)
        checked.start()
        checked.join(WAIT_S)
        assert not checked.is_alive()
    entry = next(entry for entry in NETWORKS.manifest().weights if entry.upsampler)
    head = replica._networks.head(entry.task, entry.upsampler)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(EngineError, match="made-depth with nearest computes no numbers on the CPU"):
        replica.check()


def test_a_broken_device_is_a_fault_of_the_machinery(
    made: Subject, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.shared.engine import passes

    def broken(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    request, _ = request_of(made, "steps")
    monkeypatch.setattr(passes, "steps", broken)
    with pytest.raises(torch.AcceleratorError):
        replica.do("steps", request.body, request.buffers, threading.Event())
