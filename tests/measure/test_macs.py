"""The counter against layers computed by hand and PyTorch's own counter, and unknown operations."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dysample.measure.macs import PAPER, TRUE, count_macs
from dysample.ops.registry import OPERATORS, build


class Formula(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def macs(
    function: Callable[..., Tensor], *shapes: tuple[int, ...], device: str = "meta"
) -> float | int | None:
    return count_macs(Formula(function), *(torch.rand(shape, device=device) for shape in shapes)).value


CONVOLUTIONS = [
    # layer, input, output positions or for transposed ones input positions, products at each
    (nn.Conv2d(3, 8, 3, padding=1), (1, 3, 10, 12), 10 * 12, 8 * 3 * 9),
    (nn.Conv2d(3, 8, 3), (2, 3, 10, 12), 2 * 8 * 10, 8 * 3 * 9),
    (nn.Conv2d(4, 6, (5, 2), stride=2, bias=False), (1, 4, 9, 8), 3 * 4, 6 * 4 * 10),
    (nn.Conv2d(4, 6, 3, dilation=2, padding=2, groups=2), (1, 4, 7, 7), 49, 6 * 2 * 9),
    (nn.Conv2d(8, 8, 5, padding=2, groups=8), (1, 8, 6, 5), 30, 8 * 25),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1), (1, 4, 5, 7), 35, 4 * 6 * 9),
    (nn.ConvTranspose2d(4, 6, 4, stride=3, groups=2), (3, 4, 5, 7), 3 * 35, 4 * 3 * 16),
    (nn.Conv1d(2, 5, 3), (1, 2, 10), 8, 5 * 2 * 3),
    (nn.Conv3d(2, 5, 3), (1, 2, 4, 4, 4), 8, 5 * 2 * 27),
]


@pytest.mark.parametrize(("layer", "shape", "positions", "products"), CONVOLUTIONS, ids=str)
def test_convolutions_by_hand(layer: nn.Module, shape: tuple[int, ...], positions: int, products: int):
    assert count_macs(layer, torch.rand(shape)).value == positions * products
    on_meta = count_macs(copy.deepcopy(layer).to("meta"), torch.rand(shape, device="meta"))
    assert (on_meta.value, on_meta.unit) == (positions * products, "MACs")


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_paper_s_rule_counts_a_deconvolution_at_the_output_s_size(stride: int):
    layer = nn.ConvTranspose2d(4, 6, stride, stride=stride)
    x = torch.rand(1, 4, 5, 7)
    assert count_macs(layer, x, rule=TRUE).value == 35 * 4 * 6 * stride**2
    assert count_macs(layer, x, rule=PAPER).value == layer(x).shape[2] * layer(x).shape[3] * 4 * 6 * stride**2


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (torch.matmul, ((3, 4), (4, 5)), 60),
        (torch.matmul, ((2, 3, 4), (2, 4, 5)), 120),
        (torch.matmul, ((2, 3, 4), (4, 5)), 120),
        (torch.matmul, ((3, 4), (4,)), 12),
        (torch.dot, ((7,), (7,)), 7),
        (torch.baddbmm, ((2, 3, 5), (2, 3, 4), (2, 4, 5)), 120),
        (F.linear, ((6, 4), (5, 4), (5,)), 120),
        (F.linear, ((2, 3, 4), (5, 4)), 120),
        (lambda a, b: torch.bmm(a, b, out=a.new_empty(2, 3, 5)), ((2, 3, 4), (2, 4, 5)), 120),
        (F.scaled_dot_product_attention, ((1, 2, 5, 8), (1, 2, 7, 8), (1, 2, 7, 8)), 2 * 5 * 7 * 16),
        (lambda a, b: a * b, ((2, 1, 4), (2, 3, 4)), 24),
        (lambda a, b: a.mul_(b), ((2, 3), (2, 3)), 6),
        (lambda a: 0.5 * a / 3 + a.sigmoid().softmax(-1), ((2, 3),), 0),
        (lambda a: a * torch.tensor(2.0, device=a.device), ((2, 3),), 0),
        (lambda a: a.relu_().flatten().mean(), ((2, 3),), 0),
        (lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), ((1, 3, 4, 5),), 0),
        (lambda x: F.interpolate(x, scale_factor=2, mode="nearest-exact"), ((1, 3, 4, 5),), 0),
        (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), ((1, 3, 4, 5),), 4 * 3 * 8 * 10),
        (
            lambda x, at: F.grid_sample(x, at, align_corners=False),
            ((2, 3, 4, 5), (2, 6, 7, 2)),
            4 * 2 * 3 * 42,
        ),
        (
            lambda x, at: F.grid_sample(x, at, mode="nearest", align_corners=False),
            ((2, 3, 4, 5), (2, 6, 7, 2)),
            0,
        ),
        (lambda x: F.adaptive_avg_pool2d(x, 6), ((1, 3, 16, 20),), 0),
        (lambda x: F.group_norm(x, 2), ((1, 4, 5, 5),), 0),
    ],
)
def test_operations_by_hand(
    function: Callable[..., Tensor], shapes: tuple[tuple[int, ...], ...], expected: int, device: str
):
    assert macs(function, *shapes, device=device) == expected


def test_a_sum_of_products_costs_the_same_however_it_is_written():
    shapes = (4, 6, 3), (4, 6, 3)
    written = [
        macs(lambda a, b: (a * b).sum(-1), *shapes),
        macs(lambda a, b: torch.einsum("nkc,nkc->nk", a, b), *shapes),
        macs(lambda a, b: a.flatten(0, 1).unsqueeze(1) @ b.flatten(0, 1).unsqueeze(2), *shapes),
        macs(lambda a, b: F.conv1d(a.reshape(1, 72, 1), b.reshape(24, 3, 1), groups=24), *shapes),
    ]
    assert written == [72] * 4


def test_what_the_paper_s_rule_counts_for_reading_a_map():
    x, at = torch.rand(1, 3, 4, 5), torch.rand(1, 6, 7, 2)
    sampled = count_macs(Formula(lambda x, at: F.grid_sample(x, at, align_corners=False)), x, at, rule=PAPER)
    resized = count_macs(Formula(lambda x: F.interpolate(x, size=(8, 8), mode="bilinear")), x, rule=PAPER)
    assert (sampled.value, resized.value) == (11 * 3 * 42, 0)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1)), (2, 3, 9, 9)),
        (nn.Sequential(nn.Linear(6, 7), nn.GELU(), nn.Linear(7, 2, bias=False)), (5, 6)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (1, 4, 5, 7)),
        (nn.Conv2d(4, 8, 3, stride=2, groups=4), (1, 4, 9, 9)),
    ],
    ids=["convolutions", "linear", "transposed", "grouped"],
)
def test_agrees_with_the_counter_of_torch(network: nn.Module, shape: tuple[int, ...]):
    """PyTorch counts two operations for each MAC of convolutions and matrix products."""
    network.eval()
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        network(torch.rand(shape))
    assert count_macs(network, torch.rand(shape)).value == flops.get_total_flops() / 2 > 0


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: torch.cumsum(x, 0), "aten::cumsum"),
        (lambda x: torch.lerp(x, x, x), "aten::lerp"),
        (lambda x: x.lerp_(x, 0.5), "aten::lerp_"),
        (lambda x: x * x.sum().item(), "aten::_local_scalar_dense"),
        (lambda x: F.interpolate(x[None, None], size=(4, 4), mode="bicubic"), "aten::upsample_bicubic2d"),
        (
            lambda x: F.grid_sample(x[None, None], torch.zeros(1, 2, 2, 2), "bicubic", align_corners=False),
            "grid_sampler_2d in interpolation mode 2",
        ),
    ],
)
def test_what_is_unknown_is_no_number(function: Callable[[Tensor], Tensor], name: str):
    cost = count_macs(Formula(lambda x: function(x @ x)), torch.rand(3, 3))
    assert cost.value is None
    assert name in cost.method
    assert cost.unit == "MACs"


def test_an_operation_of_another_library_is_unknown():
    """This holds even if the name without its library is a known one."""
    library = torch.library.Library("counter_test", "DEF")
    library.define("relu(Tensor x) -> Tensor")
    library.impl("relu", lambda x: x.clamp(min=0), "CompositeExplicitAutograd")
    cost = count_macs(Formula(lambda x: torch.ops.counter_test.relu(x)), torch.rand(3))
    assert cost.value is None
    assert "counter_test::relu" in cost.method


def test_a_mistake_in_the_call_stays_an_error():
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        count_macs(nn.Linear(3, 4), torch.rand(2, 5))


def test_the_rule_is_told():
    told = [count_macs(nn.Identity(), torch.rand(1), rule=rule).method for rule in (TRUE, PAPER)]
    assert "per input pixel, 4 per sampled element, 4 per interpolated" in told[0]
    assert "per output pixel, 11 per sampled element, 0 per interpolated" in told[1]


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_count_the_same_with_numbers_and_without(name: str):
    """The device "meta" and the gradient mode make no difference."""
    x, guide = torch.rand(2, 32, 6, 7), torch.rand(2, 64, 12, 14)
    op = build(name, 32, guide_channels=64).eval()
    real = count_macs(op, *OPERATORS[name].inputs(x, guide))
    once = count_macs(op, *OPERATORS[name].inputs(x[:1], guide[:1]))
    empty = count_macs(op.to("meta"), *OPERATORS[name].inputs(x.to("meta"), guide.to("meta")))
    assert real.value == empty.value
    assert once.value is not None
    assert real.value == 2 * once.value
