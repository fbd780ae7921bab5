"""Passes of networks: recorded graphs, with a recorder in the place of CUDA's, and the precision."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from app.shared.engine import devices, passes
from app.shared.engine.passes import Graphs
from dysample.models import host
from dysample.models.encoder import Encoder
from dysample.models.object_head import ObjectHead, Widths
from dysample.models.segformer_head import SegFormerHead
from tests.models.hosts import picture, small_encoder


class Recorder:
    """Stands in for CUDA: a replay calls what was recorded, and leaves the output where the first one was."""

    def __init__(self) -> None:
        self.recorded = 0
        self.replays = 0

    def __call__(self, call: Callable[[], object]) -> Callable[[], object]:
        call()
        self.recorded += 1
        cells = getattr(call, "__closure__", ())
        (outputs,) = (cell.cell_contents for cell in cells if isinstance(cell.cell_contents, list))
        (first,) = outputs

        def replay() -> None:
            call()
            for own, new in zip(tensors(first), tensors(outputs[0]), strict=True):
                own.copy_(new)
            self.replays += 1

        return replay


def tensors(value: Any) -> list[Tensor]:
    found: list[Tensor] = []
    devices.mapped(value, lambda x: found.append(x) or x)
    return found


@dataclass(frozen=True, slots=True)
class Said:
    same: Tensor
    more: tuple[Tensor, None]


class Twice(nn.Module):
    """A network whose calls are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> tuple[Tensor, Said]:
        self.calls += 1
        return 2 * x, Said(x, (x + 1, None))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_what_comes_once_is_not_recorded(recorder: Recorder) -> None:
    graphs, network = Graphs(record=recorder), Twice()
    for side in (2, 3, 4):
        graphs.run(network, "all", network, (torch.ones(side),))
    assert (recorder.recorded, len(graphs), network.calls) == (0, 0, 3)


def test_the_second_call_is_recorded_and_every_later_one_replayed(recorder: Recorder) -> None:
    graphs, network = Graphs(record=recorder), Twice()
    outputs = [graphs.run(network, "all", network, (torch.full((3,), k),)) for k in range(1, 5)]
    assert (recorder.recorded, recorder.replays) == (1, 3)
    for k, (double, said) in enumerate(outputs, start=1):
        # Not what the last replay left behind: every answer is its own.
        assert double.tolist() == [2 * k] * 3
        assert said.same.tolist() == [k] * 3
        assert said.more[0].tolist() == [k + 1] * 3
        assert said.more[1] is None
    assert len({double.data_ptr() for double, _ in outputs}) == 4


def test_shapes_types_layouts_passes_and_networks_have_graphs_of_their_own(recorder: Recorder) -> None:
    graphs, first, second = Graphs(record=recorder), Twice(), Twice()
    x = torch.ones(1, 2, 3, 4)
    for network, name, given in (
        (first, "all", x),
        (first, "all", x.double()),
        (first, "all", x.contiguous(memory_format=torch.channels_last)),
        (first, "all", torch.ones(1, 2, 4, 3)),
        (first, "other", x),
        (second, "all", x),
    ):
        for _ in range(3):
            assert torch.equal(graphs.run(network, name, network, (given,))[0], 2 * given)
    assert (recorder.recorded, recorder.replays, len(graphs)) == (6, 12, 6)


def test_the_graphs_that_were_used_last_are_kept(recorder: Recorder) -> None:
    graphs, network = Graphs(most=2, record=recorder), Twice()

    def run(side: int) -> None:
        graphs.run(network, "all", network, (torch.ones(side),))

    for side in (1, 1, 2, 2, 1, 3, 3):  # 2 is used least lately when 3 is recorded
        run(side)
    assert (recorder.recorded, len(graphs)) == (3, 2)
    run(1)
    run(3)
    assert recorder.recorded == 3
    run(2)  # like a pass that never came
    assert recorder.recorded == 3
    run(2)
    assert (recorder.recorded, len(graphs)) == (4, 2)


