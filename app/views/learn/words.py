"""Captions, text alternatives, verdicts, tables and downloads of the page "Watch it learn"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from app.settings import LearnChoice
from dysample.explain.learn import Snapshot
from dysample.explain.learn_tasks import ProblemPictures
from dysample.explain.offsets import Arrows
from dysample.scores.paper import PaperTable

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]
CURVES_CAPTION = (
    "First the peak signal-to-noise ratio in dB on the held-out squares, which nothing is learnt from: "
    "higher is better. Last the mean squared error on the training squares, of values from 0 to 1, on a "
    "logarithmic axis: lower is better. Dashed: bilinear interpolation on the same pixels. Ringed: the step "
    "that the other figures show."
)
PANES_CAPTION = (
    "Squares with a yellow dot are held out: nothing is learnt from them, and the values in dB are theirs "
    "alone. Coordinates are pixels of the target."
)
FORMATS = {"Gain (dB)": "%+.2f", "DySample (dB)": "%.2f", "Bilinear (dB)": "%.2f", "Scope": "%g"}
_ORDINALS = {2: "second", 6: "sixth", 10: "tenth", 14: "fourteenth"}
_FLAT_DB = 0.1  # held-out scores that differ by less are level
_FALLEN = 3  # times smaller, and the training error has gone on falling
_TITLES: Mapping[str, str] = {
    "initialization": "Initial grid",
    "scope_factor": "Scope",
    "groups": "Groups",
    "dynamic_scope": "Dynamic",
    "segformer_b1_ade20k_miou": "mIoU (%)",
    "faster_rcnn_r50_coco_ap": "AP",
}
_WORDS: Mapping[str, str] = {"true": "yes", "false": "no", "nearest": "Nearest", "bilinear": "Bilinear"}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The result of a finished run.

    Attributes:
        picture: Display name of the picture learnt from.
        choice: Settings of the run, without the photograph itself.
        psnr: PSNR of DySample on the held-out squares after the last step, in dB.
        bilinear: PSNR of bilinear interpolation on the same squares, in dB.
        gain: Their difference as the page shows it, in dB.
    """

    picture: str
    choice: LearnChoice
    psnr: float
    bilinear: float
    gain: float


def verdict(snapshot: Snapshot) -> str:
    """Compare DySample to bilinear interpolation on the held-out squares, with the numbers."""
    numbers = f"{snapshot.score.psnr:.2f} dB against {snapshot.bilinear.psnr:.2f} dB"
    if snapshot.beats_bilinear:
        text = f"DySample beats bilinear on the held-out squares by {snapshot.gain:.2f} dB: {numbers}."
    elif snapshot.gain == 0:
        text = f"DySample is as good as bilinear on the held-out squares, and no better: {numbers}."
    else:
        text = f"DySample does not beat bilinear on the held-out squares: {numbers}."
    if snapshot.score.iou is None or snapshot.bilinear.iou is None:
        return text
    better = round(snapshot.score.iou, 3) - round(snapshot.bilinear.iou, 3)
    word = "better" if better > 0 else "worse" if better < 0 else "the same"
    both = f"{snapshot.score.iou:.3f} against {snapshot.bilinear.iou:.3f}"
    return f"{text} Cut at one half, its IoU is {word}: {both}."


def wins(snapshot: Snapshot) -> bool:
    """Return whether DySample beats bilinear, and is no worse in IoU."""
    ours, plain = snapshot.score.iou, snapshot.bilinear.iou
    return snapshot.beats_bilinear and (ours is None or plain is None or round(ours, 3) >= round(plain, 3))


def standing(snapshot: Snapshot, snapshots: Sequence[Snapshot]) -> str:
    """Return the verdict with the step that it holds for, and whether the network overfits by then."""
    step = snapshot.step
    when = "Before the first step" if step == 0 else f"After {step} steps"
    past = [earlier for earlier in snapshots if earlier.step <= step]
    return " ".join(filter(None, (f"**{when}:** {verdict(snapshot)}", overfitting(past))))


def overfitting(snapshots: Sequence[Snapshot]) -> str:
    """Return since when only the training error falls; empty where the held-out score still rises."""
    last, best = snapshots[-1], max(snapshot.score.psnr for snapshot in snapshots)
    level = next(snapshot for snapshot in snapshots if snapshot.score.psnr >= best - _FLAT_DB)
    if level.step == 0 or level.loss < _FALLEN * last.loss:
        return ""
    share = f"1/{level.loss / last.loss:.0f}"
    return (
        f"**Overfitting:** since step {level.step} the training error has fallen to {share}, "
        f"while the held-out score went from {level.score.psnr:.2f} to {last.score.psnr:.2f} dB."
    )


def interrupted(step: int, steps: int) -> str:
    """Return the notice that a changed setting ended a run."""
    return (
        f"A setting changed after step {step} of {steps}, so learning starts from the beginning: press Start."
    )


def curves_alt(snapshots: Sequence[Snapshot]) -> str:
    """Return the text alternative of the curves."""
    first, last = snapshots[0], snapshots[-1]
    best = max(snapshots, key=lambda snapshot: snapshot.score.psnr)
    return (
        f"Curves over {last.step} steps. PSNR on the held-out squares goes from {first.score.psnr:.2f} dB to "
        f"{last.score.psnr:.2f} dB, at best {best.score.psnr:.2f} dB at step {best.step}; bilinear has "
        f"{last.bilinear.psnr:.2f} dB. The training loss goes from {first.loss:.5f} to {last.loss:.5f}; "
        f"bilinear has {last.bilinear_loss:.5f}."
    )


