"""A folder of made-up evidence for the Evidence page: segmentation, depth, ablations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from app.views.evidence.gains import Gain
from dysample.ops.registry import OPERATORS
from dysample.scores.depth import METRICS
from dysample.scores.evidence import Evidence, RunResult, Trained, evidence_row, write_evidence
from dysample.scores.paired import ratios_of_means
from tests.scores.evidence import CLASSES, HEADLINE, made_run

STREET, INDOOR, DEPTH = "street-segmentation", "indoor-segmentation", "indoor-depth"
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
