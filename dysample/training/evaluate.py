"""Score shipped weights on a split of their data set, and write down how."""

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from dysample.analysis.scores import SegmentationScore, SegmentationScorer
from dysample.models.host import decode, encode
from dysample.models.weights import Manifest, load_encoder, load_head
from dysample.training.datasets import SegmentationData
from dysample.training.progress import Progress


def evaluate(
    manifest: Manifest, task: str, upsamplers: Sequence[str], data: SegmentationData, *, device: torch.device
) -> dict[str, SegmentationScore]:
    """Score several heads of a task on every picture of a split, at the pictures' own size.

    Args:
        manifest: Where the weights are.
        task: Name of the task.
        upsamplers: The heads to score.
        data: The labelled pictures.
        device: Where to compute.

    Returns:
        By upsampler; the means are over the classes that the task scores.
    """
    made = manifest.task(task)
    encoder = load_encoder(task, manifest=manifest).to(device)
    heads = {
        name: load_head(task, name, encoder.channels, manifest=manifest).to(device) for name in upsamplers
    }
    scorers = {name: SegmentationScorer(len(made.classes)) for name in heads}
    progress = Progress(f"{task} {data.split}", len(data))
    for index in range(len(data)):
        picture = data[index]
        image = torch.from_numpy(picture.image).to(device).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            maps = encode(encoder, image)
            for name, head in heads.items():
                logits = decode(head, maps, *picture.label.shape).output
                prediction = logits.argmax(1)[0].to(torch.uint8).cpu().numpy()
                scorers[name].update(prediction, picture.label)
        progress.update(index + 1, picture.name)
    scored = [made.classes.index(name) for name in made.scored]
    return {name: scorer.score(scored) for name, scorer in scorers.items()}


def write_scores(
    path: Path, manifest: Manifest, task: str, data: SegmentationData, scores: dict[str, SegmentationScore]
) -> None:
    """Write scores as JSON with all that is needed to make them again."""
    made = manifest.task(task)
    record = {
        "task": task,
        "dataset": data.dataset,
        "split": data.split,
        "pictures": len(data),
        "data_sha256": data.digest(),
        "weights_sha256": {name: manifest.entry(task, name).sha256 for name in ("", *scores)},
        "classes": made.classes,
        "scored": made.scored,
        "command": f"python -m dysample {' '.join(sys.argv[1:])}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "scores": {name: asdict(score) for name, score in scores.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def score_table(scores: dict[str, SegmentationScore]) -> str:
    """The headline scores as lines of text, in percent."""
    lines = [f"{'upsampler':<14}{'mIoU':>8}{'boundary IoU':>14}"]
    for name, score in scores.items():
        lines.append(f"{name:<14}{_percent(score.miou):>8}{_percent(score.boundary_miou):>14}")
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.2f}"
