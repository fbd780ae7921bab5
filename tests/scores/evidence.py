"""Runs and evidence made up for tests: three upsamplers, four classes, thirty pictures."""

import numpy as np

from dysample.scores.evidence import Evidence, RunResult, evidence_row
from dysample.scores.paired import PictureRatios

HEADLINE = ("miou", "boundary_miou")
CLASSES = ("wall", "floor", "lamp", "never seen")


def counts(seed: int, quality: float) -> PictureRatios:
    """Counts of thirty pictures, none of which has the last class."""
    rng = np.random.default_rng(seed)
    wholes = rng.integers(100, 900, (30, 4)).astype(np.int32)
    wholes[:, 3] = 0
    return PictureRatios((wholes * quality).astype(np.int32), wholes, scored=(0, 1, 2))


def made_run(seed: int, quality: float) -> RunResult:
    """A run whose IoU is about `quality`, and its boundary IoU half of it."""
    return RunResult(
        seed=seed,
        statistics=(counts(seed, quality + seed / 100), counts(seed, (quality + seed / 100) / 2)),
        command=f"python -m dysample train indoor-segmentation --seed {seed}",
        device="one of two cores",
        minutes=1.5,
    )


def made_evidence() -> Evidence:
    """Two seeds of heads, and one upsampler trained end to end with a single seed."""
    bilinear = [made_run(0, 0.3), made_run(1, 0.3)]
    better = [made_run(1, 0.4), made_run(0, 0.4)]
    rows = (
        evidence_row("bilinear", bilinear, (), trained="heads", headline=HEADLINE),
        evidence_row("dysample@groups=8", better, bilinear, trained="heads", headline=HEADLINE),
        evidence_row("dysample+", [made_run(5, 0.5)], bilinear, trained="end-to-end", headline=HEADLINE),
    )
    return Evidence(
        task="indoor-segmentation",
        title="Indoor segmentation",
        kind="segmentation",
        dataset="nyuv2",
        split="test",
        pictures=30,
        data_sha256="00ff",
        classes=CLASSES,
        headline=HEADLINE,
        reference="bilinear",
        rows=rows,
    )
