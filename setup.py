"""The optional C library; everything else about the package is in pyproject.toml."""

import sys

from setuptools import Extension, setup

# Optional: where there is no compiler, the package installs without it and reads with PyTorch alone.
# GOMP's functions stay undefined: they are found in the copy of OpenMP that torch has loaded.
NATIVE = Extension(
    "dysample.kernels._native",
    sources=["dysample/kernels/native.c"],
    depends=["dysample/kernels/native_lanes.h", "dysample/kernels/native_points.h"],
    extra_compile_args=[
        "-std=gnu11",
        "-O3",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-ffp-contract=fast",
        "-fopenmp",
        "-Wno-psabi",
    ],
    optional=True,
)

setup(ext_modules=[NATIVE] if sys.platform == "linux" else [])
