"""Predicting points and reading at them with a C library: on the CPU, in float32, in both memory layouts.

The library is loaded with ctypes and runs on torch's own threads.
"""

import ctypes
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

InstructionSet = Literal["baseline", "avx2", "avx512"]  # numbered as in native.c
SETS: tuple[InstructionSet, ...] = get_args(InstructionSet)
BLOCK = 16  # as in native.c
# Below this many results a second thread costs more than it saves; torch uses the same number.
RESULTS_PER_THREAD = 32768
LONGEST_SIDE = 2**22  # of a map: float32 still resolves quarters of a pixel
LARGEST_MAP = 2**31  # pixels, counted in 32 bits
STREAMED_FROM = 2**22  # bytes of an output that is written past the caches, which could not hold it anyway
FOLLOWS_LAYOUT: bool = True


class Job(ctypes.Structure):
    """`struct job` of native.c."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in (
            *("batch", "channels", "groups", "height", "width", "pixels"),
            *("image_stride", "group_stride", "axis_stride", "last", "parts", "part", "stream", "step"),
        )
    )


class Plan(ctypes.Structure):
    """`struct plan` of native.c."""

    _fields_ = (
        *(
            (name, ctypes.c_int64)
            for name in (
                *("batch", "channels", "groups", "height", "width", "scale"),
                *("last", "subs", "rows", "padded"),
            )
        ),
        ("factor", ctypes.c_double),
    )


def find(folder: Path) -> Path | None:
    """Return the library in a folder that was compiled for this Python, or None."""
    names = [f"_native{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES]
    return next((folder / name for name in names if (folder / name).exists()), None)


def load(path: Path | None) -> ctypes.CDLL | str:
    """Load the library, or return why there is none, to follow "because"."""
    if path is None and sys.platform != "linux":
        return f"it is compiled only on Linux, and this is {sys.platform}"
    if path is None:
        return "it was not compiled when the package was installed, which takes a C compiler"
    try:
        _share_openmp()
        return _declared(ctypes.CDLL(str(path)))
    except (OSError, AttributeError) as error:
        return f"the compiled library cannot be loaded: {error}"


def _share_openmp() -> None:
    """Load torch's copy of OpenMP first, so that the library uses its threads and not a competing pool."""
    beside = Path(torch.__file__).parent
    bundled = sorted([*beside.glob("lib/libgomp*.so*"), *beside.parent.glob("torch.libs/libgomp*.so*")])
    ctypes.CDLL(str(bundled[0]) if bundled else "libgomp.so.1", ctypes.RTLD_GLOBAL)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the signatures of the library's functions."""
    count, pointer, job = ctypes.c_int64, ctypes.c_void_p, ctypes.POINTER(Job)
    library.dysample_lanes.argtypes = (count,)
    library.dysample_prepare.argtypes = (pointer, count)
    library.dysample_lanes.restype = library.dysample_prepare.restype = count
    library.dysample_forward.argtypes = (job, count, count, *4 * (pointer,))
    library.dysample_backward.argtypes = (job, count, count, *6 * (pointer,))
    library.dysample_points.argtypes = (ctypes.POINTER(Plan), count, count, *8 * (pointer,))
    library.dysample_points.restype = None
    library.dysample_forward.restype = library.dysample_backward.restype = None
    return library


_LOADED = load(find(Path(__file__).parent))
# A string, because torch can trace a test of it but not of the library.
WHY_NOT: str | None = _LOADED if isinstance(_LOADED, str) else None


def library() -> ctypes.CDLL:
    """Return the loaded library.

    Raises:
        RuntimeError: There is none; the message says why.
    """
    if isinstance(_LOADED, str):
        raise RuntimeError(f"there is no native implementation, because {_LOADED}")
    return _LOADED


def _lanes(number: int) -> int:
    """Return the floats in a vector of an instruction set, 0 if the processor does not have it."""
    return 0 if isinstance(_LOADED, str) else int(_LOADED.dysample_lanes(number))


# Floats in a vector of every instruction set that this processor has, from narrow to wide.
LANES: dict[InstructionSet, int] = {
    name: lanes for number, name in enumerate(SETS) if (lanes := _lanes(number))
}


