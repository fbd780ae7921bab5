"""What a trained network does with the first picture of the gallery, without the app and its caches."""

from functools import cache
from pathlib import Path
from typing import Any

import skimage.data
import torch

from dysample.images import decode, to_uint8
from dysample.models.host import Host
from dysample.models.weights import load_host
from dysample.types import Step

STEP = "c3_0"  # the step that the explorer pages begin with
TASK = "everyday-segmentation"


@cache
def host_and_step(upsampler: str) -> tuple[Host[Any], Step]:
    """Return a network and its step `STEP` on the cat Chelsea."""
    path = next(Path(skimage.data.__file__).parent.glob("chelsea.*"))
    image = torch.from_numpy(to_uint8(decode(path.read_bytes())).copy())
    host = load_host(TASK, upsampler=upsampler)
    with torch.no_grad():
        steps = host.intermediates(image.permute(2, 0, 1)[None].float() / 255).steps
    return host, next(step for step in steps if step.name == STEP)
