"""The host: sizes, steps, and the parameter counts of the paper's Table 4."""

import warnings

import pytest
import torch
import torch.nn.functional as F

from dysample.geometry import sample
from dysample.models.encoder import STRIDES, Encoder
from dysample.models.host import SegmentationHost, encode
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import OPERATORS
from tests.models.hosts import disturbed, picture, small_encoder

SAMPLING = ["nearest", "bilinear", "dysample", "dysample+", "dysample-s", "dysample-s+"]
CLASSES = 5


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return small_encoder()


def make(encoder: Encoder, upsampler: str) -> SegmentationHost:
    """A small host whose upsamplers have weights as if trained."""
    torch.manual_seed(1)
    head = SegFormerHead(encoder.channels, width=32, classes=CLASSES, upsampler=upsampler)
    disturbed(head)
    return SegmentationHost(encoder, head).eval()


@pytest.mark.parametrize("size", [(32, 32), (33, 32), (32, 63), (97, 41), (50, 131), (1, 1), (7, 20)])
def test_output_has_the_size_of_the_picture(encoder: Encoder, size: tuple[int, int]):
    with torch.no_grad():
        prediction = make(encoder, "dysample+").intermediates(picture(*size))
        output = make(encoder, "dysample+")(picture(*size))
    assert output.shape == (1, CLASSES, *size)
    assert output.isfinite().all()
    assert torch.equal(prediction.output, output)


def test_padding_repeats_the_border(encoder: Encoder):
    """Repeating the right and bottom border of a picture does not change the prediction within it."""
    host, x = make(encoder, "dysample"), picture(40, 70)
    by_hand = torch.cat([x, x[..., -1:].expand(1, 3, 40, 26)], dim=3)
    by_hand = torch.cat([by_hand, by_hand[:, :, -1:].expand(1, 3, 24, 96)], dim=2)
    with torch.no_grad():
        torch.testing.assert_close(host(x), host(by_hand)[..., :40, :70])


@pytest.mark.parametrize("name", OPERATORS)
def test_steps(encoder: Encoder, name: str):
    """There are six steps, 3 + 2 + 1; the guide of each is the projected level of its size (Sec. 4.1)."""
    host = make(encoder, name)
    with torch.no_grad():
        prediction = host.intermediates(picture(64, 96))
        levels = [
            project(x)
            for project, x in zip(host.head.project.values(), encode(encoder, picture(64, 96)), strict=True)
        ]
    sizes = {
        step.name: (tuple(step.input.shape[2:]), tuple(step.output.shape[2:])) for step in prediction.steps
    }
    assert sizes == {
        "c4_0": ((2, 3), (4, 6)),
        "c4_1": ((4, 6), (8, 12)),
        "c4_2": ((8, 12), (16, 24)),
        "c3_0": ((4, 6), (8, 12)),
        "c3_1": ((8, 12), (16, 24)),
        "c2_0": ((8, 12), (16, 24)),
    }
    steps = {step.name: step for step in prediction.steps}
    for before, after in (("c4_0", "c4_1"), ("c4_1", "c4_2"), ("c3_0", "c3_1")):
        assert steps[after].input is steps[before].output
    for first, level in (("c4_0", 3), ("c3_0", 2), ("c2_0", 1)):
        torch.testing.assert_close(steps[first].input, levels[level])
    for step in prediction.steps:
        level = {16: 0, 8: 1, 4: 2}[step.output.shape[2]]
        torch.testing.assert_close(step.guide, levels[level])


@pytest.mark.parametrize("name", OPERATORS)
def test_steps_can_be_made_again(encoder: Encoder, name: str):
    """The step's operator reproduces its output, and so does sampling at the planned points."""
    host = make(encoder, name)
    with torch.no_grad():
        for step in host.intermediates(picture(40, 70, batch=2)).steps:
            op = host.operator(step.name)
            assert torch.equal(op(*OPERATORS[name].inputs(step.input, step.guide)), step.output)
            if name in SAMPLING:
                points = op.plan(step.input).points
                torch.testing.assert_close(sample(step.input, points), step.output)


