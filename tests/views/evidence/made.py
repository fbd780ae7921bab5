"""A folder of made-up evidence for the Evidence page: segmentation, depth, ablations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from app.views.evidence.gains import Gain
from dysample.models.annotations import Annotation, Labels, Objects, boxes_of
from dysample.models.merging import merge
from dysample.models.tasks import Kind, Task
from dysample.ops.registry import OPERATORS
from dysample.scores.depth import METRICS
from dysample.scores.evidence import Evidence, RunResult, Trained, evidence_row, write_evidence
from dysample.scores.paired import ratios_of_means
from dysample.scores.scorers import SCORERS
from tests.scores.evidence import CLASSES, HEADLINE, made_run

STREET, INDOOR, DEPTH = "street-segmentation", "indoor-segmentation", "indoor-depth"
OBJECT_CLASSES = ("ground", "cat", "dog")
# What each adds to bilinear's IoU of 0.3; the order contradicts the paper here and there.
QUALITIES: Mapping[str, float] = {
    name: 0.3 + gain
    for name, gain in {
        **{"nearest": -0.02, "bilinear": 0.0, "deconv": -0.015, "pixelshuffle": 0.012, "carafe": 0.011},
        **{"indexnet": 0.0002, "a2u": -0.004, "fade": 0.014, "sapa": 0.006},
        **{"dysample": 0.016, "dysample+": 0.018, "dysample-s": 0.012, "dysample-s+": 0.013},
    }.items()
}


def gain(name: str, value: float, low: float, high: float) -> Gain:
    """A difference to bilinear with its interval, of two seeds."""
    return Gain(name, OPERATORS[name].label, OPERATORS[name].family, 30 + value, 0.1, value, low, high, 2)


def segmentation(task: str, seeds: Sequence[int], *, names: Mapping[str, float] = QUALITIES) -> Evidence:
    """Heads with some seeds, and three upsamplers trained end to end with one."""
    heads = {name: [made_run(seed, quality) for seed in seeds] for name, quality in names.items()}
    whole = {name: [made_run(0, names[name])] for name in list(names)[:3]}
    ways: tuple[tuple[Trained, dict[str, list[RunResult]]], ...] = (("heads", heads), ("end-to-end", whole))
    reference = "bilinear" if "bilinear" in names else next(iter(names))
    rows = tuple(
        evidence_row(
            name, runs, () if name == reference else of[reference], trained=trained, headline=HEADLINE
        )
        for trained, of in ways
        for name, runs in of.items()
    )
    return Evidence(
        task,
        "Street scenes",
        "segmentation",
        "camvid",
        "test",
        30,
        "00ff",
        CLASSES,
        HEADLINE,
        reference,
        rows,
    )


def depth() -> Evidence:
    """One seed of four upsamplers; the third has lower errors, as in the paper."""
    rng = np.random.default_rng(3)
    base = rng.uniform(0.1, 0.5, (40, len(METRICS)))
    runs = {
        name: [RunResult(0, tuple(ratios_of_means(each) for each in (base * factor).T), "train", "cpu", 2.0)]
        for name, factor in (("bilinear", 1.0), ("nearest", 1.05), ("dysample+", 0.95), ("carafe", 1.0))
    }
    rows = tuple(
        evidence_row(
            name, of, () if name == "bilinear" else runs["bilinear"], trained="heads", headline=METRICS
        )
        for name, of in runs.items()
    )
    return Evidence(
        DEPTH, "Indoor depth", "depth", "nyuv2", "test", 40, "00ff", (), METRICS, "bilinear", rows
    )


def objects(kind: Kind) -> Evidence:
    """Two seeds of three upsamplers, the last of which places its objects best; boxes, masks or segments."""
    runs = {
        name: [_object_run(kind, seed, shift) for seed in (0, 1)]
        for name, shift in (("nearest", 4.0), ("bilinear", 3.5), ("dysample+", 1.0))
    }
    headline = SCORERS[kind].headline
    rows = tuple(
        evidence_row(
            name, of, () if name == "nearest" else runs["nearest"], trained="heads", headline=headline
        )
        for name, of in runs.items()
    )
    classes = OBJECT_CLASSES
    return Evidence(
        "made-objects", "Objects", kind, "made", "test", 12, "00ff", classes, headline, "nearest", rows
    )


def _object_run(kind: Kind, seed: int, shift: float) -> RunResult:
    """A run on twelve pictures of three squares each, which are found a few pixels off."""
    task = Task(
        name="made-objects",
        kind=kind,
        title="Objects",
        classes=OBJECT_CLASSES,
        scored=OBJECT_CLASSES,
        encoder="none",
        mean=(0.5, 0.5, 0.5),
        deviation=(0.5, 0.5, 0.5),
        context=0,
        widths=(),
        dataset="made",
        licence="made for tests",
        limits="",
        working_side=100,
        things=OBJECT_CLASSES[1:],
    )
    places, noise = np.random.default_rng(0), np.random.default_rng(seed + 1)
    scorer = SCORERS[kind].scorer(task)
    for _ in range(12):
        corners = places.integers([[4, 4], [40, 4], [4, 40]], [[10, 10], [44, 10], [10, 44]])
        found = np.round(corners + noise.normal(0, shift, (3, 2))).clip(0, 70).astype(int)
        scorer.update(_squares(kind, found, noise.uniform(0.6, 0.9, 3)), _squares(kind, corners, np.ones(3)))
    return RunResult(seed, scorer.statistics(), "train", "cpu", 2.0)


def _squares(kind: Kind, corners: np.ndarray, scores: np.ndarray) -> Annotation:
    masks = np.zeros((len(corners), 100, 100), bool)
    for mask, (x, y) in zip(masks, corners, strict=True):
        mask[y : y + 24, x : x + 24] = True
    order = np.argsort(-scores, kind="stable")
    squares = Objects(
        100,
        100,
        boxes=boxes_of(masks[order]),
        classes=np.array([1, 2, 1], np.uint8)[order],
        scores=scores[order].astype(np.float32),
        masks=masks[order],
        crowd=np.zeros(len(corners), bool),
    )
    if SCORERS[kind].paper == "table8":
        return merge(squares, Labels(np.zeros((100, 100), np.uint8)), stuff_area=1)
    return squares


def write_folder(folder: Path) -> Path:
    """Write all of it; nothing of indoor segmentation."""
    write_evidence(folder / STREET / "evidence.json", segmentation(STREET, (0, 1, 2)))
    write_evidence(folder / DEPTH / "evidence.json", depth())
    scopes = {
        "dysample@groups=1,scope=0.1": 0.3,
        "dysample@groups=1": 0.304,
        "dysample@groups=1,scope=0.5": 0.298,
    }
    write_evidence(folder / STREET / "evidence-table2.json", segmentation(STREET, (0, 1), names=scopes))
    groups = {"dysample@groups=1": 0.3, "dysample": 0.31, "dysample@groups=16": 0.312, "dysample-s": 0.311}
    write_evidence(folder / STREET / "evidence-figure5.json", segmentation(STREET, (0, 1), names=groups))
    return folder
