"""Devices by name, precisions, and networks in bfloat16 beside themselves in float32."""

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor

from dysample.models import computing
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import Encoder
from dysample.models.host import DepthEstimator, Host, PanopticFPN, SegmentationHost, encode
from dysample.models.object_head import ObjectDetector, ObjectHead, Widths
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.models.segformer_head import SegFormerHead
from tests.models.hosts import disturbed, picture, small_encoder

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert computing.device_named("cpu") == CPU
    for cuda, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        assert computing.device_named(None).type == expected


@pytest.mark.parametrize("name", ["cuda:77", "gpu", "vulkan"])
def test_a_device_that_is_not_there_is_named_with_the_reason(name: str) -> None:
    with pytest.raises(ValueError, match=f"device must be one that this machine has, got '{name}': .+"):
        computing.device_named(name)


def bfloat16_or_not(monkeypatch: pytest.MonkeyPatch, *, supported: bool) -> None:
    """Stand in for a CUDA device."""

    @contextmanager
    def current(device: torch.device) -> Generator[None]:
        yield

    monkeypatch.setattr(torch.cuda, "device", current)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: supported)


@pytest.mark.parametrize(
    ("device", "supported", "wish", "expected"),
    [
        ("cpu", False, "auto", "float32"),
        ("cpu", False, "bfloat16", "bfloat16"),
        ("mps", False, "auto", "float32"),
        ("cuda", True, "auto", "bfloat16"),
        ("cuda:1", True, "float32", "float32"),
        ("cuda", False, "auto", "float32"),
    ],
)
def test_precisions(
    device: str, supported: bool, wish: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bfloat16_or_not(monkeypatch, supported=supported)
    assert computing.precision_on(torch.device(device), wish) == expected


@pytest.mark.parametrize("device", ["mps", "cuda"])
def test_a_device_without_bfloat16_says_so(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bfloat16_or_not(monkeypatch, supported=False)
    with pytest.raises(ValueError, match=f"precision must be float32 on {device}, which does not compute"):
        computing.precision_on(torch.device(device), "bfloat16")


@pytest.mark.unhooked
def test_a_precision_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="one of auto, float32, bfloat16, got 'float16'"):
        computing.precision_on(CPU, "float16")


def test_products_alone_are_in_bfloat16() -> None:
    linear, x = torch.nn.Linear(3, 2), torch.rand(4, 3)
    for within in (computing.encoding, computing.decoding):
        with within(CPU, "float32"):
            assert linear(x).dtype == torch.float32
    with computing.decoding(CPU, "bfloat16"):
        assert linear(x).dtype == torch.bfloat16
        assert (x + 1).dtype == torch.float32
    with computing.encoding(CPU, "bfloat16"):  # too coarse for encoders
        assert linear(x).dtype == torch.float32
    assert linear(x).dtype == torch.float32


@pytest.mark.parametrize("allowed", [True, False])
def test_tf32_is_for_cuda_and_for_the_block(allowed: bool) -> None:
    def now() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    before = now()
    with computing._tf32(GPU, allowed=allowed):
        assert now() == ("high" if allowed else "highest", allowed)
    with computing._tf32(CPU, allowed=not allowed):
        assert now() == before
    assert now() == before


# --- Networks ---


def hosts() -> dict[str, Host]:
    torch.manual_seed(3)
    encoder = small_encoder()
    fine = Encoder("mobilenet_v2", finest=2).eval()
    widths = Widths(pyramid=32, semantic=16, box=16, mask=16)
    made: dict[str, Host] = {
        "segmentation": SegmentationHost(
            encoder, SegFormerHead(encoder.channels, width=32, classes=5, upsampler="dysample+")
        ),
        "pyramid": PanopticFPN(
            encoder, PanopticFPNHead(encoder.channels, width=128, classes=5, upsampler="dysample")
        ),
        "depth": DepthEstimator(fine, DepthHead(fine.channels, upsampler="dysample+")),
        "objects": ObjectDetector(
            encoder, ObjectHead(encoder.channels, widths=widths, things=3, stuff=2, upsampler="dysample+")
        ),
    }
    for host in made.values():
        disturbed(host.head)
    made["objects"].head.regions.score_thresh = 0.0
    return {name: host.eval() for name, host in made.items()}


def both(host: Host, image: Tensor) -> list:
    """Return the predictions in float32 and in bfloat16."""
    found = []
    for precision in ("float32", "bfloat16"):
        with torch.no_grad(), computing.encoding(CPU, precision):
            maps = host.encode(image)
        with torch.no_grad(), computing.decoding(CPU, precision):
            found.append(host.head.decode(maps, *image.shape[2:]))
    return found


# Wide: positions kept in bfloat16 would be half a pixel off beyond 128 columns of a map.
WIDE = (32, 1088)


@pytest.mark.parametrize("kind", ["segmentation", "pyramid", "depth"])
def test_dense_answers_in_bfloat16_are_those_in_float32(kind: str) -> None:
    exact, half = both(hosts()[kind], picture(*WIDE))
    assert half.output.dtype == torch.float32
    assert {step.output.dtype for step in half.steps} == {torch.bfloat16}
    scale = exact.output.std()
    error = (half.output - exact.output).abs()
    assert 0 < error.max() / scale < 0.25
    assert error.mean() / scale < 0.02
    # Nothing drifts with the distance from the origin, as positions would.
    left, right = error[..., :256].mean(), error[..., -256:].mean()
    assert right < 2 * left


def test_objects_in_bfloat16_are_those_in_float32() -> None:
    exact, half = (prediction.output for prediction in both(hosts()["objects"], picture(64, 96)))
    for found in (exact, half):
        assert {x.dtype for x in (*found.boxes, *found.scores, *found.masks, found.semantic)} == {
            torch.float32
        }
    # Untrained scores are all alike, so other anchors may win; in bfloat16 all edges would be off by more.
    first, second = (found.boxes[0].numpy() for found in (exact, half))
    nearest = np.abs(first[:, None] - second[None]).max(-1).min(1)
    assert np.median(nearest) < 0.01
    torch.testing.assert_close(half.semantic, exact.semantic, rtol=0, atol=0.1)


def test_maps_in_bfloat16_are_decoded_as_they_are() -> None:
    """A head takes an encoder's maps of any precision."""
    host, image = hosts()["segmentation"], picture(40, 64)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        maps = encode(host.encoder, image)
        assert maps[-1].dtype == torch.bfloat16
        assert torch.equal(host.head.decode(maps, 40, 64).output, host(image))
