"""Frozen settings of the pages: they key the caches, and downloads record them."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from dysample.explain.learn import LearnSettings
from dysample.explain.learn_tasks import Task
from dysample.measure.case import BenchRequest, DTypeName, Layout, MapSize

Show = Literal["answers", "changes", "errors"]
Background = Literal["norm", "components", "photo", "channel"]
ArrowColour = Literal["length", "direction"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Source:
    """Where a picture comes from: the gallery or an uploaded file.

    Attributes:
        name: Key in the gallery, or name of the file.
        data: Bytes of the file; None for the gallery.
        digest: SHA-256 of the bytes, which stands for them in keys of the cache; empty for the gallery.
    """

    name: str
    data: bytes | None = field(default=None, repr=False, compare=False)
    digest: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Digest the bytes."""
        if self.data is not None:
            object.__setattr__(self, "digest", hashlib.sha256(self.data).hexdigest())


@dataclass(frozen=True, slots=True)
class CompareSettings:
    """The settings that decide the numbers of a comparison.

    Attributes:
        task: Name of a task in the manifest.
        upsamplers: Names in `OPERATORS`, in the table's order.
        longer_side: Reduce a larger picture to this many pixels along its longer side; 0 keeps its size.
        threshold: Least score of the objects that are shown; None for tasks without objects.
    """

    task: str
    upsamplers: tuple[str, ...]
    longer_side: int
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """One trained network and the picture it is run on: the subject of the explorer pages.

    Attributes:
        source: The picture.
        task: Name of a task in the manifest.
        upsampler: Name in `OPERATORS` that has weights for the task.
        longer_side: Reduce a larger picture to this many pixels along its longer side; 0 keeps its size.
    """

    source: Source
    task: str
    upsampler: str
    longer_side: int


@dataclass(frozen=True, slots=True)
class LearnChoice:
    """The settings of a run on the page "Watch it learn".

    Attributes:
        source: The photograph; None for the synthetic picture of rings.
        side: Largest side, in pixels, of the square cut out of it.
        task: What to learn.
        scale: Upsampling factor.
        settings: Options of DySample.
        seed: Seed of the initial weights.
        steps: Total number of updates.
    """

    source: Source | None
    side: int
    task: Task
    scale: int
    settings: LearnSettings
    seed: int
    steps: int


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model to swap upsamplers in, and the size of the picture to run it on.

    Attributes:
        name: For example ``"smp:Unet:resnet18"`` or ``"package.module:function"``.
        height: Rows of the picture.
        width: Columns of the picture.
    """

    name: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class SwapChoice:
    """The operators to put at the upsampling sites of a model.

    Attributes:
        to: Name of the operator for the sites that are swapped by default.
        exceptions: Pairs of a site's name and the operator it gets instead; empty to leave the site alone.
    """

    to: str
    exceptions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CostChoice:
    """The measurements that a visitor asks for.

    Attributes:
        sizes: Sizes of the maps; all figures but the one about sizes show the first.
        upsamplers: Names in `OPERATORS`, in the table's order.
        layout: Memory layout of the maps.
        backward: Whether to time forward and backward together, too.
        memory: Whether to measure memory, too.
        device: Name of the device to measure, "cpu" or a CUDA device.
        dtypes: Data types of maps and weights.
    """

    sizes: tuple[MapSize, ...]
    upsamplers: tuple[str, ...]
    layout: Layout
    backward: bool
    memory: bool
    device: str = "cpu"
    dtypes: tuple[DTypeName, ...] = ("float32",)

    @property
    def asked(self) -> BenchRequest:
        """The same choice in the terms of the benchmark."""
        return BenchRequest(
            operators=self.upsamplers,
            sizes=self.sizes,
            layouts=(self.layout,),
            dtypes=self.dtypes,
            device=self.device,
        )