def why_not() -> str | None:
    """Return why this implementation cannot be used in this process, or None if it can."""
    return WHY_NOT


def why_not_for(x: Float[Tensor, "b c h w"], points: Float[Tensor, "#b g 2 H W"]) -> str | None:
    """Return why this implementation cannot read a map at points, or None if it can."""
    if x.device.type != "cpu":
        return f"it is for the CPU, and the map is on device type {x.device.type!r}"
    if x.dtype == torch.float64 or points.dtype != torch.float32:
        return f"it computes in float32, and was given {x.dtype} to be read at points in {points.dtype}"
    if x.shape[2] * x.shape[3] >= LARGEST_MAP or max(x.shape[2], x.shape[3]) > LONGEST_SIDE:
        return f"it is for maps of fewer than {LARGEST_MAP} pixels and sides of at most {LONGEST_SIDE}"
    return WHY_NOT


def layout(x: Tensor) -> torch.memory_format:
    """Return the layout to compute in: channels last if the map is stored that way and not also planar."""
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def read(
    x: Float[Tensor, "b c h w"],
    points: Float[Tensor, "b g 2 H W"],
    instructions: InstructionSet | None = None,
) -> Float[Tensor, "b c H W"]:
    """Read a map at points.

    Args:
        x: The low-res map; half types are read in float32.
        points: (x, y) in low-res pixels, float32.
        instructions: Instruction set, one of `LANES`; None for the one that suits the number of channels.

    Returns:
        The sampled map, in the dtype and the memory layout of `x`.
    """
    chosen = instructions or suitable(x.shape[1] // points.shape[1])
    form = layout(x)
    source, points = x.float().contiguous(memory_format=form), packed(points)
    shape = (x.shape[0], x.shape[1], *points.shape[3:])
    output = torch.empty(shape, dtype=torch.float32, device="cpu", memory_format=form)
    job = _job(source, points, form, LANES[chosen], workers=1)
    job.stream = _prepare(output)
    scratch = _new(0 if job.last else job.height * job.width * job.step)
    addresses = (source.data_ptr(), points.data_ptr(), scratch.data_ptr(), output.data_ptr())
    library().dysample_forward(job, SETS.index(chosen), threads(output), *addresses)
    return output.to(x.dtype)


def gradients(
    slope: Float[Tensor, "b c H W"],
    x: Float[Tensor, "b c h w"],
    points: Float[Tensor, "b g 2 H W"],
    instructions: InstructionSet | None = None,
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b g 2 H W"]]:
    """Return the gradients of `read` with respect to the map and the points.

    Args:
        slope: Gradient of the output.
        x: The low-res map; its gradient has the same dtype and memory layout.
        points: (x, y) in low-res pixels, float32.
        instructions: Instruction set, one of `LANES`; None for the one that suits the number of channels, at
            most AVX2.
    """
    # AVX2 at most: wider vectors wait longer for the sums that the previous point has just stored.
    chosen = instructions or suitable(x.shape[1] // points.shape[1], SETS[:2])
    form, workers = layout(x), threads(slope)
    source, points = x.float().contiguous(memory_format=form), packed(points)
    slope = slope.float().contiguous(memory_format=form)
    job = _job(source, points, form, LANES[chosen], workers=workers)
    of_x, of_points = torch.empty_like(source), _new(job.parts, *points.shape)
    own = 0 if job.last else (2 * job.height * job.width + BLOCK) * job.step
    scratch = _new(workers * own)
    _prepare(of_x)
    _prepare(scratch)
    inputs = (slope.data_ptr(), source.data_ptr(), points.data_ptr())
    outputs = (scratch.data_ptr(), of_x.data_ptr(), of_points.data_ptr())
    library().dysample_backward(job, SETS.index(chosen), workers, *inputs, *outputs)
    return of_x.to(x.dtype), of_points[0] if job.parts == 1 else of_points.sum(0)


def decide(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "rows inputs 1 1"],
    bias: Float[Tensor, " rows"] | None,
    scope_weight: Float[Tensor, "rows inputs 1 1"] | None,
    scope_bias: Float[Tensor, " rows"] | None,
    initial: Float[Tensor, "1 1 2 H W"],
    factor: float,
    scale: int,
    groups: int,
    instructions: InstructionSet | None = None,
) -> Float[Tensor, "b g 2 H W"]:
    """Predict where to read a map (Eqs. 2-5), in one pass over it; torch takes seven.

    Args:
        x: The low-res map; half types are read in float32.
        weight: Weight of the convolution that predicts offsets. If it has fewer inputs than the map has
            channels, the channels of a pixel are distributed over its sub-positions (PL).
        bias: Bias of that convolution.
        scope_weight: Weight of the convolution that predicts scopes; None for a static scope.
        scope_bias: Bias of that convolution.
        initial: Initial positions of the points.
        factor: Static scope, or the initial value of a dynamic scope.
        scale: Enlargement s.
        groups: Groups of channels.
        instructions: Instruction set, one of `LANES`; None for the one that suits the number of rows.

    Returns:
        (x, y) in low-res pixels, float32.
    """
    chosen = instructions or suitable(weight.shape[0] // 2)
    form = layout(x)
    source = x.float().contiguous(memory_format=form)
    weights = [
        None if tensor is None else tensor.float().contiguous()
        for tensor in (weight, bias, scope_weight, scope_bias)
    ]
    lanes = LANES[chosen]
    batch, channels, height, width = x.shape
    subs, rows = channels // weight.shape[1], weight.shape[0]
    padded, last = -(-rows // (2 * lanes)) * 2 * lanes, form == torch.channels_last
    plan = Plan(batch, channels, groups, height, width, scale, last, subs, rows, padded, factor)
    result = _new(batch, groups, 2, *initial.shape[3:])
    workers = min(threads(result), max(1, batch * height))
    sums = padded if scope_weight is None else 2 * padded
    scratch = _new((1 + weight.shape[1]) * sums + workers * BLOCK * (channels + subs * (sums + rows)))
    arrays = (source, *weights, initial, scratch, result)
    addresses = [None if array is None else array.data_ptr() for array in arrays]
    library().dysample_points(plan, SETS.index(chosen), workers, *addresses)
    return result


def _new(*shape: int) -> Tensor:
    """Allocate memory for the library, whatever the default dtype and device are."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


def _job(x: Tensor, points: Tensor, layout: torch.memory_format, lanes: int, *, workers: int) -> Job:
    """Describe a job. If threads outnumber groups, the channels of a group are split into parts."""
    batch, channels, height, width = x.shape
    groups, rows, columns = points.shape[1], *points.shape[3:]
    grouped = max(1, channels // groups)
    wanted = -(-workers // max(1, batch * groups))
    part = min(grouped, -(-grouped // (wanted * BLOCK)) * BLOCK)
    images, sets, axes = points.stride()[:3]
    step = -(-part // lanes) * lanes
    return Job(
        *(batch, channels, groups, height, width, rows * columns),
        *(images, sets, axes, layout == torch.channels_last, -(-grouped // part), part, 0, step),
    )


def packed(points: Float[Tensor, "b g 2 H W"]) -> Float[Tensor, "b g 2 H W"]:
    """Return points whose last two dimensions are contiguous; the others may have any strides."""
    return points if points.stride()[3:] == (points.shape[4], 1) else points.contiguous()


def suitable(channels: int, among: Sequence[InstructionSet] = SETS) -> InstructionSet:
    """Return the instruction set with the widest vectors that this many channels fill."""
    fitting = SETS[0]
    for name, lanes in LANES.items():
        fitting = name if lanes <= channels and name in among else fitting
    return fitting


def threads(results: Tensor) -> int:
    """Return how many threads pay off for this many results."""
    return max(1, min(torch.get_num_threads(), results.numel() // RESULTS_PER_THREAD))


def _prepare(memory: Tensor) -> int:
    """Request large pages for large new memory; return 1 if it is best written past the caches, else 0."""
    size = memory.numel() * memory.element_size()
    return 0 if size < STREAMED_FROM else library().dysample_prepare(memory.data_ptr(), size)
