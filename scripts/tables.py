"""Write the generated tables of the documents: pages into README.md, scores into docs/results.md.

python -m scripts.tables
"""

from collections.abc import Sequence
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
ARROWS = {"higher": "↑", "lower": "↓"}


def score_tables(manifest: Manifest) -> str:
    """Return the scores as Markdown tables, one for tasks of pixels and one for tasks of objects."""
    groups = ([task for task in manifest.tasks if bool(task.things) is things] for things in (False, True))
    return "\n\n".join(_score_table(manifest, group) for group in groups if group)


def _score_table(manifest: Manifest, tasks: Sequence[Task]) -> str:
    """Return a row for every trained operator, with columns by the tasks."""
    columns = [(task, score_spec(name)) for task in tasks for name in SCORERS[task.kind].shown]
    heads = {(entry.task, entry.upsampler): entry for entry in manifest.weights}
    rows = [["upsampler", *(_title(task, spec) for task, spec in columns)], ["---"] * (1 + len(columns))]
    trained = {upsampler for task, upsampler in heads if task in [row.name for row in tasks]}
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


def between_marks(text: str, name: str, table: str) -> str:
    """Return a document with a table between the two marks that bear a name."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    return f"{text[: text.index(begin)]}{begin}\n{table}\n{text[text.index(end) :]}"


def main() -> None:
    """Rewrite the tables in both files."""
    for path, name, table in (
        (README, "pages", page_table()),
        (RESULTS, "scores", f"{score_tables(load_manifest())}\n"),
    ):
        path.write_text(between_marks(path.read_text(encoding="utf-8"), name, table), encoding="utf-8")


if __name__ == "__main__":
    main()
