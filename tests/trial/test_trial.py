"""Plans, counts and outputs of swaps, against counts by hand and interpolation."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dysample.measure.complexity import META
from dysample.measure.macs import Cost
from dysample.models.smp import FAMILIES, smp_model, smp_name
from dysample.swap import audit
from dysample.trial.plan import Placement, Plan, Start, planned, start_of, swap_by_plan
from dysample.trial.survey import audit_of, for_counting, survey, swap_costs
from tests.swap.networks import Everything, Interpolating, Nested, picture

pytestmark = pytest.mark.slow

UNET = (
    (512, 2),
    (256, 4),
    (128, 8),
    (64, 16),
    (32, 32),
)  # channels and side of what a U-Net of 64 px enlarges


def whole_plan(model: nn.Module, to: str = "dysample+", side: int = 64) -> Plan:
    return planned(audit(model, torch.rand(1, 3, side, side)), to)


def value(cost: Cost) -> float:
    assert cost.value is not None
    return cost.value


def started(model: nn.Module, to: str = "dysample+") -> Start:
    plan = whole_plan(model, to)
    return start_of(model, swap_by_plan(model, picture(), plan)[0], picture(), plan)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_numbers_the_same_is_found(family: str) -> None:
    torch.manual_seed(0)
    side = FAMILIES[family].side if family == "DPT" else 128  # which has no smaller one
    model, x = smp_model(smp_name(family, FAMILIES[family].encoders[0])).eval(), torch.rand(1, 3, side, side)
    wanted = audit(model, x)
    shapes, no_numbers = for_counting(model, x)
    assert isinstance(no_numbers, Tensor)
    assert no_numbers.is_meta
    found = survey(shapes, no_numbers)
    assert audit_of(found).sites == wanted.sites
    assert found.parameters == sum(weight.numel() for weight in model.parameters())
    assert found.levels
    assert all(bool(row.options) == (row.site.choice != "never") for row in found.sites)


def test_costs_of_a_unet_are_those_worked_out_by_hand() -> None:
    with META:
        model, x = smp_model("smp:Unet:resnet18").eval(), torch.empty(1, 3, 64, 64)
    before = survey(model, x)
    after = swap_costs(model, x, planned(audit_of(before), "dysample+"))
    # Two 1x1 convolutions to 2 coordinates x 4 groups x 4 points, offsets with a bias; then both are
    # multiplied, and every output is read with four. The nearest neighbours of before count nothing.
    weights = [2 * 32 * channels + 32 for channels, _ in UNET]
    macs = [
        2 * 32 * channels * side**2 + 32 * side**2 + 4 * channels * (2 * side) ** 2 for channels, side in UNET
    ]
    assert after.parameters - before.parameters == sum(weights)
    assert [each.parameters for each in after.placed] == weights
    assert [each.macs.value for each in after.placed] == macs
    assert before.macs.value is not None
    assert after.macs.value == before.macs.value + sum(macs)


def test_what_is_counted_leaves_the_model_alone() -> None:
    model, x = Nested().eval(), picture()
    weights = copy.deepcopy(model.state_dict())
    found, plan = survey(model, x), whole_plan(model)
    swap_costs(model, x, plan)
    assert all(torch.equal(weights[name], weight) for name, weight in model.state_dict().items())
    assert not any("swapped_upsamplers" in name for name in model.state_dict())
    assert found.levels == ()


def test_a_model_that_needs_numbers_is_counted_with_them() -> None:
    class Looking(Interpolating):
        def forward(self, picture: Tensor) -> Tensor:
            return super().forward(picture * 2 if picture.mean().item() > 0 else picture)

    model = Looking(scale_factor=2).eval()
    counted, inputs = for_counting(model, picture())
    assert counted is model
    assert torch.equal(inputs, picture())


def test_sites_tell_what_came_before() -> None:
    found = audit(smp_model("smp:Unet:resnet18").eval(), torch.rand(1, 3, 64, 64))
    assert [site.after for site in found.sites] == [tuple(range(order)) for order in range(5)]


def test_a_plan_of_several_operators() -> None:
    model = Nested().eval()
    found = audit(model, picture())
    plan = planned(found, "dysample", [("up", "carafe"), (str(found.sites[0].order), "")])
    assert Placement("up", "carafe") in plan
    assert found.sites[0].name not in [each.site for each in plan]
    swapped, rows = swap_by_plan(model, picture(), plan)
    assert [row.site.name for row in rows] == [each.site for each in plan]
    assert {row.operator.partition("@")[0] for row in rows} == {"dysample", "carafe"}
    wanted = sum(weight.numel() for weight in swapped.parameters())
    assert wanted == sum(weight.numel() for weight in model.parameters()) + sum(
        row.parameters for row in rows
    )


@pytest.mark.parametrize(
    ("exceptions", "said"),
    [([("nowhere", "carafe")], "no site is called 'nowhere'"), ([("up", "magic")], "magic")],
)
def test_a_plan_for_what_there_is_not(exceptions: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        planned(audit(Nested(), picture()), "dysample", exceptions)


def test_what_cannot_be_swapped_says_why() -> None:
    model = Everything().eval()
    resized = next(site for site in audit(model, picture()).sites if site.choice == "never")
    with pytest.raises(ValueError, match="cannot be swapped: It"):
        swap_by_plan(model, picture(), [Placement(resized.name, "dysample")])


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_one_enlargement_starts_as_the_original(mode: str) -> None:
    torch.manual_seed(0)
    model = Interpolating(scale_factor=2, mode=mode).eval()
    start = started(model)
    assert start.exact
    assert value(start.zero_offsets) < 1e-6
    assert value(start.interpolated) < 1e-6
    assert 0 < value(start.fresh) < 0.1


def test_repeated_enlargements_start_as_repeated_interpolation() -> None:
    torch.manual_seed(0)
    model = Interpolating(scale_factor=4, mode="bilinear").eval()
    start = started(model)
    before = model.before(picture())
    once = F.interpolate(before, scale_factor=4, mode="bilinear")
    twice = F.interpolate(
        F.interpolate(before, scale_factor=2, mode="bilinear"), scale_factor=2, mode="bilinear"
    )
    wanted = (model.after(once) - model.after(twice)).abs().max() / model.after(once).abs().max()
    assert not start.exact
    assert start.zero_offsets.value == pytest.approx(wanted.item(), rel=1e-3)
    assert value(start.interpolated) < 1e-6


class _OneLess(Interpolating):
    """Enlarges to one row and column less than twice the size."""

    def forward(self, picture: Tensor) -> Tensor:
        size = tuple(2 * side - 1 for side in picture.shape[2:])
        return self.after(F.interpolate(self.before(picture), size=size, mode="bilinear"))


def test_an_enlargement_to_no_multiple_is_not_exact() -> None:
    """The swap crops a row and a column, so it reads other positions than the original."""
    torch.manual_seed(0)
    start = started(_OneLess().eval())
    assert not start.exact
    assert value(start.zero_offsets) > 1e-4


def test_without_dysample_there_are_no_offsets() -> None:
    model = Interpolating(scale_factor=2).eval()
    start = started(model, "carafe")
    assert start.zero_offsets.value is None
    assert "DySample" in start.zero_offsets.method
    assert value(start.fresh) > 0
