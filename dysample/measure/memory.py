"""Memory of an operator: at the peak of a call, and kept from forward to backward.

The peak on the CPU is the peak resident size of a process that does nothing else, so this module is also
a program that measures a case given as JSON and prints JSON.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile

from dysample.heap import trim_heap
from dysample.measure.case import BenchCase, conditions, prepare
from dysample.measure.macs import Cost

MIB = 2**20
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_ALLOCATION = "[memory]"  # the profiler's name for an allocation, or with a negative size for its end


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that autograd keeps from a forward call for the backward one.

    Attributes:
        total: All storages once, without parameters.
        beyond_inputs: The same without inputs.
    """

    total: int
    beyond_inputs: int


def kept_for_backward(
    call: Callable[[], object], *, inputs: Iterable[Tensor], parameters: Iterable[Tensor]
) -> Kept:
    """Count the bytes that a forward call saves for its backward call.

    Args:
        call: The forward call, with gradients enabled.
        inputs: Its inputs.
        parameters: Its parameters, which are never counted.
    """
    # Holding the tensors prevents their addresses from being reused.
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        alias = tensor.detach()
        saved[_address(alias)] = alias
        return alias

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        call()
    owned = {_address(tensor) for tensor in parameters}
    passed = {_address(tensor) for tensor in inputs}
    sizes = {at: tensor.untyped_storage().nbytes() for at, tensor in saved.items() if at not in owned}
    return Kept(sum(sizes.values()), sum(size for at, size in sizes.items() if at not in passed))


def peak_beyond_output(call: Callable[[], Tensor], device: torch.device) -> Cost:
    """Measure the peak memory of a call in this process, without prior memory and the output.

    Args:
        call: The call; it should have run before on a small input, so that libraries are loaded.
        device: Device that it runs on.

    Returns:
        The peak in MiB.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        output = call()
        peak, method = torch.cuda.max_memory_allocated(device), "peak of PyTorch's CUDA allocator"
    else:
        trim_heap()
        if not _reset_peak():
            return Cost(None, "MiB", "this system does not let a process reset its peak resident size")
        before = _resident("VmRSS")
        output = call()
        peak, method = _resident("VmHWM"), "peak resident size of a fresh process"
    return Cost((peak - before - output.untyped_storage().nbytes()) / MIB, "MiB", method)


def peak_allocated(call: Callable[[], object], device: torch.device) -> Cost:
    """Measure the most memory that PyTorch's allocator held for a call at once, beyond what it held before.

    Unlike the resident size of a process, this is the same each time.

    Args:
        call: The call; it should have run before, so that nothing is made for the first time.
        device: Device that it runs on.

    Returns:
        The peak in MiB; no value if this version of PyTorch does not report its allocations.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        peak = torch.cuda.max_memory_allocated(device) - before
        return Cost(peak / MIB, "MiB", "peak of PyTorch's CUDA allocator")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    recorder: Any = profiler.profiler
    changes = sorted(
        (event.start_ns(), event.nbytes())
        for event in recorder.kineto_results.events()
        if event.name() == _ALLOCATION and event.nbytes()
    )
    if not changes:
        return Cost(None, "MiB", "this version of PyTorch does not report its allocations")
    peak = max(accumulate(size for _, size in changes))
    return Cost(max(0, peak) / MIB, "MiB", "peak of PyTorch's CPU allocator")


def peak_of_case(case: BenchCase) -> Cost:
    """Measure `peak_beyond_output` of one forward call in a separate process.

    Returns:
        The peak in MiB; no value if the system cannot measure it or the process failed.
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


def _reset_peak() -> bool:
    """Reset the peak resident size; return False if the system cannot do so."""
    try:
        _RESET.write_text("5", encoding="ascii")
        return _resident("VmHWM") <= _resident("VmRSS") + MIB
    except (OSError, ValueError):
        return False


def _resident(field: str) -> int:
    """Return a resident size of this process in bytes.

    Raises:
        OSError: The system has no such file.
        ValueError: The file has no such field.
    """
    match = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ValueError(f"{_STATUS} must name {field}")
    return 1024 * int(match[1])


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(BenchCase(**json.loads(sys.argv[1]))))))