def curves_data(snapshots: Sequence[Snapshot]) -> Arrays:
    """Return the arrays of the curves: PSNR in dB, IoU (for masks only), mean squared errors."""
    arrays = {
        "step": np.array([snapshot.step for snapshot in snapshots]),
        "psnr": np.array([snapshot.score.psnr for snapshot in snapshots]),
        "bilinear_psnr": np.array(snapshots[0].bilinear.psnr),
        "loss": np.array([snapshot.loss for snapshot in snapshots]),
        "bilinear_loss": np.array(snapshots[0].bilinear_loss),
    }
    if snapshots[0].score.iou is not None:
        arrays["iou"] = np.array([snapshot.score.iou for snapshot in snapshots], np.float64)
        arrays["bilinear_iou"] = np.array(snapshots[0].bilinear.iou, np.float64)
    return arrays


def pane_titles(pictures: ProblemPictures, snapshot: Snapshot) -> tuple[str, str, str, str]:
    """Return the titles of input, bilinear, learned and target; two short lines each."""
    (low_height, low_width), (height, width) = pictures.input.shape[:2], pictures.target.shape[:2]
    return (
        f"Input<br>{low_width} × {low_height} px",
        f"Bilinear<br>{snapshot.bilinear.psnr:.2f} dB",
        f"DySample, step {snapshot.step}<br>{snapshot.score.psnr:.2f} dB",
        f"Target<br>{width} × {height} px",
    )


def panes_alt(pictures: ProblemPictures, snapshot: Snapshot) -> str:
    """Return the text alternative of the four pictures."""
    (low_height, low_width), (height, width) = pictures.input.shape[:2], pictures.target.shape[:2]
    return (
        f"Four pictures: the input of {low_width} × {low_height} pixels; it enlarged to {width} × {height} "
        f"by bilinear interpolation and by DySample after {snapshot.step} steps; and the target. "
        f"{verdict(snapshot)}"
    )


def panes_data(pictures: ProblemPictures, snapshot: Snapshot) -> Arrays:
    """Return the four pictures, and the mask of the target's held-out pixels."""
    return {
        "input": pictures.input,
        "bilinear": pictures.bilinear,
        "output": snapshot.output,
        "target": pictures.target,
        "held_out": pictures.held_out,
    }


def arrows_caption(snapshot: Snapshot, *, group: int, every: int) -> str:
    """Return the caption of the arrows of one group; every `every`-th row and column has one."""
    drawn = (
        f"of every {_ORDINALS.get(every, f'{every}th')} output row and column, within two pixels of an edge,"
    )
    weight = round(snapshot.mix[group], 2) + 0.0  # no negative zero
    return (
        f"Step {snapshot.step}, group {group + 1} of {len(snapshot.mix)}, whose readings weigh {weight:+.2f} "
        f"(the weights add up to 1). Arrows {drawn} go from the initial to the sampling position, at true "
        "length; the picture is the input, whose pixels have a side of 1. Away from edges moving changes "
        "nothing, and arrows may point anywhere; they are left out."
    )


def arrows_alt(arrows: Arrows) -> str:
    """Return the text alternative of the arrows: their number, lengths and mean direction."""
    move = (arrows.ends - arrows.starts).astype(np.float64)
    length = np.hypot(move[:, 0], move[:, 1])
    x, y = move.mean(axis=0)
    return (
        f"{len(move)} arrows over the input, {np.median(length):.3f} low-res pixels long in the median and "
        f"{length.max():.3f} at most; on average they move by x {x:+.3f} and y {y:+.3f}."
    )


def arrows_data(arrows: Arrows) -> Arrays:
    """Return positions (x, y) in low-res pixels, and the output pixels (row, column) they belong to."""
    return {"starts": arrows.starts, "ends": arrows.ends, "pixels": arrows.pixels}


def finished_table(runs: Sequence[FinishedRun]) -> Mapping[str, Sequence[str] | Sequence[float]]:
    """Return settings and gains of finished runs as columns, the latest first."""
    runs = runs[::-1]
    settings = [run.choice.settings for run in runs]
    return {
        "Gain (dB)": [run.gain for run in runs],
        "Initial grid": [_WORDS[options.initial] for options in settings],
        "Groups": [options.groups for options in settings],
        "Style": [options.style.upper() for options in settings],
        "Scope": [options.scope for options in settings],
        "Dynamic": ["yes" if options.dynamic_scope else "no" for options in settings],
        "Steps": [run.choice.steps for run in runs],
        "Seed": [run.choice.seed for run in runs],
        "Picture": [run.picture for run in runs],
        "Size (px)": [run.choice.side for run in runs],
        "Learnt": [f"{run.choice.task} ×{run.choice.scale}" for run in runs],
        "DySample (dB)": [run.psnr for run in runs],
        "Bilinear (dB)": [run.bilinear for run in runs],
    }


def paper_columns(table: PaperTable) -> Mapping[str, Sequence[str]]:
    """Return the columns of a table of the paper under display names."""
    return {_TITLES[name]: [_WORDS.get(cell, cell) for cell in table.column(name)] for name in table.columns}
