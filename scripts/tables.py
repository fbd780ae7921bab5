"""Write the generated tables of the documents: pages into README.md, scores into docs/results.md.

python -m scripts.tables
"""

from pathlib import Path

from app.pages import PAGES
from dysample.models.manifest import Manifest, WeightsEntry, load_manifest
from dysample.ops.registry import OPERATORS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results.md"
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


def page_table() -> str:
    """Return one row for every page of the app, in Markdown."""
    rows = [("page", "group", "what it shows"), ("---",) * 3]
    rows += [(page.title, page.group, page.purpose) for page in PAGES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_pages(text: str, table: str) -> str:
    """Return the README with the table of pages between its two marks."""
    begin, end = (text.index(mark) for mark in ("<!-- pages -->", "<!-- /pages -->"))
    return f"{text[:begin]}<!-- pages -->\n{table}\n{text[end:]}"


def with_scores(text: str, table: str) -> str:
    """Return the results with a new table of scores in the place of the old one."""
    begin = text.index(f"| {HEADER[0]} | {HEADER[1]} ")
    return text[:begin] + table + text[text.index("\n\n", begin) :]


def main() -> None:
    """Rewrite the tables in both files."""
    README.write_text(with_pages(README.read_text(encoding="utf-8"), page_table()), encoding="utf-8")
    scores = score_table(load_manifest())
    RESULTS.write_text(with_scores(RESULTS.read_text(encoding="utf-8"), scores), encoding="utf-8")


if __name__ == "__main__":
    main()
