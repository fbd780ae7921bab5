"""What an operator decided, as frozen results: offsets, scope, overlap, footprints.

`disorder`, `footprint`, `one_point` and `overlap` are functions here, although the modules that define them
are called the same: ``from dysample.explain.footprint import Move`` reads a module of that name, while
``import dysample.explain.footprint as module`` would give the function.
"""

from dysample.explain.anatomy import Anatomy, AnatomyStage, Tap, Trace, dissect, stages, trace
from dysample.explain.disorder import Disorder, compare_squashes, disorder
from dysample.explain.features import feature_channel, feature_components, feature_norm
from dysample.explain.footprint import (
    Footprint,
    Move,
    Reading,
    decision,
    footprint,
    footprint_of,
    reading,
)
from dysample.explain.learn import LearnSettings, Snapshot, TinyUpsampler, train_steps
from dysample.explain.learn_tasks import HeldOutScore, Problem, mask_problem, picture_problem
from dysample.explain.offsets import Arrows, CellWindow, OffsetField, PairCounts, arrows, offset_field
from dysample.explain.one_point import OnePoint, liveliest_cell, most_changed_channel, one_point
from dysample.explain.overlap import Coverage, Overlap, Reaches, cell_reaches, marginal_scope, overlap
from dysample.explain.scope import (
    Disturbance,
    ScopeMap,
    ScopeStatistics,
    ScopeSummary,
    scope_map,
    scope_statistics,
)
from dysample.explain.statistics import (
    Histogram,
    OffsetRow,
    OffsetStatistics,
    PointStatistics,
    offset_statistics,
    offset_table,
)

__all__ = [
    "Anatomy",
    "AnatomyStage",
    "Arrows",
    "CellWindow",
    "Coverage",
    "Disorder",
    "Disturbance",
    "Footprint",
    "HeldOutScore",
    "Histogram",
    "LearnSettings",
    "Move",
    "OffsetField",
    "OffsetRow",
    "OffsetStatistics",
    "OnePoint",
    "Overlap",
    "PairCounts",
    "PointStatistics",
    "Problem",
    "Reaches",
    "Reading",
    "ScopeMap",
    "ScopeStatistics",
    "ScopeSummary",
    "Snapshot",
    "Tap",
    "TinyUpsampler",
    "Trace",
    "arrows",
    "cell_reaches",
    "compare_squashes",
    "decision",
    "disorder",
    "dissect",
    "feature_channel",
    "feature_components",
    "feature_norm",
    "footprint",
    "footprint_of",
    "liveliest_cell",
    "marginal_scope",
    "mask_problem",
    "most_changed_channel",
    "offset_field",
    "offset_statistics",
    "offset_table",
    "one_point",
    "overlap",
    "picture_problem",
    "reading",
    "scope_map",
    "scope_statistics",
    "stages",
    "trace",
    "train_steps",
]
