"""The benchmark of one operator: from a case to its row."""

import os
import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from dysample.kernels import choice
from dysample.kernels.choice import Implementation, choose
from dysample.kernels.operator import KERNELS
from dysample.measure import bench
from dysample.measure.bench import measure
from dysample.measure.case import BenchCase, conditions, prepare
from dysample.measure.macs import Cost
from dysample.measure.timing import Call, Sample, Spread
from dysample.ops.registry import OPERATORS

PEAK = Cost(1.25, "MiB", "made up")
CASE = BenchCase("bilinear", 32, 3, 4)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call takes a second, by a stopwatch that calls once; no process is started for the peak."""

    def stopwatch(call: Call, calls: int) -> Sample:
        call()
        return Sample(1.0, 1.0)

    monkeypatch.setattr(bench, "cpu_stopwatch", stopwatch)
    monkeypatch.setattr(bench, "peak_of_case", lambda case: PEAK)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("layout", ["nchw", "channels_last"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_gets_a_whole_row(name: str, dtype: str, layout: str):
    case = replace(CASE, operator=name, dtype=dtype, layout=layout)
    row = measure(case, rounds=1, backward=True)
    assert row.reason == ""
    assert row.forward is not None
    assert row.training is not None
    assert row.forward.wall_ratio == Spread(1.0, 1.0, 1.0)
    assert row.forward.candidate.wall.median == 1000
    assert row.peak == PEAK
    assert row.kept.value is not None
    assert row.macs.value is not None
    assert bool(row.implementation) == name.startswith("dysample")


@pytest.mark.usefixtures("quick")
def test_numbers_that_can_be_worked_out_by_hand():
    row = measure(replace(CASE, operator="deconv"))
    assert row.training is None
    assert row.parameters.value == 32 * 32 * 9 + 32
    # The map, 32 x 3 x 4 in float32, is all that a linear layer needs for its weights' gradient.
    assert row.kept.value == 32 * 3 * 4 * 4 / 2**20
    assert row.kept_beyond_inputs.value == 0
    row = measure(replace(CASE, batch=2))
    assert row.parameters.value == 0
    assert row.kept.value == 0
    assert row.moved == 2 * 32 * (3 * 4 + 6 * 8) * 4
    assert (row.macs.value, row.macs_paper_rule.value) == (4 * 2 * 32 * 6 * 8, 0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"operator": "sapa", "channels": 20}, r"32.*20"),
        ({"operator": "deconv", "scale": 3}, r"scale.*3"),
        ({"operator": "dysample", "scale": 1}, r"scale must be an integer of at least 2, got 1"),
    ],
)
def test_an_operator_that_cannot_is_a_row_with_the_reason(change: dict[str, object], why: str):
    row = measure(replace(CASE, **change), backward=True)
    assert (row.forward, row.training) == (None, None)
    assert [row.peak.value, row.kept.value, row.kept_beyond_inputs.value, row.parameters.value] == [None] * 4
    assert (row.moved, row.macs.value, row.macs_paper_rule.value) == (None, None, None)
    assert re.search(why, row.reason)


@pytest.mark.usefixtures("quick")
def test_an_operator_without_a_backward_keeps_its_forward(monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("no gradient in half precision\nat line 1")

    monkeypatch.setattr(bench, "kept_for_backward", fail)
    row = measure(CASE, backward=True)
    assert row.reason == row.kept.method == "no backward: no gradient in half precision"
    assert row.forward is not None
    assert row.training is None
    assert row.kept.value is None


def test_inputs_are_the_same_every_time():
    before = torch.get_rng_state()
    one, other = (
        prepare(replace(CASE, operator="fade", layout="channels_last", dtype="bfloat16")) for _ in "ab"
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert [tuple(x.shape) for x in one.inputs] == [(1, 32, 3, 4), (1, 32, 6, 8)]
    for x, again in zip(one.inputs, other.inputs, strict=True):
        assert x.dtype == torch.bfloat16
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(x, again)
    assert torch.equal(one.upsample(), other.upsample())
    assert not one.operator.training


def test_conditions_are_set_and_put_back(monkeypatch: pytest.MonkeyPatch):
    before = torch.get_num_threads()
    for wish in ("auto", ""):
        monkeypatch.setenv("DYSAMPLE_KERNEL", wish)
        with conditions(replace(CASE, threads=before + 1, implementation="plain")):
            assert torch.get_num_threads() == before + 1
            assert os.environ["DYSAMPLE_KERNEL"] == "plain"
        assert torch.get_num_threads() == before
        assert os.environ["DYSAMPLE_KERNEL"] == wish
    monkeypatch.delenv("DYSAMPLE_KERNEL")
    with conditions(CASE):
        assert os.environ["DYSAMPLE_KERNEL"] == "auto"
    assert "DYSAMPLE_KERNEL" not in os.environ


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("implementation", ["auto", "plain"])
def test_the_implementation_that_is_asked_for_reads(
    implementation: Implementation, monkeypatch: pytest.MonkeyPatch
):
    used: list[str] = []

    def spy(*arguments: Any) -> str:
        used.append(choose(*arguments))
        return used[-1]

    monkeypatch.setattr(choice, "choose", spy)
    row = measure(replace(CASE, operator="dysample", implementation=implementation), rounds=1)
    assert used[0] == row.implementation
    assert implementation in ("auto", row.implementation)


@pytest.mark.usefixtures("quick")
def test_an_implementation_that_cannot_is_a_row_with_the_reason(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(KERNELS["native"], "why_not_for", lambda x, points: "it is a holiday")
    row = measure(replace(CASE, operator="dysample", implementation="native"))
    assert row.reason == "implementation='native' cannot read this map, because it is a holiday"
    assert (row.forward, row.implementation) == (None, "")


@pytest.mark.usefixtures("quick")
def test_memory_may_be_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench, "peak_of_case", pytest.fail)
    row = measure(CASE, memory=False)
    assert (row.peak, row.kept) == (Cost(None, "MiB", "not asked for"),) * 2
    assert row.forward is not None


@pytest.mark.parametrize("layout", ["nchw", "channels_last"])
def test_all_are_compared_with_bilinear_interpolation_of_nchw(layout: str):
    prepared = prepare(replace(CASE, layout=layout))
    assert prepared.bilinear().is_contiguous()
    torch.testing.assert_close(prepared.upsample(), prepared.bilinear())
    prepared.differentiable()
    assert prepared.bilinear().requires_grad


@pytest.mark.usefixtures("quick")
@pytest.mark.unhooked
def test_compiled_operators_are_measured_too():
    row = measure(replace(CASE, operator="dysample", compiled=True), rounds=1, backward=True)
    assert row.reason == ""
    assert row.training is not None
    assert row.parameters.value == measure(replace(CASE, operator="dysample")).parameters.value


@pytest.mark.parametrize("name", ["tpu", "cpu:0", "cuda:", "cuda:x", "cuda:99", "mps", ""])
def test_devices(name: str):
    with pytest.raises(ValueError, match=rf"device must be .*got '{name}'"):
        measure(replace(CASE, device=name))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            "The NVIDIA driver on your system is too old (found version 11040). Please update",
            "is too old .found",
        ),
        ("Found no NVIDIA driver on your system. Please check", "Found no NVIDIA driver on your system$"),
    ],
)
def test_why_there_is_no_gpu(error: str, reason: str, monkeypatch: pytest.MonkeyPatch):
    def init() -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=f"one of the 0 CUDA devices, got 'cuda': .*{reason}"):
        bench.check_device("cuda")


@pytest.mark.usefixtures("quick")
def test_a_gpu_without_memory_is_a_row_with_the_reason(monkeypatch: pytest.MonkeyPatch):
    def full(case: BenchCase) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")

    monkeypatch.setattr(bench, "prepare", full)
    assert measure(CASE).reason == "the memory of the GPU ran out: choose a smaller map"


@pytest.mark.gpu
@pytest.mark.unhooked
@pytest.mark.parametrize("name", OPERATORS)
def test_on_cuda(name: str):
    row = measure(BenchCase(name, 64, 30, 40, device="cuda"), rounds=3, backward=True)
    assert row.reason == ""
    assert row.forward is not None
    assert row.forward.candidate.busy.median > 0
    assert row.forward.candidate.replayed
    assert row.forward.candidate.launched.median >= 0.9 * row.forward.candidate.busy.median
    assert row.peak.value is not None
    assert row.peak.value >= 0
