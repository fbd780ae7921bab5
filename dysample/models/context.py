"""Context for an encoder's coarsest map: a wider view at twice the resolution, and the whole picture.

After DeepLabV3 (Chen et al. 2017), reduced to one local and one image-level branch. On a small
data set a map at stride 32 alone tells a cat from a dog much worse.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

# Layers that only widen a backbone's last map for its classifier.
_CLASSIFIER_LAYERS = {"mobilenet_v2": "features.18"}


class ImageContext(nn.Module):
    """Blend every position of a map with the mean of the map, then halve the resolution."""

    def __init__(self, channels: int, width: int) -> None:
        """Make it for maps of `channels` channels; the output has `width`."""
        super().__init__()
        self.local = nn.Conv2d(channels, width, kernel_size=1)
        self.image = nn.Conv2d(channels, width, kernel_size=1)
        self.join = nn.Conv2d(2 * width, width, kernel_size=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b width h//2 w//2"]:
        """Compute the map; both sides of `x` must be even."""
        image = F.relu(self.image(x.mean(dim=(2, 3), keepdim=True)))
        both = torch.cat([image.expand(-1, -1, *x.shape[2:]), F.relu(self.local(x))], dim=1)
        return F.avg_pool2d(F.relu(self.join(both)), kernel_size=2)


def keep_stride_16(name: str, backbone: nn.Module) -> None:
    """Let a convolutional SMP backbone end at stride 16: its last stride becomes dilation.

    The convolutions compute what they computed before, at four times as many positions.

    Raises:
        ValueError: The backbone does not tell its stages.
    """
    if name in _CLASSIFIER_LAYERS:
        backbone.set_submodule(_CLASSIFIER_LAYERS[name], nn.Identity())
    try:
        stages = backbone.get_stages()  # pyright: ignore[reportCallIssue]
    except (AttributeError, NotImplementedError) as error:
        raise ValueError(f"encoder {name!r} cannot be dilated: it does not tell its stages") from error
    strided = False
    for stage in stages[32]:
        for module in stage.modules():
            if not isinstance(module, nn.Conv2d):
                continue
            if strided and module.kernel_size == (3, 3):
                module.dilation = module.padding = (2, 2)
            if module.stride == (2, 2):
                module.stride, strided = (1, 1), True
