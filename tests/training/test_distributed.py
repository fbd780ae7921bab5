"""Two processes that share every batch compute what one process does."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from tests.training.datasets import RECIPE, make_data, make_start

pytestmark = pytest.mark.slow

HEADS = ("indexnet", "nearest")
KINDS = ("segmentation", "depth")


def made(kind: str) -> tuple[nn.Module, Tensor, Tensor, Any]:
    """A host in double precision, a batch of four with unequal shares of truth, and the loss."""
    from dysample.models.depth_head import DepthHead
    from dysample.models.encoder import Encoder
    from dysample.models.host import DepthEstimator, SegmentationHost
    from dysample.models.segformer_head import SegFormerHead
    from dysample.training.losses import cross_entropy, scale_invariant_log

    torch.manual_seed(1)
    encoder = Encoder("mobilenet_v2", finest=2 if kind == "depth" else 4)
    image = torch.rand(4, 3, 64, 64, dtype=torch.float64)
    if kind == "depth":
        label = 1 + 8 * torch.rand(4, 64, 64)
        label[0, :50] = 0
        head = DepthHead(encoder.channels, widths=(8,) * 5, upsampler="dysample")
        return DepthEstimator(encoder, head).double(), image, label, scale_invariant_log
    label = torch.randint(0, 3, (4, 64, 64))
    label[0, :50], label[2] = 255, 1
    head = SegFormerHead(encoder.channels, width=8, classes=3, upsampler="indexnet", dropout=0.4)
    loss = cross_entropy(torch.tensor([1.0, 2.0, 5.0]))
    return SegmentationHost(encoder, head).double(), image, label, loss


def one_step(kind: str) -> dict[str, Tensor]:
    """Return loss, gradients and statistics of one step on this process's share."""
    from dysample.training import distributed

    host, image, label, loss = made(kind)
    distributed.over_whole_batch(host)
    part = distributed.share(len(image))
    torch.manual_seed(5)
    value = loss(host.train()(image[part]), label[part])
    (value / distributed.process_count()).backward()
    distributed.sum_gradients(host)
    found = ((name, parameter.grad) for name, parameter in host.named_parameters())
    gradients = {name: gradient for name, gradient in found if gradient is not None}
    statistics = {name: buffer for name, buffer in host.named_buffers() if "running" in name}
    tracked = {name: buffer for name, buffer in host.named_buffers() if "tracked" in name}
    return {"loss": value.detach()} | gradients | statistics | tracked


def work(rank: int, port: int, folder: Path) -> None:
    """Run one of two processes."""
    from dysample.training.distributed import joined

    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with joined(torch.device("cpu")):
        torch.save({kind: one_step(kind) for kind in KINDS}, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    """Return the result of each of two processes after a step."""
    folder = tmp_path_factory.mktemp("steps")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    spawn(work, (port, folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rank", [0, 1])
def test_a_shared_step_is_that_of_the_whole_batch(steps: Any, kind: str, rank: int) -> None:
    """Loss, every gradient and the running statistics, with dropout and batch normalisation."""
    expected = one_step(kind)
    assert steps[rank][kind].keys() == expected.keys()
    for name, value in expected.items():
        found = steps[rank][kind][name]
        torch.testing.assert_close(
            found, value, rtol=1e-4, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize(("count", "rank", "wanted"), [(1, 0, [0, 1, 2, 3]), (2, 1, [2, 3]), (4, 2, [2])])
def test_a_share_is_an_even_part(
    count: int, rank: int, wanted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dysample.training import distributed

    monkeypatch.setattr(distributed, "process_count", lambda: count)
    monkeypatch.setattr(distributed.dist, "get_rank", lambda: rank)
    assert list(range(4))[distributed.share(4)] == wanted


def test_a_batch_that_cannot_be_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from dysample.training import distributed

    monkeypatch.setattr(distributed, "process_count", lambda: 3)
    with pytest.raises(ValueError, match="batch=8 cannot be split evenly among 3 processes"):
        distributed.share(8)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe whose batch two processes can share."""
    make_data(tmp_path, pictures=8)
    make_start(tmp_path)
    path = tmp_path / "made.toml"
    # Small steps: AdamW makes steps of rounding errors where a slope is zero.
    changes = {
        "batch = 2": "batch = 4",
        "crop = 32": "crop = 64",
        "encoder_rate = 1e-3": "encoder_rate = 1e-4",
        "head_rate = 1e-2": "head_rate = 1e-3",
    }
    text = RECIPE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def interrupted(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train alone; copy the state after one epoch of the encoder to the folder "shared"."""
    import shutil

    from dysample.cli import main
    from dysample.training.loop import Learner

    original = Learner.keep

    def keep(self: Learner, epoch: int, entry: dict[str, Any]) -> None:
        original(self, epoch, entry)
        if not (recipe.parent / "shared").exists():
            shutil.copytree(recipe.parent / "alone", recipe.parent / "shared")

    monkeypatch.setattr(Learner, "keep", keep)
    folders = ["--data", str(recipe.parent), "--runs", str(recipe.parent / "alone")]
    assert main(["train", str(recipe), *folders, "--device", "cpu", "--upsampler", *HEADS]) == 0


@pytest.mark.slow
def test_torchrun_goes_on_with_a_run_and_ends_like_one_process(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dysample.training.runs import read_log

    interrupted(recipe, monkeypatch)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    folders = ["--data", str(recipe.parent), "--runs", str(recipe.parent / "shared")]
    command = [*torchrun, "-m", "dysample", "train", str(recipe), *folders, "--upsampler", *HEADS]
    done = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    for run in ("whole/bilinear-seed0", *(f"heads/{name}-seed0" for name in HEADS)):
        alone, shared = (recipe.parent / name / "made-task" / run for name in ("alone", "shared"))
        ours, theirs = read_log(alone / "log.jsonl"), read_log(shared / "log.jsonl")
        assert [entry["epoch"] for entry in theirs] == [1, 2]
        assert theirs[-1]["device"].startswith("2 × cpu")
        assert [entry["loss"] for entry in theirs] == pytest.approx([e["loss"] for e in ours], rel=5e-3)
        assert apart(alone, shared) < 0.05


def apart(first: Path, second: Path) -> float:
    """Return the distance between the weights of two runs, relative to their size."""
    from dysample.training.runs import load_checkpoint

    ends = [load_checkpoint(folder / "checkpoint.pt") for folder in (first, second)]
    one, two = (
        torch.cat([v.flatten().double() for k, v in end["module"].items() if "tracked" not in k])
        for end in ends
    )
    return float((one - two).norm() / one.norm())
