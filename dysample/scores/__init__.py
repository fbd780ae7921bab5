"""Metrics, their statistics, and the paper's numbers."""

from dysample.scores.depth import (
    DepthDifference,
    DepthScore,
    DepthScorer,
    depth_difference,
    depth_metrics,
    eigen_crop,
    error_map,
)
from dysample.scores.evidence import (
    Evidence,
    EvidenceError,
    EvidenceRow,
    HeadlineValue,
    evidence_table,
    read_evidence,
    write_evidence,
)
from dysample.scores.paired import (
    PairedDifference,
    PictureRatios,
    SeedSpread,
    paired_difference,
    ratios_of_means,
    spread,
)
from dysample.scores.paper import Figure, KnownDifference, PaperTable, known_difference, paper_table
from dysample.scores.scorers import SCORERS
from dysample.scores.segmentation import (
    BoundaryOverlap,
    ConfusionMatrix,
    Difference,
    SegmentationScore,
    SegmentationScorer,
    band_width,
    boundary_band,
    difference,
)
from dysample.scores.specs import SCORES, ScoreSpec, score_spec

__all__ = [
    "SCORERS",
    "SCORES",
    "BoundaryOverlap",
    "ConfusionMatrix",
    "DepthDifference",
    "DepthScore",
    "DepthScorer",
    "Difference",
    "Evidence",
    "EvidenceError",
    "EvidenceRow",
    "Figure",
    "HeadlineValue",
    "KnownDifference",
    "PairedDifference",
    "PaperTable",
    "PictureRatios",
    "ScoreSpec",
    "SeedSpread",
    "SegmentationScore",
    "SegmentationScorer",
    "band_width",
    "boundary_band",
    "depth_difference",
    "depth_metrics",
    "difference",
    "eigen_crop",
    "error_map",
    "evidence_table",
    "known_difference",
    "paired_difference",
    "paper_table",
    "ratios_of_means",
    "read_evidence",
    "score_spec",
    "spread",
    "write_evidence",
]
