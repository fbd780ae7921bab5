"""Prints measured and expected bytes of the encoder and of the heads of three tasks, for `test_memory.py`."""

import json
from collections.abc import Callable, Iterator

import torch

from app.shared.engine import memory, tiles
from dysample.measure.memory import peak_beyond_output
from dysample.models.heads import DenseHead
from dysample.models.host import encode
from dysample.models.tasks import KINDS
from dysample.models.weights import new_encoder, new_head
from dysample.training.recipe import load_recipe

HEIGHT, WIDTH = 512, 768
TASKS = ("everyday-segmentation", "indoor-segmentation", "indoor-depth", "everyday-panoptic")


def measured(call: Callable[[], object]) -> float:
    """Return the bytes that a call takes for every pixel, with what it returns."""
    returned: list[object] = []

    def work() -> torch.Tensor:
        returned.append(call())
        return torch.empty(0)

    cost = peak_beyond_output(work, torch.device("cpu"))
    assert cost.value is not None, cost.method
    return cost.value * 2**20 / (HEIGHT * WIDTH)


def rows(name: str) -> Iterator[tuple[str, float, float]]:
    """Measure the encoder and a head of a task."""
    task = load_recipe(name).task
    encoder = new_encoder(task).eval().to(memory_format=torch.channels_last)
    head = new_head(task, encoder.channels, "dysample+").eval()
    head.decode(encode(encoder, torch.rand(1, 3, 64, 64)), 64, 64)
    image = torch.rand(1, 3, HEIGHT, WIDTH).contiguous(memory_format=torch.channels_last)
    yield f"{name}, encoder", measured(lambda: encode(encoder, image)), memory.ENCODER_BYTES
    maps = tuple(x.contiguous() for x in encode(encoder, image))
    peak = KINDS[task.kind].peak_bytes(task)
    yield f"{name}, head", measured(lambda: head.decode(maps, HEIGHT, WIDTH)), peak
    if isinstance(head, DenseHead):
        shape = HEIGHT, WIDTH
        expected = memory.strips_bytes(task, shape)
        assert expected is not None
        strips = measured(lambda: tiles.annotate_strips(task, head, shape, maps))
        yield f"{name}, head in strips", strips, expected / (HEIGHT * WIDTH)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.inference_mode():
        print(json.dumps([row for task in TASKS for row in rows(task)]))
