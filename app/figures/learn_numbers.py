"""What the page that learns lists and gives away as numbers: finished runs, the paper's tables, downloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from app.settings import LearnChoice
from dysample.analysis.arrows import Arrows
from dysample.analysis.learn import Snapshot
from dysample.analysis.learn_pictures import ProblemPictures
from dysample.analysis.paper import PaperTable

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
