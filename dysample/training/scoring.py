"""Score networks on the pictures of a split; heads of one encoder share its work."""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from dysample.analysis.depth_scores import METRICS, DepthScore, DepthScorer
from dysample.analysis.paired import PictureRatios, ratios_of_means
from dysample.analysis.scores import SegmentationScore, SegmentationScorer
from dysample.models.encoder import Encoder
from dysample.models.host import decode, encode
from dysample.models.weights import Description, TaskHead
from dysample.training.datasets import Label, PictureData
from dysample.training.progress import Progress

Score = SegmentationScore | DepthScore
HEADLINE = {"segmentation": ("miou", "boundary_miou"), "depth": METRICS}


class TaskScorer:
    """Scores of one network of a task, picture by picture."""

    def __init__(self, task: Description) -> None:
        """Start with no pictures."""
        self._scored = tuple(task.classes.index(name) for name in task.scored)
        self._scorer = DepthScorer() if task.kind == "depth" else SegmentationScorer(len(task.classes))

    def update(self, output: Float[Tensor, "1 k h w"], truth: Label) -> None:
        """Score one picture's prediction."""
        if isinstance(self._scorer, DepthScorer):
            self._scorer.update(output[0, 0].float().cpu().numpy(), truth)
        else:
            self._scorer.update(output.argmax(1)[0].to(torch.uint8).cpu().numpy(), truth)

    def score(self) -> Score:
        """Over all pictures so far."""
        if isinstance(self._scorer, DepthScorer):
            return self._scorer.score()
        return self._scorer.score(self._scored)

    def statistics(self) -> tuple[PictureRatios, ...]:
        """What every picture adds to each score, in the order of `HEADLINE`."""
        if isinstance(self._scorer, DepthScorer):
            return tuple(ratios_of_means(column) for column in self._scorer.pictures.T)
        return self._scorer.regions(self._scored), self._scorer.boundaries(self._scored)


def score_heads(
    task: Description,
    encoder: Encoder,
    heads: Mapping[str, TaskHead],
    data: PictureData,
    *,
    device: torch.device,
) -> dict[str, TaskScorer]:
    """Score several heads of an encoder on every picture, at the pictures' own size.

    Args:
        task: What the networks predict, and which classes count.
        encoder: Shared by the heads, in eval mode.
        heads: By a name for each, in eval mode.
        data: Pictures with their truth.
        device: Where to compute.
    """
    scorers = {name: TaskScorer(task) for name in heads}
    encoder.to(device)
    for head in heads.values():
        head.to(device)
    for image, truth in _pictures(data, device):
        with torch.inference_mode():
            maps = encode(encoder, image)
            for name, head in heads.items():
                scorers[name].update(decode(head, maps, *truth.shape).output, truth)
    return scorers


def _pictures(data: PictureData, device: torch.device) -> Iterator[tuple[Tensor, Label]]:
    progress = Progress(data.title, len(data))
    for index in range(len(data)):
        picture = data[index]
        yield torch.from_numpy(picture.image).to(device).permute(2, 0, 1)[None].float() / 255, picture.label
        progress.update(index + 1, picture.name)
