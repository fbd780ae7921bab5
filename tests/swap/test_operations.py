"""Enlargements in exported, scripted and traced programs, and by operations: reported, never overlooked."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export.unflatten import unflatten
from torch.fx.experimental.proxy_tensor import make_fx

from dysample import audit, swap_upsamplers
from tests.swap.networks import Everything, Interpolating, Nested, picture
from tests.swap.test_audit_idioms import KERNEL, Written

aten = torch.ops.aten


@pytest.mark.parametrize(
    ("enlarge", "mode", "said"),
    [
        (lambda x: aten.upsample_nearest2d(x, None, [2.0, 2.0]), "nearest", "`aten.upsample_nearest2d`"),
        (
            lambda x: aten.upsample_bilinear2d.default(x, [32, 48], True),
            "bilinear",
            "`aten.upsample_bilinear2d`",
        ),
        (
            lambda x: aten._upsample_nearest_exact2d(x, [32, 48]),
            "nearest-exact",
            "`aten._upsample_nearest_exact2d`",
        ),
        (
            lambda x: aten._upsample_bicubic2d_aa(x, [32, 48], False),
            "bicubic",
            "`aten._upsample_bicubic2d_aa`",
        ),
        (
            lambda x: torch._C._nn.upsample_bicubic2d(x, [32, 48], False),
            "bicubic",
            "`aten.upsample_bicubic2d`",
        ),
        (lambda x: aten.pixel_shuffle(torch.cat([x] * 4, 1), 2), "shuffle", "`aten.pixel_shuffle`"),
        (
            lambda x: torch.convolution(x, KERNEL, None, [2, 2], [0, 0], [1, 1], True, [0, 0], 1),
            "learned",
            "`aten.convolution`",
        ),
        (
            lambda x: torch._C._nn.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), [16, 24]),
            "unpool",
            "`aten.max_unpool2d`",
        ),
    ],
)
def test_operations_that_are_called_directly(
    enlarge: Callable[[Tensor], Tensor], mode: str, said: str
) -> None:
    model = Written(enlarge)
    swapped, report = swap_upsamplers(model, picture(), where=lambda site: True)
    (row,) = report.rows
    assert (row.site.kind, row.site.mode, row.site.choice) == ("functional", mode, "never")
    assert row.site.scale == 2
    assert said in row.reason
    assert "itself" in row.reason
    assert row.site.source.startswith("swap/test_operations.py:")
    assert torch.equal(swapped(picture()), model(picture()))


def test_aligned_corners_of_operations() -> None:
    (site,) = audit(Written(lambda x: aten.upsample_bilinear2d(x, [32, 48], True)), picture()).sites
    assert site.align_corners
    assert site.name == "[bilinear 0]"


def _plainly_enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x * 2, scale_factor=2.0) + 1


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("kind", ["scripted", "traced", "elsewhere"])
def test_scripted_functions(kind: str) -> None:
    scripted = torch.jit.script(_plainly_enlarged)
    functions: dict[str, Any] = {
        "scripted": scripted,
        "traced": torch.jit.trace(_plainly_enlarged, torch.rand(1, 8, 4, 4)),
        "elsewhere": lambda x: scripted(x),
    }
    model = Written(functions[kind])
    swapped, report = swap_upsamplers(model, picture())
    (row,) = report.rows
    assert (row.site.input, row.site.output) == ((1, 8, 16, 24), (1, 8, 32, 48))
    assert row.reason.startswith("A scripted function or an extension runs `aten.upsample_nearest2d`")
    assert torch.equal(swapped(picture()), model(picture()))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_maps_are_followed_through_scripted_functions() -> None:
    scripted = torch.jit.script(_plainly_enlarged)
    hidden, after = audit(Written(lambda x: F.interpolate(scripted(x), scale_factor=2)), picture()).sites
    assert (hidden.choice, after.choice) == ("never", "swap")
    assert after.after == (hidden.order,)


@pytest.mark.unhooked
@pytest.mark.parametrize("kind", ["exported", "decomposed", "unflattened"])
def test_exported_programs(kind: str) -> None:
    program = torch.export.export(Nested().eval(), (picture(),))
    model = {
        "exported": lambda: program.module(),
        "decomposed": lambda: program.run_decompositions().module(),
        "unflattened": lambda: unflatten(program),
    }[kind]()
    wanted = model(picture())
    swapped, report = swap_upsamplers(model, picture())
    # Every call on its own, for the module that is called twice is in the program twice.
    assert sum(row.site.times for row in report.rows) == 9
    assert all("in a program of torch.export or torch.fx" in row.reason for row in report.rows)
    assert {row.site.source for row in report.rows} == {"generated code"}
    assert torch.equal(swapped(picture()), wanted)
    assert torch.equal(model(picture()), wanted)
    with pytest.raises(ValueError, match=r"must be a torch\.nn\.Module, got ExportedProgram"):
        audit(program, picture())


@pytest.mark.unhooked
def test_every_kind_in_an_exported_program() -> None:
    program = torch.export.export(Everything().eval(), (picture(32, 32),)).module()
    found = audit(program, picture(32, 32))
    modes = [site.mode for site in audit(Everything(), picture(32, 32)).sites]
    assert [site.mode for site in found.sites] == modes
    assert {site.choice for site in found.sites} == {"never"}


@pytest.mark.unhooked
def test_graphs_of_operations() -> None:
    (site,) = audit(make_fx(Interpolating(scale_factor=2))(picture()), picture()).sites
    assert (site.choice, site.mode, site.scale) == ("never", "nearest", 2)


class _Compiling(nn.Module):
    """Calls a compiled function."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, 8, 3, padding=1)
        self.after = nn.Conv2d(8, 2, 1)
        self.enlarge = torch.compile(_plainly_enlarged, backend="aot_eager")

    def forward(self, picture: Tensor) -> Tensor:
        return self.after(self.enlarge(self.before(picture)))


@pytest.mark.unhooked
def test_compiled_functions_are_swapped() -> None:
    model = _Compiling()
    swapped, report = swap_upsamplers(model, picture())
    assert len(report.swapped) == 1
    upsampler = swapped.get_submodule("swapped_upsamplers.0")
    with torch.no_grad():
        wanted = model.after(upsampler(model.before(picture()) * 2) + 1)
        torch.testing.assert_close(swapped(picture()), wanted)


@torch.library.custom_op("swap_tests::enlarge", mutates_args=())
def _enlarged_by_an_extension(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)


def test_operations_of_extensions() -> None:
    own, after = audit(
        Written(lambda x: F.interpolate(_enlarged_by_an_extension(x), scale_factor=2)), picture()
    ).sites
    assert (own.mode, own.scale, own.choice) == ("custom", 2, "never")
    assert own.reason.startswith("A scripted function or an extension runs `swap_tests.enlarge`")
    assert after.choice == "swap"


def test_enlargements_in_hooks() -> None:
    model = Interpolating(scale_factor=2)
    model.register_forward_pre_hook(lambda module, inputs: (F.interpolate(inputs[0], scale_factor=2),))
    hooked, own = audit(model, picture()).sites
    assert hooked.choice == "never"
    assert hooked.reason.startswith("A hook calls it")
    assert (hooked.name, own.name) == ("[hook 0]", "[0]")
    assert (own.input, own.output) == ((1, 8, 32, 48), (1, 8, 64, 96))


def test_a_model_without_sites_says_so() -> None:
    model = nn.Conv2d(3, 1, 1)
    for words in (str(audit(model, picture())), str(swap_upsamplers(model, picture())[1])):
        assert words.startswith("Nothing that changes the size of a map was found.")
        assert "grid_sample" in words
