"""Audits find every site, and judge it."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dysample import audit
from dysample.swap.audit import factors
from tests.swap.networks import Everything, Interpolating, Nested, picture


def test_line_and_shapes_of_a_call() -> None:
    (site,) = audit(Interpolating(scale_factor=2, mode="nearest"), picture()).sites
    lines, start = inspect.getsourcelines(Interpolating.forward)
    number = start + next(index for index, line in enumerate(lines) if "F.interpolate" in line)
    assert site.source == f"swap/networks.py:{number}"
    assert (site.input, site.output, site.scale) == ((1, 8, 16, 24), (1, 8, 32, 48), 2)
    assert (site.name, site.mode, site.kind) == ("[0]", "nearest", "functional")
    assert (site.choice, site.reason) == ("swap", "")


def test_children_count_their_own_calls() -> None:
    found = audit(Nested(), picture())
    assert [(site.name, site.times, site.choice) for site in found.sites] == [
        ("[0]", 1, "swap"),
        ("inner[0]", 2, "swap"),
        ("inner[1]", 2, "never"),
        ("inner[2]", 2, "swap"),
        ("up", 1, "swap"),
        ("[1]", 1, "swap"),
    ]
    assert found.sizes == ((16, 24), (32, 48))


def test_every_kind_is_told_apart() -> None:
    found = audit(Everything(), picture(32, 32))
    said = [(site.kind, site.scale, site.choice, site.reason.split(":")[0]) for site in found.sites]
    assert said == [
        ("functional", 2, "request", "It resizes the input, before anything learned."),
        ("ConvTranspose2d", 2, "request", "It is learned already"),
        (
            "functional",
            None,
            "never",
            "It resizes a parameter or a constant, such as a positional embedding, and no feature map.",
        ),
        ("PixelShuffle", 2, "request", "It is learned already"),
        (
            "functional",
            None,
            "never",
            "Its scale depends on the size of the picture, as in pyramid pooling.",
        ),
        (
            "nn.Upsample",
            2,
            "request",
            "It aligns corners, which upsamplers do not",
        ),
        ("functional", None, "never", "Its scale, 1.5, is not an integer."),
        ("functional", None, "never", "It makes the map smaller."),
        ("functional", 2, "request", "It is bicubic"),
        ("functional", 2, "request", "It enlarges the prediction"),
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"size": (16, 24)}, "It keeps the size."),
        ({"size": (32, 24)}, "It enlarges rows and columns by different scales."),
        ({"size": (40, 60), "mode": "area"}, "The mode area is none that an upsampler starts from."),
        ({"scale_factor": 2.5}, "Its scale, 2.5, is not an integer."),
        ({"size": (48, 72)}, "Its scale depends on the size of the picture, as in pyramid pooling."),
    ],
)
def test_what_is_never_swapped(options: dict[str, object], reason: str) -> None:
    (site,) = audit(Interpolating(**options), picture()).sites
    assert (site.choice, site.reason) == ("never", reason)


class _Fickle(nn.Module):
    """Makes one more call for large pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 1)
        self.last = nn.Conv2d(8, 1, 1)

    def forward(self, picture: Tensor) -> Tensor:
        x = self.layer(picture)
        if x.shape[2] > 20:
            x = F.interpolate(x, scale_factor=0.5)
        return self.last(F.interpolate(x, scale_factor=2))


def test_calls_that_cannot_be_told_apart() -> None:
    (site,) = audit(_Fickle(), picture()).sites
    assert site.choice == "never"
    assert "cannot be told apart" in site.reason


class _Crowd(Interpolating):
    """Enlarges every object on its own."""

    def forward(self, picture: Tensor) -> Tensor:
        objects = self.before(picture)[:, :, :2].split(1, dim=3)
        return torch.cat([F.interpolate(each, scale_factor=2) for each in objects])


def test_a_line_with_many_calls_is_one_site() -> None:
    (site,) = audit(_Crowd(), picture(16, 24)).sites
    assert (site.times, site.choice) == (24, "never")


class _Pyramid(nn.Module):
    """Enlarges to the size of the map before a stride of two, whatever that is."""

    def __init__(self, stride: int = 2) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 8, 3, padding=1)
        self.coarse = nn.Conv2d(8, 8, 3, stride=stride, padding=1)
        self.after = nn.Conv2d(8, 1, 1)

    def forward(self, picture: Tensor) -> Tensor:
        fine = self.fine(picture)
        return self.after(fine + F.interpolate(self.coarse(fine), size=fine.shape[2:], mode="bilinear"))


@pytest.mark.parametrize(("stride", "sides"), [(2, (17, 23)), (2, (16, 24)), (4, (18, 31)), (8, (100, 107))])
def test_odd_sizes_have_the_scale_of_the_stride(stride: int, sides: tuple[int, int]) -> None:
    (site,) = audit(_Pyramid(stride), picture(*sides)).sites
    assert (site.scale, site.choice) == (stride, "swap")


def test_the_model_is_as_before() -> None:
    model = Nested().train()
    model.register_buffer("seen", torch.zeros(()))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    keys = {path: set(vars(module)) for path, module in model.named_modules()}
    audit(model, picture())
    assert keys == {path: set(vars(module)) for path, module in model.named_modules()}
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert all(module.training for module in model.modules())


def test_ways_to_give_inputs() -> None:
    model = Interpolating(scale_factor=2)
    for inputs in (picture(), (picture(),), {"picture": picture()}):
        assert len(audit(model, inputs).sites) == 1


def test_table_has_a_row_for_each_site() -> None:
    lines = str(audit(Nested(), picture())).splitlines()
    assert len(lines) == 2 + 6
    assert len({len(line) for line in lines}) == 1
    assert "| inner[2] (2 times)" in lines[5]


@pytest.mark.parametrize(("scale", "expected"), [(2, (2,)), (3, (3,)), (8, (2, 2, 2)), (12, (2, 2, 3))])
def test_large_scales_are_repeated(scale: int, expected: tuple[int, ...]) -> None:
    assert factors(scale) == expected


def test_what_has_no_forward_is_refused() -> None:
    with pytest.raises(ValueError, match="a ModuleList has no forward"):
        audit(nn.ModuleList([nn.Upsample(scale_factor=2)]), picture())


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_scripted_models_are_refused() -> None:
    model = torch.jit.trace(nn.Conv2d(3, 1, 1), picture())
    with pytest.raises(ValueError, match="scripted"):
        audit(model, picture())
