"""Writes the table of the shipped files' scores into README.md, from the manifest.

python scripts/readme_scores.py
"""

from collections.abc import Mapping
from pathlib import Path

from dysample.models.manifest import Manifest, WeightsEntry, load_manifest
from dysample.ops.registry import OPERATORS
from dysample.scores.evidence import NOTHING

README = Path(__file__).parent.parent / "README.md"
TASKS = ("street-segmentation", "everyday-segmentation", "indoor-segmentation", "indoor-depth")
HEADER = (
    "upsampler",
    *("street mIoU", "boundary", "everyday mIoU", "boundary", "indoor mIoU", "boundary"),
    *("depth δ1 ↑", "AbsRel ↓", "RMS (m) ↓"),
)


def score_table(manifest: Manifest) -> str:
    """One row for every operator that has weights, in Markdown; a dash where a task has none."""
    heads = {task: {entry.upsampler: entry for entry in manifest.heads(task)} for task in TASKS}
    rows = [HEADER, ("---",) * len(HEADER)]
    for name, operator in OPERATORS.items():
        if any(name in heads[task] for task in TASKS):
            cells = [cell for task in TASKS for cell in _cells_of(heads[task], name)]
            rows.append((operator.label, *cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells_of(heads: Mapping[str, WeightsEntry], upsampler: str) -> tuple[str, ...]:
    if upsampler in heads:
        return _cells(heads[upsampler])
    others = next(iter(heads.values()))
    return (NOTHING,) * len(_cells(others))


def _cells(entry: WeightsEntry) -> tuple[str, ...]:
    shares = [100 * score for score in (entry.miou, entry.boundary_miou) if score is not None]
    depths = [score for score in (entry.delta1, entry.abs_rel, entry.rms) if score is not None]
    return (*(f"{score:.2f}" for score in shares), *(f"{score:.3f}" for score in depths))


def with_table(text: str, table: str) -> str:
    """The README's text with the table in the place of the one before."""
    begin = text.index(f"| {HEADER[0]} | {HEADER[1]} ")
    return text[:begin] + table + text[text.index("\n\n", begin) :]


if __name__ == "__main__":
    found = README.read_text(encoding="utf-8")
    README.write_text(with_table(found, score_table(load_manifest())), encoding="utf-8")
