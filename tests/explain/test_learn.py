"""Learning on one picture is reproducible, can be paused, and never sees the held-out squares."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dysample.explain.learn import LearnSettings, Snapshot, TinyUpsampler, train_steps, train_updates
from dysample.explain.learn_tasks import Problem, bright_regions, mask_problem, picture_problem, rings
from tests.explain.squares import SIZE, chessboard, noise


def learnt(problem: Problem, settings: LearnSettings | None = None, **options: int) -> list[Snapshot]:
    options = {"steps": 4, "snapshot_every": 2, **options}
    return list(train_steps(problem, settings or LearnSettings(), **options))


def same(one: Snapshot, other: Snapshot) -> bool:
    numbers = [(each.step, each.loss, each.score, each.bilinear, each.mix) for each in (one, other)]
    return (
        numbers[0] == numbers[1]
        and torch.equal(one.record.points, other.record.points)
        and np.array_equal(one.output, other.output)
    )


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("initial", ["bilinear", "nearest"])
def test_without_offsets_it_is_plain_interpolation_whatever_the_mix(groups: int, initial: str) -> None:
    problem = picture_problem(noise())
    learner = TinyUpsampler(3, LearnSettings(groups=groups, initial=initial), scale=2)
    torch.nn.init.zeros_(learner.upsample.offset.weight)
    torch.nn.init.normal_(learner.spread)
    with torch.no_grad():
        output = learner.read(problem.input, learner.plan(problem.seen))
    mode = {"bilinear": "bilinear", "nearest": "nearest-exact"}[initial]
    torch.testing.assert_close(
        output, F.interpolate(problem.input, scale_factor=2, mode=mode), atol=1e-4, rtol=0
    )


def test_readings_are_mixed_group_by_group() -> None:
    """Read each group alone by grid_sample, and sum with the weights."""
    problem = picture_problem(noise())
    learner = TinyUpsampler(3, LearnSettings(groups=4), scale=2)
    torch.nn.init.normal_(learner.upsample.offset.weight, std=0.3)
    with torch.no_grad():
        record = learner.plan(problem.seen)
        output = learner.read(problem.input, record)
        expected = torch.zeros_like(output)
        for weight, points in zip(learner.mix.tolist(), record.points[0], strict=True):
            grid = (points.permute(1, 2, 0)[None] / 24) * 2 - 1
            expected += weight * F.grid_sample(
                problem.input, grid, padding_mode="border", align_corners=False
            )
    torch.testing.assert_close(output, expected, atol=1e-4, rtol=1e-4)
    assert float(learner.mix.detach().sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("task", ["picture", "mask"])
def test_equal_arguments_give_equal_snapshots(task: str) -> None:
    problem = (
        picture_problem(rings(SIZE)) if task == "picture" else mask_problem(rings(SIZE), noise()[..., 0] > 99)
    )
    first, second = learnt(problem, seed=3), learnt(problem, seed=3)
    assert all(same(*pair) for pair in zip(first, second, strict=True))
    assert not same(first[-1], learnt(problem, seed=4)[-1])


def test_snapshots_come_at_the_start_in_between_and_at_the_end() -> None:
    problem = picture_problem(rings(SIZE))
    assert [each.step for each in learnt(problem, steps=7, snapshot_every=3)] == [0, 3, 6, 7]
    assert [each.step for each in learnt(problem, steps=2, snapshot_every=5)] == [0, 2]


def test_updates_stop_after_each_and_give_the_same_snapshots() -> None:
    problem = picture_problem(rings(SIZE))
    updates = list(train_updates(problem, LearnSettings(), steps=5, snapshot_every=2, seed=0))
    assert [each is not None for each in updates] == [True, False, True, False, True, True]
    found = [each for each in updates if each is not None]
    assert all(same(*pair) for pair in zip(found, learnt(problem, steps=5), strict=True))


def test_it_can_be_paused_while_others_learn() -> None:
    problem = picture_problem(rings(SIZE))
    whole = learnt(problem)
    paused = train_steps(problem, LearnSettings(), steps=4, snapshot_every=2)
    start = list(itertools.islice(paused, 2))
    learnt(problem, LearnSettings(groups=1), seed=9)
    with torch.no_grad():  # as a page may have left it
        rest = list(paused)
    assert all(same(*pair) for pair in zip(whole, start + rest, strict=True))


def test_random_numbers_gradients_and_threads_are_left_alone() -> None:
    torch.manual_seed(11)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    snapshots = train_steps(picture_problem(rings(SIZE)), LearnSettings(), steps=4, snapshot_every=2)
    for snapshot in snapshots:
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.is_grad_enabled()
        assert not snapshot.record.points.requires_grad
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("task", ["picture", "mask"])
def test_held_out_squares_are_never_seen(task: str) -> None:
    """Changing these pixels in the picture, the mask and so the input leaves all losses the same."""
    image, other = rings(SIZE), rings(SIZE)
    black = chessboard(SIZE, SIZE, 24)
    other[black] = noise()[black]
    mask, changed = image[..., 0] > 100, image[..., 0] > 100
    changed[black] = noise()[..., 1][black] > 100
    if task == "picture":
        one, two = picture_problem(image), picture_problem(other)
    else:
        one, two = mask_problem(image, mask), mask_problem(other, changed)
    first, second = learnt(one), learnt(two)
    assert [each.loss for each in first] == [each.loss for each in second]
    assert [each.mix for each in first] == [each.mix for each in second]
    assert first[-1].score != second[-1].score


def test_training_squares_are_seen() -> None:
    image = rings(SIZE)
    image[:4, :4] = 0
    assert learnt(picture_problem(image))[-1].mix != learnt(picture_problem(rings(SIZE)))[-1].mix


@pytest.mark.parametrize("task", ["picture", "mask"])
def test_hard_edges_are_learnt_to_be_sharper_than_bilinear(task: str) -> None:
    image = rings(SIZE)
    problem = picture_problem(image) if task == "picture" else mask_problem(image, bright_regions(image))
    first, last = learnt(problem, steps=40, snapshot_every=40)
    assert last.beats_bilinear
    assert last.gain > 2
    assert last.loss < 0.5 * last.bilinear_loss
    assert abs(first.gain) < 0.1
    assert last.score.mse < first.score.mse


def test_what_does_not_carry_over_is_reported_so() -> None:
    """Train on hard edges and hold out soft waves: sharpening helps the former and harms the latter."""
    image, black = rings(SIZE), chessboard(SIZE, SIZE, 24)
    row, column = np.mgrid[:SIZE, :SIZE]
    waves = 127 + 100 * np.sin(column / 4) * np.sin(row / 4)
    image[black] = waves[black][:, None]
    last = learnt(picture_problem(image), steps=40, snapshot_every=40)[-1]
    assert last.loss < 0.5 * last.bilinear_loss
    assert last.score.mse > 1.5 * last.bilinear.mse
    assert last.gain < -1
    assert not last.beats_bilinear


@pytest.mark.parametrize(
    "settings",
    [
        LearnSettings(groups=1),
        LearnSettings(groups=8, style="pl"),
        LearnSettings(dynamic_scope=True, scope=0.5),
        LearnSettings(initial="nearest", scope=0.1),
    ],
)
@pytest.mark.parametrize("scale", [2, 4])
def test_every_option_learns(settings: LearnSettings, scale: int) -> None:
    size = 24 * scale
    first, last = learnt(picture_problem(rings(size), scale=scale), settings, steps=12, snapshot_every=12)
    assert last.loss < 0.97 * first.loss
    assert last.record.offset.shape == (1, settings.groups, 2, size, size)
    assert len(last.mix) == settings.groups
    assert sum(last.mix) == pytest.approx(1, abs=1e-5)


def test_options_change_what_is_learnt() -> None:
    problem = picture_problem(rings(SIZE))
    choices = [
        {},
        {"groups": 1},
        {"style": "pl"},
        {"dynamic_scope": True},
        {"initial": "nearest"},
        {"scope": 1.0},
    ]
    losses = [learnt(problem, LearnSettings(**choice))[-1].loss for choice in choices]
    assert len(set(losses)) == len(choices)
