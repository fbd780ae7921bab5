"""Training on made-up data: learning, interruptions and refusals."""

import errno
import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from dysample.cli import main
from dysample.models.manifest import load_manifest
from dysample.models.segformer_head import SegFormerHead
from dysample.models.weights import new_encoder
from dysample.training import loop
from dysample.training.data import DataError, data_folder
from dysample.training.recipe import load_recipe
from dysample.training.runs import load_checkpoint, read_log, save_checkpoint, training_command
from dysample.training.stages import make_head
from tests.training.workshop import HEADS, ends_alike, make_workshop, part, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of both stages."""
    return make_workshop(tmp_path_factory.mktemp("workshop"))


def test_losses_fall_and_every_epoch_is_logged(workshop: Path) -> None:
    for stage, names in (("whole", ("bilinear",)), ("heads", HEADS)):
        for name in names:
            log = read_log(part(workshop, "runs", stage, name) / "log.jsonl")
            assert [entry["epoch"] for entry in log] == [1, 2]
            assert log[1]["loss"] < log[0]["loss"]
            assert all(entry["seconds"] >= 0 for entry in log)


@pytest.mark.parametrize("stage", ["whole", "heads"])
def test_an_interrupted_run_ends_like_one_that_was_not(
    workshop: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run killed in its second epoch repeats that epoch and ends with the same weights."""
    again = f"again-{stage}"
    shutil.rmtree(workshop / again, ignore_errors=True)
    names = HEADS if stage == "heads" else ("bilinear",)
    if stage == "heads":
        shutil.copytree(part(workshop, "runs", "whole"), part(workshop, again, "whole"))
    options = ("--stage", stage, "--upsampler", *names)
    original, steps = loop._step, iter(range(100))

    def killed(*arguments: Any) -> None:
        if next(steps) == 3:
            raise KeyboardInterrupt
        original(*arguments)

    monkeypatch.setattr(loop, "_step", killed)
    assert run(workshop, "train", *options, runs=again) == 130
    monkeypatch.setattr(loop, "_step", original)
    assert run(workshop, "train", *options, runs=again) == 0
    for name in names:
        ends_alike(part(workshop, "runs", stage, name), part(workshop, again, stage, name))


def test_a_head_does_not_depend_on_the_heads_beside_it(workshop: Path) -> None:
    """A head trained alone, and one that joins later, end like heads trained together."""
    shutil.rmtree(workshop / "alone", ignore_errors=True)
    shutil.copytree(part(workshop, "runs", "whole"), part(workshop, "alone", "whole"))
    for names in (["dysample"], ["dysample", "nearest"]):
        assert run(workshop, "train", "--stage", "heads", "--upsampler", *names, runs="alone") == 0
        for name in names:
            ends_alike(part(workshop, "runs", "heads", name), part(workshop, "alone", "heads", name))


def test_bfloat16_on_the_cpu_learns_much_the_same_and_the_log_tells(workshop: Path) -> None:
    shutil.copytree(part(workshop, "runs", "whole"), part(workshop, "half", "whole"))
    options = ("--stage", "heads", "--upsampler", "dysample", "--device", "cpu", "--bfloat16")
    assert run(workshop, "train", *options, runs="half") == 0
    whole, half = (
        read_log(part(workshop, runs, "heads", "dysample") / "log.jsonl") for runs in ("runs", "half")
    )
    for first, second in zip(whole, half, strict=True):
        assert first["loss"] != second["loss"]
        assert first["loss"] == pytest.approx(second["loss"], rel=0.02)
        assert not first["device"].endswith("bfloat16")
        assert second["device"].endswith("threads, bfloat16")
    assert run(workshop, "pack", "--pretrained", str(workshop / "packed"), runs="half") == 0
    entry = load_manifest(workshop / "packed").entry("made-task", "dysample")
    assert entry.command.endswith("--stage heads --upsampler dysample --seed 0 --bfloat16")


def test_records_name_an_unusual_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs compute in bfloat16, the CPU in float32, unless the command says otherwise."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    names = [loop.device_name(device, half) for device in (gpu, cpu) for half in ("float32", "bfloat16")]
    threads = f"cpu, {torch.get_num_threads()} threads"
    assert names == ["Some GPU, float32", "Some GPU", threads, f"{threads}, bfloat16"]
    recipe = load_recipe("indoor-depth")
    ends = [training_command(recipe, "whole", device=name).partition("whole")[2] for name in names]
    assert ends == [" --precision float32", "", "", " --bfloat16"]


def test_heads_of_a_seed_start_alike_outside_their_upsamplers(workshop: Path) -> None:
    recipe = load_recipe(str(workshop / "made.toml"))
    encoder = new_encoder(recipe.task)
    first, second = (make_head(recipe, encoder, name, 7) for name in ("bilinear", "dysample+"))
    mine = second.state_dict()
    for key, value in first.state_dict().items():
        torch.testing.assert_close(mine[key], value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("train", "no-such-recipe", "--data", "."), "no recipe is called 'no-such-recipe'"),
        (("train", "street-segmentation", "--data", "/nowhere/at/all"), "'/nowhere/at/all' does not exist"),
        (("evaluate", "street-segmentation", "--data", "."), "camvid has no test.txt"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence(
    options: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert "Traceback" not in printed


def test_absent_data_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    with pytest.raises(DataError, match="give --data FOLDER or set DYSAMPLE_DATA"):
        data_folder()


def test_heads_before_the_encoder_are_refused(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(workshop, "train", "--stage", "heads", runs="empty") == 2
    assert "--stage encoder" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_its_head_and_names_the_pictures(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other head finishes its training."""
    shutil.copytree(part(workshop, "runs", "whole"), part(workshop, "nan", "whole"))
    original = SegFormerHead.forward

    def broken(head: SegFormerHead, maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
        found = original(head, maps)
        return found * float("nan") if head.spec.label == "Nearest" else found

    monkeypatch.setattr(SegFormerHead, "forward", broken)
    assert run(workshop, "train", "--stage", "heads", "--upsampler", "nearest", "dysample", runs="nan") == 2
    printed = capsys.readouterr().err
    assert "the loss of nearest is nan on the pictures p" in printed
    assert "Traceback" not in printed
    assert not (part(workshop, "nan", "heads", "nearest") / "checkpoint.pt").exists()
    ends_alike(part(workshop, "runs", "heads", "dysample"), part(workshop, "nan", "heads", "dysample"))


def test_a_full_disk_leaves_the_last_whole_epoch(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = part(workshop, "full", "whole")
    shutil.copytree(part(workshop, "runs", "whole"), folder)
    path = folder / "checkpoint.pt"
    state = load_checkpoint(path)
    assert state is not None
    save_checkpoint(state | {"epoch": 1}, path)
    before = path.read_bytes()
    original = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.parent == folder:
            original(self, data[:1000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run(workshop, "train", "--stage", "encoder", runs="full") == 2
    printed = capsys.readouterr().err
    assert "No space left on device" in printed
    assert "what was there before is whole" in printed
    assert path.read_bytes() == before
    assert not list(folder.glob("*.part"))


def test_the_rate_rises_then_falls_to_nothing() -> None:
    factors = [loop.rate_factor(step, 100) for step in range(100)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(a >= b for a, b in itertools.pairwise(factors[5:]))
    assert factors[-1] < 0.01
