"""What training minimises: cross entropy for classes, the scale-invariant log error for depths."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from dysample.training.datasets import IGNORE
from dysample.training.distributed import mean, process_count, total

Loss = Callable[[Tensor, Tensor], Tensor]

_VARIANCE_FOCUS = 0.85  # share of the mean's square that is taken away
_FACTOR = 10.0


def cross_entropy(class_weights: Float[Tensor, " k"]) -> Loss:
    """Cross entropy over the labelled pixels, each weighed by its class."""

    def loss(logits: Float[Tensor, "b k h w"], label: Int64[Tensor, "b h w"]) -> Float32[Tensor, ""]:
        weights = class_weights.to(logits.device)
        if process_count() == 1:
            return F.cross_entropy(logits.float(), label, weights, ignore_index=IGNORE)
        summed = F.cross_entropy(logits.float(), label, weights, ignore_index=IGNORE, reduction="sum")
        return total(summed) / total(weights[label[label != IGNORE]].sum())

    return loss


def scale_invariant_log(
    depth: Float[Tensor, "b 1 h w"], truth: Float32[Tensor, "b h w"]
) -> Float32[Tensor, ""]:
    """10 sqrt(mean d^2 - 0.85 (mean d)^2) with d = log depth - log truth.

    After Eigen et al. (2014), in the form of Lee et al. (2019). Pixels whose truth is 0 do not count.
    A factor common to all depths costs little, an error of shape much.

    Args:
        depth: Predicted, in metres, positive.
        truth: In metres, 0 where there is none.
    """
    known = truth > 0
    difference = torch.log(depth[:, 0][known].float()) - torch.log(truth[known])
    spread = mean(difference.square()) - _VARIANCE_FOCUS * mean(difference).square()
    return _FACTOR * torch.sqrt(spread.clamp(min=1e-8))  # the root's slope has no bound at zero
