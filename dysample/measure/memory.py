"""What an operator needs in memory: at the peak of a call, and from forward to backward.

The peak on the CPU is that of the resident size of a process which does nothing else, so this
module is also a program: it measures the case that it is given as JSON, and prints JSON.
"""

import ctypes
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from dysample.measure.case import BenchCase, conditions, prepare
from dysample.measure.macs import Cost

MIB = 2**20
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that autograd keeps from a forward call for the backward one.

    Attributes:
        total: Every storage once, parameters left out.
        beyond_inputs: Those that are not an input either.
    """

    total: int
    beyond_inputs: int


def kept_for_backward(
    call: Callable[[], object], *, inputs: Iterable[Tensor], parameters: Iterable[Tensor]
) -> Kept:
    """Count what a forward call saves for its backward.

    Args:
        call: The forward call, with gradients wanted.
        inputs: What it is called with.
        parameters: What it owns; never counted.
    """
    # Keeping the tensors keeps their addresses from being used again.
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        alias = tensor.detach()
        saved[_address(alias)] = alias
        return alias

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        call()
    owned = {_address(tensor) for tensor in parameters}
    given = {_address(tensor) for tensor in inputs}
    sizes = {at: tensor.untyped_storage().nbytes() for at, tensor in saved.items() if at not in owned}
    return Kept(sum(sizes.values()), sum(size for at, size in sizes.items() if at not in given))


def peak_beyond_output(call: Callable[[], Tensor], device: torch.device) -> Cost:
    """Peak memory of a call in this process beyond what was there before and the output's own bytes.

    Args:
        call: Should have run before on a small input, so that libraries are loaded.
        device: Where it runs.

    Returns:
        MiB.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        output = call()
        peak, method = torch.cuda.max_memory_allocated(device), "peak of PyTorch's CUDA allocator"
    else:
        _give_back_freed_memory()
        if not _reset_peak():
            return Cost(None, "MiB", "this system does not let a process reset its peak resident size")
        before = _resident("VmRSS")
        output = call()
        peak, method = _resident("VmHWM"), "peak resident size of a fresh process"
    return Cost((peak - before - output.untyped_storage().nbytes()) / MIB, "MiB", method)


def peak_of_case(case: BenchCase) -> Cost:
    """`peak_beyond_output` of one forward call, in a process of its own.

    Returns:
        MiB; no number where the system has none to offer or the process came to grief.
    """
    command = [sys.executable, "-m", "dysample.measure.memory", json.dumps(asdict(case))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Cost(None, "MiB", f"the measuring process ended with status {done.returncode}: {last}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def _measure(case: BenchCase) -> Cost:
    small = prepare(replace(case, height=4, width=4))
    prepared = prepare(case)
    with conditions(case), torch.inference_mode():
        small.upsample()
        return peak_beyond_output(prepared.upsample, prepared.inputs[0].device)


def _give_back_freed_memory() -> None:
    """Hand the system what glibc holds back: a call that is served from it would seem to need less."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _reset_peak() -> bool:
    """Begin a new peak of the resident size; False where the system has no such thing."""
    try:
        _RESET.write_text("5", encoding="ascii")
        return _resident("VmHWM") <= _resident("VmRSS") + MIB
    except (OSError, ValueError):
        return False


def _resident(field: str) -> int:
    """A resident size of this process in bytes.

    Raises:
        OSError: The system has no such file.
        ValueError: The file has no such field.
    """
    found = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{_STATUS} must name {field}")
    return 1024 * int(found[1])


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(BenchCase(**json.loads(sys.argv[1]))))))
