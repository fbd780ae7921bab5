"""Evidence as a table of Markdown, which reads well in a terminal too."""

from collections.abc import Sequence

from dysample.analysis.evidence import Evidence, EvidenceRow, HeadlineValue
from dysample.analysis.paired import LEVEL, RESAMPLES
from dysample.analysis.score_specs import ScoreSpec, score_spec
from dysample.ops.registry import operator_spec

NOTHING = "–"
_BEGIN_AT_RANDOM = ("deconv", "pixelshuffle")
_SHORT_TRAINING = (
    "All heads learned for the same few hundred steps. Deconvolution and pixel shuffle begin with random "
    "filters, where the others begin near an interpolation or an average: so short a training tells little "
    "of what these two can reach."
)
_TRAINED = {"heads": "head on a shared encoder", "end-to-end": "end to end"}


def evidence_table(evidence: Evidence) -> str:
    """All rows with every headline score, and under the table how to read it."""
    specs = [score_spec(name) for name in evidence.headline]
    reference = operator_spec(evidence.reference).label
    titles = ["Upsampler", "Trained", "Seeds"]
    for spec in specs:
        arrow, unit = ("↑" if spec.better == "higher" else "↓"), f" ({spec.unit})" if spec.unit else ""
        titles += [f"{spec.label}{unit} {arrow}", f"less {reference}"]
    rows = [_cells(row, specs) for row in evidence.rows]
    parts = (_heading(evidence), _aligned([titles, *rows]), _note(evidence, reference), _made(evidence))
    return "\n\n".join(parts) + "\n"


def short_training(evidence: Evidence) -> str:
    """What a short training means for some of the rows; empty if these are not there."""
    random = any(row.trained == "heads" and row.upsampler in _BEGIN_AT_RANDOM for row in evidence.rows)
    return _SHORT_TRAINING if random else ""


def signed(value: float, spec: ScoreSpec) -> str:
    """A difference of a score as it is printed, with its sign."""
    return f"{spec.factor * value:+.{spec.digits}f}".replace("-", "−")


def _heading(evidence: Evidence) -> str:
    where = f"{evidence.dataset}, {evidence.split}"
    return f"## {evidence.title}\n\n{where}: {evidence.pictures} pictures."


def _cells(row: EvidenceRow, specs: Sequence[ScoreSpec]) -> list[str]:
    cells = [operator_spec(row.upsampler).label, _TRAINED[row.trained], str(len(row.seeds))]
    for value, spec in zip(row.scores, specs, strict=True):
        cells += [_mean(value, spec), _difference(value, spec)]
    return cells


def _mean(value: HeadlineValue, spec: ScoreSpec) -> str:
    mean = spec.printed(value.spread.mean)
    deviation = value.spread.deviation
    return mean if deviation is None else f"{mean} ± {spec.printed(deviation)}"


def _difference(value: HeadlineValue, spec: ScoreSpec) -> str:
    found = value.difference
    if found is None:
        return NOTHING
    return f"{signed(found.value, spec)} [{signed(found.low, spec)}, {signed(found.high, spec)}]"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    titles, *body = (
        [cell.ljust(width) if index < 2 else cell.rjust(width) for index, (cell, width) in enumerate(padded)]
        for padded in (list(zip(row, widths, strict=True)) for row in rows)
    )
    rule = [f"{'-' * (width - 1)}{'-' if index < 2 else ':'}" for index, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *body))


def _note(evidence: Evidence, reference: str) -> str:
    sentences = [
        "Mean ± sample standard deviation over the seeds.",
        f"Less {reference}: the mean difference to {reference} trained the same way, over the seeds that "
        f"both have, and in brackets its {LEVEL:.0%} interval from a bootstrap of seeds and pictures "
        f"({RESAMPLES:,} resamples).",
    ]
    if any(len(row.seeds) == 1 for row in evidence.rows):
        sentences.append("With one seed it tells of the pictures alone, not of how training varies.")
    if any(row.trained == "heads" for row in evidence.rows):
        sentences.append(
            "Heads on a shared encoder were trained on its frozen features: what their seeds show is how the "
            "heads vary, not the encoder."
        )
    return " ".join(filter(None, (*sentences, short_training(evidence))))


def _made(evidence: Evidence) -> str:
    """Where and how long the runs were trained."""
    devices = dict.fromkeys(device for row in evidence.rows for device in row.devices)
    runs, minutes = sum(len(row.seeds) for row in evidence.rows), sum(row.minutes for row in evidence.rows)
    return (
        f"{runs} runs, {minutes:,.0f} minutes of training ({'; '.join(devices)}). The JSON beside this "
        "table has the command, device and scores of every run."
    )
