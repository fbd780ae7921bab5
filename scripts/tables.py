"""Write the generated tables of the documents: pages into README.md, scores into docs/results.md.

python -m scripts.tables
"""

from pathlib import Path

from app.pages import PAGES
from dysample.models.manifest import Manifest, WeightsEntry, load_manifest
from dysample.models.tasks import Task
from dysample.ops.registry import OPERATORS
from dysample.scores.scorers import SCORERS
from dysample.scores.specs import ScoreSpec, score_spec

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results.md"
FIRST = "| upsampler |"  # what the table of scores begins with
ARROWS = {"higher": "↑", "lower": "↓"}


def score_table(manifest: Manifest) -> str:
    """Return the scores as a Markdown table: a row for every trained operator, columns by the tasks."""
    columns = [(task, score_spec(name)) for task in manifest.tasks for name in SCORERS[task.kind].shown]
    heads = {(entry.task, entry.upsampler): entry for entry in manifest.weights}
    rows = [["upsampler", *(_title(task, spec) for task, spec in columns)], ["---"] * (1 + len(columns))]
    trained = {upsampler for _, upsampler in heads}
    for name, operator in OPERATORS.items():
        if name not in trained:
            continue
        cells = [_cell(heads.get((task.name, name)), spec) for task, spec in columns]
        rows.append([operator.label, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _title(task: Task, spec: ScoreSpec) -> str:
    """Of a column; the task is named above the first of its scores."""
    unit = f" ({spec.unit})" if spec.unit else ""
    title = f"{spec.label}{unit} {ARROWS[spec.better]}"
    return f"{task.title}: {title}" if spec.name == SCORERS[task.kind].shown[0] else title


def _cell(entry: WeightsEntry | None, spec: ScoreSpec) -> str:
    value = None if entry is None else getattr(entry, spec.name)
    return "–" if value is None else spec.printed(value)


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
    begin = text.index(FIRST)
    return text[:begin] + table + text[text.index("\n\n", begin) :]


def main() -> None:
    """Rewrite the tables in both files."""
    README.write_text(with_pages(README.read_text(encoding="utf-8"), page_table()), encoding="utf-8")
    scores = score_table(load_manifest())
    RESULTS.write_text(with_scores(RESULTS.read_text(encoding="utf-8"), scores), encoding="utf-8")


if __name__ == "__main__":
    main()
