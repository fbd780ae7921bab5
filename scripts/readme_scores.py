"""Write the table of the shipped weights' scores into README.md, from the manifest.

python scripts/readme_scores.py
"""

from pathlib import Path

from dysample.models.manifest import Manifest, WeightsEntry, load_manifest
from dysample.ops.registry import OPERATORS

README = Path(__file__).parent.parent / "README.md"
TASKS = ("street-segmentation", "everyday-segmentation", "indoor-segmentation", "indoor-depth")
HEADER = (
    "upsampler",
    *("street mIoU", "boundary", "everyday mIoU", "boundary", "indoor mIoU", "boundary"),
    *("depth δ1 ↑", "AbsRel ↓", "RMS (m) ↓"),
)


def score_table(manifest: Manifest) -> str:
    """Return the scores as a Markdown table, one row for every operator."""
    heads = {task: {entry.upsampler: entry for entry in manifest.heads(task)} for task in TASKS}
    rows = [HEADER, ("---",) * len(HEADER)]
    for name, operator in OPERATORS.items():
        cells = [cell for task in TASKS for cell in _cells(heads[task][name])]
        rows.append((operator.label, *cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(entry: WeightsEntry) -> tuple[str, ...]:
    shares = [100 * score for score in (entry.miou, entry.boundary_miou) if score is not None]
    depths = [score for score in (entry.delta1, entry.abs_rel, entry.rms) if score is not None]
    return (*(f"{score:.2f}" for score in shares), *(f"{score:.3f}" for score in depths))


def with_table(text: str, table: str) -> str:
    """Return the README's text with its table replaced."""
    begin = text.index(f"| {HEADER[0]} | {HEADER[1]} ")
    return text[:begin] + table + text[text.index("\n\n", begin) :]


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(with_table(text, score_table(load_manifest())), encoding="utf-8")
