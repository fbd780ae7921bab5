"""The frozen settings of a comparison: what caches are keyed by and downloads write down."""

from dataclasses import dataclass
from typing import Literal

from dysample.explain.learn import LearnSettings
from dysample.explain.learn_tasks import Task
from dysample.measure.case import Asked, Layout, MapSize

Show = Literal["answers", "changes", "errors"]
Mode = Literal["panes", "slider"]
Background = Literal["norm", "components", "photo", "channel"]
ArrowColour = Literal["length", "direction"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a picture comes from: the gallery's key, or an uploaded file.

    Attributes:
        name: Key in the gallery, or the file's name.
        data: The file's bytes; None for the gallery.
    """

    name: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class CompareSettings:
    """What decides the numbers of a comparison.

    Attributes:
        task: Name of a task in the manifest.
        upsamplers: Names in `OPERATORS`, in the table's order.
        longer_side: The picture is reduced to this many pixels if it is larger; 0 keeps its size.
    """

    task: str
    upsamplers: tuple[str, ...]
    longer_side: int


@dataclass(frozen=True, slots=True)
class Subject:
    """One trained network and the picture it looks at: what the explorer pages look into.

    Attributes:
        source: The picture.
        task: Name of a task in the manifest.
        upsampler: Name in `OPERATORS` that has weights for the task.
        longer_side: The picture is reduced to this many pixels if it is larger; 0 keeps its size.
    """

    source: Source
    task: str
    upsampler: str
    longer_side: int


@dataclass(frozen=True, slots=True)
class LearnChoice:
    """What decides a run of the page that learns.

    Attributes:
        source: The photograph; None for the made picture of rings.
        side: Pixels along the side of the square that is cut out of it, at most.
        task: What is to be learnt.
        scale: Enlargement.
        settings: The options of DySample.
        seed: Of the weights at the start.
        steps: Updates in all.
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
    """A model that upsamplers are swapped in, and the picture that it is run with.

    Attributes:
        name: Such as ``"smp:Unet:resnet18"`` or ``"package.module:function"``.
        height: Rows of the picture.
        width: Columns of the picture.
    """

    name: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class SwapChoice:
    """What goes to the sites of a model.

    Attributes:
        to: Name of the operator at the sites that are swapped unasked.
        exceptions: Names of sites with the operator that they get in its place; empty to leave one alone.
    """

    to: str
    exceptions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CostChoice:
    """What a visitor wants to have measured.

    Attributes:
        sizes: Of maps; the first is the one that all figures but that of sizes are about.
        upsamplers: Names in `OPERATORS`, in the table's order.
        layout: Of maps in memory.
        backward: Whether forward and backward together are timed, too.
        memory: Whether memory is measured, too.
    """

    sizes: tuple[MapSize, ...]
    upsamplers: tuple[str, ...]
    layout: Layout
    backward: bool
    memory: bool

    @property
    def asked(self) -> Asked:
        """The same in the words of the benchmark."""
        return Asked(operators=self.upsamplers, sizes=self.sizes, layouts=(self.layout,))