def test_what_cannot_be_recorded_is_not_tried_again() -> None:
    tries: list[str] = []

    def refuse(call: Callable[[], object]) -> Callable[[], object]:
        tries.append("tried")
        raise RuntimeError("operation not permitted when stream is capturing")

    graphs, network = Graphs(record=refuse), Twice()
    for k in range(5):
        assert graphs.run(network, "all", network, (torch.tensor([k]),))[0].item() == 2 * k
    assert (len(tries), len(graphs), network.calls) == (1, 0, 5)


def test_a_network_that_is_gone_takes_its_graphs_along() -> None:
    def record(call: Callable[[], object]) -> Callable[[], object]:
        call()
        return lambda: None  # a CUDA graph holds on to no network either

    graphs, other = Graphs(record=record), Twice()
    for _ in range(3):
        network = Twice()
        for _ in range(2):
            graphs.run(network, "all", network, (torch.ones(2),))
        assert len(graphs) == 1
        del network
        gc.collect()
    graphs.run(other, "all", other, (torch.ones(2),))
    assert len(graphs) == 0


def test_graphs_give_up_their_memory_before_a_job_fails(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied: list[int] = []
    graphs, network = Graphs(record=recorder), Twice()
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(len(graphs)))
    for _ in range(2):
        graphs.run(network, "all", network, (torch.ones(2),))

    def hungry(x: Tensor) -> Tensor:
        if len(graphs):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return x

    assert graphs.run(network, "hungry", hungry, (torch.ones(3),)).tolist() == [1, 1, 1]
    assert emptied == [0]

    def starving(x: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        graphs.run(network, "starving", starving, (torch.ones(3),))


def test_what_is_known_of_passes_is_bounded(recorder: Recorder) -> None:
    graphs, network = Graphs(most=2, record=recorder), Twice()
    for side in range(1, 400):
        graphs.run(network, "all", network, (torch.ones(side),))
    assert len(graphs._known) <= 2 + passes._MOST_KNOWN
    graphs.run(network, "all", network, (torch.ones(399),))
    assert recorder.recorded == 1


# --- Networks ---


@pytest.fixture
def networks() -> tuple[Encoder, SegFormerHead]:
    encoder = small_encoder()
    torch.manual_seed(1)
    return encoder, SegFormerHead(encoder.channels, width=32, classes=3, upsampler="dysample+").eval()


@pytest.fixture
def as_cuda(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The CPU is taken for a GPU by what decides on graphs; nothing is computed elsewhere."""

    class Gpu:
        type = "cuda"

    monkeypatch.setattr(devices, "device", Gpu)
    monkeypatch.setattr(passes, "_where", lambda inputs: Gpu())
    monkeypatch.setattr(devices, "precision", lambda: "float32")
    for name in ("encoding", "decoding"):
        monkeypatch.setattr(passes, name, lambda device, precision: torch.no_grad())
    monkeypatch.setattr(passes, "GRAPHS", Graphs(record=recorder))
    return recorder


def test_encoder_and_dense_head_are_recorded(
    networks: tuple[Encoder, SegFormerHead], as_cuda: Recorder
) -> None:
    encoder, head = networks
    images = [torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(k)) for k in range(3)]
    found = []
    for image in images:
        maps = passes.encode(encoder, image)
        assert all(x.is_contiguous(memory_format=torch.channels_last) for x in maps)
        found.append((passes.decode(head, maps, (40, 56, 3)), passes.steps(head, maps)))
    assert as_cuda.recorded == 3
    with torch.no_grad():
        for image, (prediction, steps) in zip(images, found, strict=True):
            wanted = head.decode(host.encode(encoder, image), 40, 56)
            torch.testing.assert_close(prediction.output, wanted.output, rtol=1e-4, atol=1e-5)
            for mine, own, exact in zip(prediction.steps, steps, wanted.steps, strict=True):
                torch.testing.assert_close(mine.output, exact.output, rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(own.guide, exact.guide, rtol=1e-4, atol=1e-5)


def test_what_finds_objects_is_never_recorded(as_cuda: Recorder) -> None:
    encoder = small_encoder()
    widths = Widths(pyramid=32, semantic=16, box=16, mask=16)
    head = ObjectHead(encoder.channels, widths=widths, things=3, stuff=1).eval()
    with torch.no_grad():
        maps = encoder(picture(64, 64))
    for _ in range(3):
        assert passes.decode(head, maps, (64, 64)).output.height == 64
    assert as_cuda.recorded == 0


def test_nothing_is_recorded_on_the_cpu(
    networks: tuple[Encoder, SegFormerHead], monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    monkeypatch.setattr(passes, "GRAPHS", Graphs(record=recorder))
    with torch.no_grad():
        for _ in range(3):
            maps = passes.encode(networks[0], picture(32, 32))
            assert all(x.is_contiguous() for x in maps)
    assert recorder.recorded == 0


def test_the_precision_of_the_device_is_that_of_the_maps(
    networks: tuple[Encoder, SegFormerHead], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, head = networks
    with torch.no_grad():
        exact = passes.decode(head, passes.encode(encoder, picture(32, 64)), (32, 64)).output
        monkeypatch.setattr(devices, "precision", lambda: "bfloat16")
        maps = passes.encode(encoder, picture(32, 64))
        prediction = passes.decode(head, maps, (32, 64))
    assert {x.dtype for x in maps} == {torch.float32}
    assert prediction.output.dtype == torch.float32
    assert 0 < (prediction.output - exact).abs().max() < 0.2 * exact.std()
    taken = devices.moved(prediction, devices.CPU)
    assert {step.output.dtype for step in prediction.steps} == {torch.bfloat16}
    assert {step.output.dtype for step in taken.steps} == {torch.float32}
    taken.steps[0].output.numpy()  # which bfloat16 has none of


# --- On a GPU ---


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(passes, "GRAPHS", Graphs())
    for function in (devices.device, devices.precision):
        function.cache_clear()
    yield
    for function in (devices.device, devices.precision):
        function.cache_clear()


@pytest.mark.gpu
@pytest.mark.unhooked
@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_graphs_on_a_gpu_give_what_the_cpu_gives(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_DEVICE", "cuda")
    monkeypatch.setenv("DYSAMPLE_PRECISION", precision)
    encoder = small_encoder()
    torch.manual_seed(1)
    head = SegFormerHead(encoder.channels, width=32, classes=3, upsampler="dysample+").eval()
    images = [torch.rand(40, 56, 3).mul(255).byte().numpy() for _ in range(4)]
    with torch.inference_mode():
        batches = [torch.from_numpy(image).permute(2, 0, 1)[None] for image in images]
        wanted = [head.decode(host.encode(encoder, batch), 40, 56).output for batch in batches]
        encoder, there = devices.to_device(encoder), devices.on_device(head)
        for image, exact in zip(images, wanted, strict=True):
            maps = passes.encode(encoder, passes.to_device(image))
            output = devices.moved(passes.decode(there, maps, image.shape), devices.CPU).output
            error = (output - exact).abs().max() / exact.std()
            assert error < (1e-3 if precision == "float32" else 0.1)
    assert len(passes.GRAPHS) == 2


@pytest.mark.gpu
@pytest.mark.unhooked
def test_what_waits_for_the_gpu_cannot_be_recorded_and_runs() -> None:
    graphs, network = Graphs(), Twice().cuda()
    x = torch.ones(3, device="cuda")
    for _ in range(3):
        assert graphs.run(network, "waits", lambda x: x * x.sum().item(), (x,)).tolist() == [3, 3, 3]
    assert len(graphs) == 0
    for _ in range(3):
        assert graphs.run(network, "all", network, (x,))[0].tolist() == [2, 2, 2]
    assert len(graphs) == 1
