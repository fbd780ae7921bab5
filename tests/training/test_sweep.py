"""Sweeps: what is trained, skipped, tried again and reported."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from dysample.training.recipe import load_recipe
from dysample.training.runs import head_folder, save_checkpoint, whole_folder
from dysample.training.sweep import MENDABLE, Ending, Outcome, Sweep, TrainingJob, sweep
from dysample.training.workers import local_devices
from tests.training.datasets import make_recipe

NAMES = ("nearest", "bilinear", "dysample@groups=2", "pixelshuffle")


class PretendedWorkers:
    """Workers that carry out jobs by a function, and record them."""

    def __init__(self, count: int, carry_out: Callable[[TrainingJob], Ending]) -> None:
        self.count = count
        self.carry_out = carry_out
        self.seen: list[tuple[str, tuple[str, ...], int]] = []

    def run(self, jobs: Sequence[TrainingJob]) -> Generator[tuple[TrainingJob, Ending], None, None]:
        for job in jobs:
            self.seen.append((job.stage, job.upsamplers, job.seed))
            yield job, self.carry_out(job)


@pytest.fixture
def made(tmp_path: Path) -> Sweep:
    recipe = make_recipe(tmp_path)
    folders = {"data": tmp_path, "runs": tmp_path / "runs"}
    return Sweep(load_recipe(recipe), recipe, **folders, stage="heads", upsamplers=NAMES, seeds=(0, 1))


def complete(job: TrainingJob, *names: str, epoch: int = 2) -> Ending:
    """Write the checkpoints of finished runs."""
    folder = head_folder if job.stage == "heads" else whole_folder
    for name in names or job.upsamplers:
        path = folder(load_recipe(job.recipe), job.runs, name, job.seed) / "checkpoint.pt"
        save_checkpoint({"epoch": epoch, "module": {}}, path)
    return Ending(0, "")


def states(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.state for outcome in outcomes]


def test_heads_of_a_seed_share_a_job_after_the_encoder(made: Sweep) -> None:
    workers = PretendedWorkers(1, complete)
    assert states(sweep(made, workers)) == ["done"] * 8
    assert workers.seen == [("encoder", ("bilinear",), 0), ("heads", NAMES, 0), ("heads", NAMES, 1)]


def test_what_is_complete_is_skipped_and_what_is_not_goes_on(made: Sweep) -> None:
    first = PretendedWorkers(1, lambda job: complete(job, *job.upsamplers[:1]))
    sweep(made, first)
    workers = PretendedWorkers(1, complete)
    outcomes = sweep(made, workers)
    assert states(outcomes) == ["skipped", "done", "done", "done"] * 2
    assert workers.seen == [("heads", NAMES[1:], 0), ("heads", NAMES[1:], 1)]
    again = PretendedWorkers(1, complete)
    assert states(sweep(made, again)) == ["skipped"] * 8
    assert again.seen == []


def test_heads_are_split_evenly_among_more_workers_than_seeds(made: Sweep) -> None:
    workers = PretendedWorkers(4, complete)
    sweep(made, workers)
    parts = [(upsamplers, seed) for stage, upsamplers, seed in workers.seen if stage == "heads"]
    assert [len(upsamplers) for upsamplers, _ in parts] == [2, 2, 2, 2]
    assert {(name, seed) for upsamplers, seed in parts for name in upsamplers} == {
        (name, seed) for name in NAMES for seed in (0, 1)
    }


def test_end_to_end_every_run_is_a_job_of_its_own(made: Sweep) -> None:
    from dataclasses import replace

    workers = PretendedWorkers(1, complete)
    assert states(sweep(replace(made, stage="whole"), workers)) == ["done"] * 8
    assert workers.seen == [("whole", (name,), seed) for seed in (0, 1) for name in NAMES]


def test_a_job_that_breaks_is_halved_until_the_one_to_blame_is_alone(made: Sweep) -> None:
    def carry_out(job: TrainingJob) -> Ending:
        return Ending(1, "out of memory") if "pixelshuffle" in job.upsamplers else complete(job)

    workers = PretendedWorkers(1, carry_out)
    outcomes = sweep(made, workers)
    assert states(outcomes) == ["done", "done", "done", "failed"] * 2
    assert {outcome.reason for outcome in outcomes if outcome.state == "failed"} == {"out of memory"}
    assert [upsamplers for _, upsamplers, seed in workers.seen[1:] if seed == 0] == [
        NAMES,
        NAMES[:2],
        NAMES[2:],
        NAMES[2:3],
        NAMES[3:],
    ]


def test_a_sentence_for_people_is_not_tried_again(made: Sweep) -> None:
    """A loss that is not finite fails its head; the others of its job are complete."""

    def carry_out(job: TrainingJob) -> Ending:
        complete(job, *(name for name in job.upsamplers if name != "nearest"))
        return Ending(MENDABLE, "the loss of nearest is nan") if job.stage == "heads" else Ending(0, "")

    workers = PretendedWorkers(1, carry_out)
    outcomes = sweep(made, workers)
    assert states(outcomes) == ["failed", "done", "done", "done"] * 2
    assert outcomes[0] == Outcome("nearest", 0, "failed", "the loss of nearest is nan")
    assert len(workers.seen) == 3


def test_what_cannot_be_built_fails_before_anything_is_trained(made: Sweep) -> None:
    from dataclasses import replace

    workers = PretendedWorkers(1, complete)
    outcomes = sweep(replace(made, upsamplers=("dysample@groups=16", "nearest"), seeds=(0,)), workers)
    assert states(outcomes) == ["failed", "done"]
    assert "multiple of groups=16, got 8" in outcomes[0].reason
    assert ("heads", ("nearest",), 0) in workers.seen


def test_without_an_encoder_all_heads_fail_with_its_reason(made: Sweep) -> None:
    outcomes = sweep(made, PretendedWorkers(1, lambda job: Ending(MENDABLE, "no picture")))
    assert {(each.state, each.reason) for each in outcomes} == {("failed", "the encoder failed: no picture")}


def test_an_interruption_is_told_run_by_run(made: Sweep) -> None:
    def carry_out(job: TrainingJob) -> Ending:
        if job.seed == 1:
            raise KeyboardInterrupt
        return complete(job)

    assert states(sweep(made, PretendedWorkers(1, carry_out))) == ["done"] * 4 + ["interrupted"] * 4


@pytest.mark.parametrize(
    ("cuda", "device", "wanted"),
    [
        (0, None, ("cpu", "cpu", "cpu")),
        (2, None, ("cuda:0", "cuda:0", "cuda:1", "cuda:1")),
        (2, "cuda:1", ("cuda:1", "cuda:1")),
        (2, "cpu", ("cpu", "cpu", "cpu")),
    ],
)
def test_every_device_gets_its_workers(
    cuda: int, device: str | None, wanted: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    assert local_devices(device, workers=3, per_device=2) == wanted
