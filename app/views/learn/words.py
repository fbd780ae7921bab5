"""What the figures of learning say in words: titles, captions, text alternatives, and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from app.settings import LearnChoice
from dysample.explain.learn import Snapshot
from dysample.explain.learn_tasks import ProblemPictures
from dysample.explain.offsets import Arrows
from dysample.scores.paper import PaperTable

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
_ORDINALS = {3: "third", 5: "fifth"}


def verdict(snapshot: Snapshot) -> str:
    """Whether the held-out squares are better than with bilinear interpolation, with the numbers."""
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
    """Whether the verdict has nothing but good to say."""
    score, plain = snapshot.score.iou, snapshot.bilinear.iou
    return snapshot.beats_bilinear and (score is None or plain is None or round(score, 3) >= round(plain, 3))


def standing(snapshot: Snapshot) -> str:
    """The verdict at a step."""
    step = snapshot.step
    when = "Before the first step" if step == 0 else f"After {step} steps"
    return f"**{when}:** {verdict(snapshot)}"


def interrupted(step: int, steps: int) -> str:
    """What became of a run that was under way when a setting changed."""
    return (
        f"A setting changed after step {step} of {steps}, so learning starts from the beginning: press Start."
    )


def curves_alt(snapshots: Sequence[Snapshot]) -> str:
    """The curves in words."""
    first, last = snapshots[0], snapshots[-1]
    best = max(snapshots, key=lambda each: each.score.psnr)
    return (
        f"Curves over {last.step} steps. PSNR on the held-out squares goes from {first.score.psnr:.2f} dB to "
        f"{last.score.psnr:.2f} dB, at best {best.score.psnr:.2f} dB at step {best.step}; bilinear has "
        f"{last.bilinear.psnr:.2f} dB. The training loss goes from {first.loss:.5f} to {last.loss:.5f}; "
        f"bilinear has {last.bilinear_loss:.5f}."
    )


def arrows_caption(snapshot: Snapshot, *, group: int, every: int) -> str:
    """What the arrows show, for one group of the snapshot; `every` n-th row and column is drawn."""
    drawn = "of every output pixel" if every == 1 else f"of every {_ORDINALS[every]} row and column"
    weight = round(snapshot.mix[group], 2) + 0.0  # no negative zero
    return (
        f"Step {snapshot.step}, group {group + 1} of {len(snapshot.mix)}, whose readings weigh {weight:+.2f} "
        f"(the weights add up to 1). Arrows {drawn} go from the initial to the sampling position, at true "
        "length; the picture is the input, whose pixels have a side of 1. Where it is flat, moving changes "
        "nothing, and arrows may point anywhere."
    )


def arrows_alt(arrows: Arrows) -> str:
    """The arrows in words: how many, how long, and which way they go on average."""
    move = (arrows.ends - arrows.starts).astype(np.float64)
    length = np.hypot(move[:, 0], move[:, 1])
    x, y = move.mean(axis=0)
    return (
        f"{len(move)} arrows over the input, {np.median(length):.3f} low-res pixels long in the median and "
        f"{length.max():.3f} at most; on average they move by x {x:+.3f} and y {y:+.3f}."
    )


def pane_titles(pictures: ProblemPictures, snapshot: Snapshot) -> tuple[str, str, str, str]:
    """The four pictures' titles: input, bilinear, learned, target; two short lines each."""
    (low_height, low_width), (height, width) = pictures.input.shape[:2], pictures.target.shape[:2]
    return (
        f"Input<br>{low_width} × {low_height} px",
        f"Bilinear<br>{snapshot.bilinear.psnr:.2f} dB",
        f"DySample, step {snapshot.step}<br>{snapshot.score.psnr:.2f} dB",
        f"Target<br>{width} × {height} px",
    )


def panes_alt(pictures: ProblemPictures, snapshot: Snapshot) -> str:
    """The four pictures in words."""
    (low_height, low_width), (height, width) = pictures.input.shape[:2], pictures.target.shape[:2]
    return (
        f"Four pictures: the input of {low_width} × {low_height} pixels; it enlarged to {width} × {height} "
        f"by bilinear interpolation and by DySample after {snapshot.step} steps; and the target. "
        f"{verdict(snapshot)}"
    )


