"""From the runs of upsamplers to the rows of the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

from dysample.analysis.evidence import EvidenceRow, HeadlineValue, Trained
from dysample.analysis.paired import PictureRatios, mean_per_class, paired_difference, spread


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One trained network, scored.

    Attributes:
        seed: Of its training.
        statistics: What every picture adds to each headline score, in the order of the headline.
        command: What made it.
        device: Where it was trained.
        minutes: How long it was trained.
    """

    seed: int
    statistics: tuple[PictureRatios, ...]
    command: str
    device: str
    minutes: float


def evidence_row(
    upsampler: str,
    runs: Sequence[Run],
    reference: Sequence[Run],
    *,
    trained: Trained,
    headline: tuple[str, ...],
) -> EvidenceRow:
    """Sum up the runs of an upsampler.

    Args:
        upsampler: Its name, or a variant's.
        runs: In any order.
        reference: Runs of the reference, trained the same way; none for the reference's own row.
        trained: What of the network was trained.
        headline: Names of the scores.

    Raises:
        ValueError: No runs, a seed twice, or runs of different pictures or scores.
    """
    runs = sorted(runs, key=lambda run: run.seed)
    seeds = tuple(run.seed for run in runs)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"{upsampler} must have one run for every seed, got the seeds {seeds}")
    if any(len(run.statistics) != len(headline) for run in (*runs, *reference)):
        raise ValueError(f"every run of {upsampler} and of the reference must have the scores {headline}")
    return EvidenceRow(
        upsampler=upsampler,
        trained=trained,
        seeds=seeds,
        scores=tuple(_value(name, index, runs, reference) for index, name in enumerate(headline)),
        commands=tuple(run.command for run in runs),
        devices=tuple(run.device for run in runs),
        minutes=sum(run.minutes for run in runs),
    )


def _value(name: str, index: int, runs: Sequence[Run], reference: Sequence[Run]) -> HeadlineValue:
    ours = {run.seed: run.statistics[index] for run in runs}
    theirs = {run.seed: run.statistics[index] for run in reference}
    several = all(each.parts.shape[1] > 1 for each in ours.values())
    return HeadlineValue(
        score=name,
        spread=spread(each.score for each in ours.values()),
        difference=paired_difference(ours, theirs) if ours.keys() & theirs.keys() else None,
        per_class=mean_per_class(ours.values()) if several else (),
    )
