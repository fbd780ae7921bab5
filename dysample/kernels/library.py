"""The compiled C library: finding it, and calling it with torch's own threads."""

import ctypes
import importlib.machinery
import sys
from pathlib import Path
from typing import Literal, get_args

import torch

InstructionSet = Literal["baseline", "avx2", "avx512"]  # numbered as in native.c
SETS: tuple[InstructionSet, ...] = get_args(InstructionSet)
BLOCK = 16  # as in native.c


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
    """The library that was compiled for this Python, if there is one in a folder."""
    names = [f"_native{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES]
    return next((folder / name for name in names if (folder / name).exists()), None)


def load(path: Path | None) -> ctypes.CDLL | str:
    """The library, or why there is none, to follow "because"."""
    if path is None and sys.platform != "linux":
        return f"it is compiled on Linux alone, and this is {sys.platform}"
    if path is None:
        return "it was not compiled when the package was installed, which takes a C compiler"
    try:
        _share_openmp()
        return _declared(ctypes.CDLL(str(path)))
    except (OSError, AttributeError) as error:
        return f"the compiled library cannot be loaded: {error}"


def _share_openmp() -> None:
    """Make torch's own threads known to the library: a second pool would fight the first for the cores."""
    beside = Path(torch.__file__).parent
    bundled = sorted([*beside.glob("lib/libgomp*.so*"), *beside.parent.glob("torch.libs/libgomp*.so*")])
    ctypes.CDLL(str(bundled[0]) if bundled else "libgomp.so.1", ctypes.RTLD_GLOBAL)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
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
# Texts and not the library itself are asked for, so that torch can trace the question.
WHY_NOT: str | None = _LOADED if isinstance(_LOADED, str) else None


def library() -> ctypes.CDLL:
    """The loaded library.

    Raises:
        RuntimeError: There is none; the message says why.
    """
    if isinstance(_LOADED, str):
        raise RuntimeError(f"there is no native implementation, because {_LOADED}")
    return _LOADED


def _lanes(number: int) -> int:
    return 0 if isinstance(_LOADED, str) else int(_LOADED.dysample_lanes(number))


# Floats in a vector of every instruction set that this processor has, from narrow to wide.
LANES: dict[InstructionSet, int] = {
    name: lanes for number, name in enumerate(SETS) if (lanes := _lanes(number))
}
