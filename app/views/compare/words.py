"""Sentences of the Compare page: what is seen, what the test pictures say, and what memory has made of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.records import Comparison, Sides, within_sentence
from dysample.ops.registry import operator_spec
from dysample.scores.evidence import Evidence, difference_to_reference, signed
from dysample.scores.paired import LEVEL, PairedDifference
from dysample.scores.specs import ScoreSpec, score_spec


def seen(pair: Sides, differs: str) -> str:
    """Return what is seen of two upsamplers on the picture, in Markdown.

    Args:
        pair: The two.
        differs: How much their outputs differ, in words.
    """
    left, right = within_sentence(pair.left), pair.right
    if pair.left == pair.right:
        return f"Both sides show {left}."
    if pair.before is None or pair.after is None:
        return f"**{right} differs from {left} {differs}**; right or wrong cannot be told without labels."
    spec, gain = pair.score, pair.after - pair.before
    if not pair.after and not pair.before:
        return f"On this picture **neither gets anything right: {spec.label} 0**; they differ {differs}."
    shown = _signed(spec, gain)
    score = f"{spec.label} {_short(spec, pair.after)}{f' {spec.unit}' if spec.unit else ''} ({shown})"
    return f"On this picture **{right} is {_verdict(spec, gain)} {left}: {score}**; they differ {differs}."


def _verdict(spec: ScoreSpec, gain: float) -> str:
    """Return a comparison of two scores by what is printed of them."""
    printed = float(_signed(spec, gain).replace("−", "-"))
    if not printed:
        return "as good as"
    return "better than" if (printed > 0) == (spec.better == "higher") else "worse than"


def _digits(spec: ScoreSpec) -> int:
    """Return the decimals of a score on one picture, where hundredths of a per cent are noise."""
    return spec.digits - 1 if spec.factor == 100 else spec.digits


def _short(spec: ScoreSpec, value: float) -> str:
    return f"{spec.factor * value:.{_digits(spec)}f}"


def _signed(spec: ScoreSpec, value: float) -> str:
    text = f"{spec.factor * value:+.{_digits(spec)}f}"
    return (text if float(text) else text.lstrip("+-")).replace("-", "−")


def proof(evidence: Evidence | None, labels: Mapping[str, str]) -> str:
    """Return what the task's test pictures say of upsamplers, in Markdown.

    Args:
        evidence: The evidence on the task; None where there is none.
        labels: Display names of the upsamplers by their names.
    """
    if evidence is None:
        return "One picture proves nothing, and nothing has been measured on test pictures yet."
    spec, reference = score_spec(evidence.headline[0]), operator_spec(evidence.reference).label
    gaps = {labels[name]: difference_to_reference(evidence, name, spec.name) for name in labels}
    known = {label: gap for label, gap in gaps.items() if gap is not None}
    if not known:
        return f"One picture proves nothing: Evidence has the scores on {evidence.pictures} test pictures."
    gains = [
        f"{label} is {_place(gap, spec)} {within_sentence(reference)}, **{_printed(gap, spec)}**"
        for label, gap in known.items()
    ]
    interval = f"{100 * LEVEL:.0f} % interval"
    if any(len(gap.seeds) == 1 for gap in known.values()):
        interval += ", of one training each"
    pictures, words = f"on {evidence.pictures} test pictures", " and ".join(gains)
    return f"One picture proves nothing: {pictures} {words} ({interval})."


def _place(gap: PairedDifference, spec: ScoreSpec) -> str:
    """Return where an interval places an upsampler: it has to leave zero out."""
    if gap.low <= 0 <= gap.high:
        return "level with"
    return "better than" if (gap.value > 0) == (spec.better == "higher") else "worse than"


def _printed(gap: PairedDifference, spec: ScoreSpec) -> str:
    return f"{signed(gap.value, spec)} {spec.label} [{signed(gap.low, spec)}, {signed(gap.high, spec)}]"


def nothing(empty: str, task: str) -> str:
    """Return that the networks of a task find next to nothing on the picture, in Markdown."""
    return f"The networks of **{task}** see next to nothing that they know here: {empty}."


ALIKE = "All upsamplers give the same answer here: there is no difference to see."


def unsuited(task: str) -> str:
    """Return that a task does not suit the picture, in Markdown."""
    return f"The networks of **{task}** have not learned from pictures like this one."


def offer(task: str, found: int | None, noun: str) -> str:
    """Return the label of a button that changes the task.

    Args:
        task: Title of the task.
        found: Number of classes or objects that its network finds; None where that was not asked.
        noun: What one of them is called.
    """
    if found is None:
        return f"Try {task}"
    return f"Try {task} ({found} {noun}{'' if found == 1 else 'es' if noun.endswith('s') else 's'} found)"


def ways(comparison: Comparison[Any]) -> str:
    """Return sentences on networks that were run in tiles, or not on the usual device; empty for none."""
    rows = comparison.compared
    tiled = {row.label: row.answer.way.tiles for row in rows if row.answer.way.tiles > 1}
    moved = [row.label for row in rows if row.answer.way.on_cpu]
    sentences: list[str] = []
    if tiled:
        counts = sorted(set(tiled.values()))
        sentences.append(
            f"{_named(list(tiled), len(rows))} computed in {_either(counts)} overlapping tiles, because one "
            "pass needs more memory than is free: answers can differ slightly from those of one pass."
        )
    if moved:
        sentences.append(
            f"{_named(moved, len(rows))} computed on the CPU, because the memory of the GPU does not suffice."
        )
    return " ".join(sentences)


def _named(labels: Sequence[str], everything: int) -> str:
    if len(labels) == everything:
        return "The picture was"
    return f"The picture with {', '.join(labels)} was"


def _either(counts: Sequence[int]) -> str:
    return " or ".join(map(str, counts))


def shown(comparison: Comparison[Any], size: tuple[int, int]) -> str:
    """Return a sentence on pictures of which the browser shows fewer rows and columns; empty if of none."""
    height, width = comparison.picture.image.shape[:2]
    if size == (height, width):
        return ""
    return (
        f"Shown at {size[1]}×{size[0]} of {width}×{height} pixels; numbers, the close-up and the maps to "
        "download are those of all pixels."
    )