# What the page that learns lists and gives away as numbers: finished runs, the paper's tables, downloads.


FORMATS = {"Gain (dB)": "%+.2f", "DySample (dB)": "%.2f", "Bilinear (dB)": "%.2f", "Scope": "%g"}
_TITLES: Mapping[str, str] = {
    "initialization": "Initial grid",
    "scope_factor": "Scope",
    "groups": "Groups",
    "dynamic_scope": "Dynamic",
    "segformer_b1_ade20k_miou": "mIoU (%)",
    "faster_rcnn_r50_coco_ap": "AP",
}
_WORDS: Mapping[str, str] = {"true": "yes", "false": "no", "nearest": "Nearest", "bilinear": "Bilinear"}
Arrays = Mapping[str, Shaped[np.ndarray, "..."]]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The outcome of a run.

    Attributes:
        picture: What was learnt from, for people.
        choice: What decided the run, without the photograph itself.
        psnr: Of DySample on the held-out squares after the last step, in dB.
        bilinear: Of bilinear interpolation on the same squares, in dB.
        gain: Their difference, as the page shows it.
    """

    picture: str
    choice: LearnChoice
    psnr: float
    bilinear: float
    gain: float


def finished_table(runs: Sequence[FinishedRun]) -> Mapping[str, Sequence[str] | Sequence[float]]:
    """Settings and gains of finished runs, the latest first."""
    runs = runs[::-1]
    settings = [run.choice.settings for run in runs]
    return {
        "Gain (dB)": [run.gain for run in runs],
        "Initial grid": [_WORDS[each.initial] for each in settings],
        "Groups": [each.groups for each in settings],
        "Style": [each.style.upper() for each in settings],
        "Scope": [each.scope for each in settings],
        "Dynamic": ["yes" if each.dynamic_scope else "no" for each in settings],
        "Steps": [run.choice.steps for run in runs],
        "Seed": [run.choice.seed for run in runs],
        "Picture": [run.picture for run in runs],
        "Size (px)": [run.choice.side for run in runs],
        "Learnt": [f"{run.choice.task} ×{run.choice.scale}" for run in runs],
        "DySample (dB)": [run.psnr for run in runs],
        "Bilinear (dB)": [run.bilinear for run in runs],
    }


def paper_columns(table: PaperTable) -> Mapping[str, Sequence[str]]:
    """A table of the paper with titles for people."""
    return {_TITLES[name]: [_WORDS.get(cell, cell) for cell in table.column(name)] for name in table.columns}


def curves_data(snapshots: Sequence[Snapshot]) -> Arrays:
    """What the curves show: PSNR in dB, IoU (masks alone), mean squared errors."""
    arrays = {
        "step": np.array([each.step for each in snapshots]),
        "psnr": np.array([each.score.psnr for each in snapshots]),
        "bilinear_psnr": np.array(snapshots[0].bilinear.psnr),
        "loss": np.array([each.loss for each in snapshots]),
        "bilinear_loss": np.array(snapshots[0].bilinear_loss),
    }
    if snapshots[0].score.iou is not None:
        arrays["iou"] = np.array([each.score.iou for each in snapshots], np.float64)
        arrays["bilinear_iou"] = np.array(snapshots[0].bilinear.iou, np.float64)
    return arrays


def arrows_data(arrows: Arrows) -> Arrays:
    """Positions (x, y) in low-res pixels, and the output pixels (row, column) that they belong to."""
    return {"starts": arrows.starts, "ends": arrows.ends, "pixels": arrows.pixels}


def panes_data(pictures: ProblemPictures, snapshot: Snapshot) -> Arrays:
    """The four pictures, and which pixels of the target are held out."""
    return {
        "input": pictures.input,
        "bilinear": pictures.bilinear,
        "output": snapshot.output,
        "target": pictures.target,
        "held_out": pictures.held_out,
    }