def test_upsamplers_share_no_weights(encoder: Encoder):
    head = make(encoder, "dysample+").head
    assert len({id(parameter) for parameter in head.upsamplers.parameters()}) == 6 * 3
    assert len({id(up) for up in head.upsamplers.values()}) == 6


def test_head_by_hand(encoder: Encoder):
    """Compute everything after the encoder, with bilinear steps, in one expression."""
    host = make(encoder, "bilinear")
    head = host.head
    with torch.no_grad():
        c1, c2, c3, c4 = encode(encoder, picture(32, 64))
        for count, level in ((1, "c2"), (2, "c3"), (3, "c4")):
            assert f"{level}_{count - 1}" in head.upsamplers

        def enlarged(x: torch.Tensor, times: int) -> torch.Tensor:
            for _ in range(times):
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            return x

        project = head.project
        parts = [
            enlarged(project["c4"](c4), 3),
            enlarged(project["c3"](c3), 2),
            enlarged(project["c2"](c2), 1),
            project["c1"](c1),
        ]
        logits = head.predict(head.fuse(torch.cat(parts, dim=1)))
        expected = F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
        torch.testing.assert_close(host(picture(32, 64)), expected)
        torch.testing.assert_close(head((c1, c2, c3, c4)), logits)


def test_several_heads_share_an_encoder(encoder: Encoder):
    x = picture(40, 33)
    with torch.no_grad():
        shared = encode(encoder, x)
        for name in ("bilinear", "dysample"):
            host = make(encoder, name)
            assert torch.equal(host.head.decode(shared, 40, 33).output, host(x))


def test_pictures_of_a_batch_do_not_mix(encoder: Encoder):
    host, x = make(encoder, "dysample-s+"), picture(33, 47, batch=2)
    with torch.no_grad():
        torch.testing.assert_close(host(x), torch.cat([host(x[:1]), host(x[1:])]), rtol=0, atol=1e-4)


def test_trains(encoder: Encoder):
    """Backward through everything, also under autocast; every weight of the head moves."""
    host = make(Encoder("mobilenet_v2"), "dysample+").train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = host(picture(64, 64, batch=2)).square().mean()
    loss.backward()
    for key, parameter in host.head.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.any() or key == "project.c1.bias" or "bias" in key, key


def test_normalisation():
    """The encoder applies mean and deviation, which are not part of its checkpoint."""
    torch.manual_seed(0)
    encoder = Encoder("mobilenet_v2", mean=(0.1, 0.2, 0.3), deviation=(0.5, 0.25, 2.0)).eval()
    x = picture(32, 32)
    by_hand = torch.stack([(x[:, 0] - 0.1) / 0.5, (x[:, 1] - 0.2) / 0.25, (x[:, 2] - 0.3) / 2.0], dim=1)
    with torch.no_grad():
        for output, expected in zip(encoder(x), encoder.backbone(by_hand)[-4:], strict=True):
            torch.testing.assert_close(output, expected)
    assert all(key.startswith("backbone.") for key in encoder.state_dict())


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("resnet18", (64, 128, 256, 512)),
        ("mobilenet_v2", (24, 32, 96, 1280)),
        ("mit_b0", (32, 64, 160, 256)),
        ("efficientnet-b0", (24, 40, 112, 320)),
        ("tu-convnext_atto", (40, 80, 160, 320)),
    ],
)
def test_encoders(name: str, channels: tuple[int, ...]):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = Encoder(name)
    assert encoder.training
    assert encoder.channels == channels
    with torch.no_grad():
        maps = encoder.eval()(picture(64, 96))
        assert [tuple(x.shape) for x in maps] == [
            (1, count, 64 // stride, 96 // stride) for count, stride in zip(channels, STRIDES, strict=True)
        ]
        assert make(encoder, "dysample").eval()(picture(45, 33)).shape == (1, CLASSES, 45, 33)
