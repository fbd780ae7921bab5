"""Torn checkpoints and logs are sentences that name the file, and a folder has one training at a time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dysample.training.runs import (
    CHECKPOINT,
    LOCK,
    LOG,
    RunError,
    alone_in,
    append_log,
    epochs_done,
    load_checkpoint,
    read_log,
    save_checkpoint,
    training_time,
)
from tests import ROOT

STATE = {"epoch": 3, "module": {"weight": torch.arange(6.0)}}
ENTRY = {"epoch": 1, "loss": 0.5, "seconds": 60.0, "device": "cpu"}


def test_a_torn_checkpoint_names_itself(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    assert load_checkpoint(path) is None
    save_checkpoint(STATE, path)
    whole = path.read_bytes()
    assert epochs_done(tmp_path) == 3
    damages = [whole[:length] for length in range(0, len(whole), len(whole) // 20)]
    for data in [*damages, b"no checkpoint", bytes(500)]:
        path.write_bytes(data)
        with pytest.raises(
            RunError, match=r"checkpoint\.pt is torn or no checkpoint \(.+\): put a whole copy"
        ):
            epochs_done(tmp_path)
    torch.save([1, 2], path)
    with pytest.raises(RunError, match="it holds something else"):
        load_checkpoint(path)


@pytest.mark.parametrize("line", ['{"epoch": 2, "lo', "", "3", "[]", '{"epoch": 2}', "\x00\x00"])
def test_a_torn_log_names_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / LOG
    append_log(path, ENTRY)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(RunError, match=r"line 2 of .*log\.jsonl is torn or no entry"):
        training_time(tmp_path)


def test_an_epoch_is_never_written_into_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / LOG
    assert read_log(path) == []
    with pytest.raises(RunError, match="missing or empty"):
        training_time(tmp_path)
    append_log(path, ENTRY)
    path.write_text(path.read_text() + '{"epoch": 2, "lo')
    append_log(path, ENTRY | {"epoch": 3})
    lines = path.read_text().splitlines()
    assert [json.loads(lines[index])["epoch"] for index in (0, 2)] == [1, 3]
    path.write_text(lines[0] + "\n" + lines[2] + "\n")
    assert training_time(tmp_path) == ("cpu", 2.0)


HOLD = """
import sys
from pathlib import Path
from dysample.training.runs import alone_in
with alone_in(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_a_second_training_is_refused_and_a_dead_one_gone(tmp_path: Path) -> None:
    folder = tmp_path / "dysample-seed0"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with (
            pytest.raises(RunError, match=rf"dysample-seed0 is in use by process {other.pid} on "),
            alone_in(folder),
        ):
            pass
        other.kill()
        other.wait()
    assert str(other.pid) in (folder / LOCK).read_text()  # what it left behind
    with alone_in(folder), alone_in(tmp_path / "another"), pytest.raises(RunError), alone_in(folder):
        pass
    with alone_in(folder):
        pass
