"""The modules that a swap puts into a model."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode


class Enlargement(nn.Module):
    """Upsamplers one after the other, in the place of one interpolation."""

    def __init__(
        self, steps: Sequence[nn.Module], *, channels: int, scale: int, mode: str, align_corners: bool
    ) -> None:
        """Remember what it stands for.

        Args:
            steps: Upsamplers whose scales multiply to `scale`.
            channels: Channels of the map.
            scale: Enlargement of the whole.
            mode: Of the interpolation that it replaces.
            align_corners: Of the interpolation that it replaces.
        """
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.channels = channels
        self.scale = scale
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` by `scale`."""
        with Redirect({}):  # an upsampler may interpolate: no call of the module around it
            for step in self.steps:
                x = step(x)
        return x

    def instead_of(
        self,
        input: Tensor,
        size: int | Sequence[int] | None = None,
        scale_factor: int | float | Sequence[int | float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
        antialias: bool = False,
    ) -> Tensor:
        """Answer a call of `F.interpolate` with its arguments.

        A target size within one step of `scale` times the input's is met by crop or pad at right and
        bottom. A call of another kind than this stands for is interpolated, as the model would have.
        """
        wanted = (mode, bool(align_corners), self.channels)
        if input.ndim == 4 and wanted == (self.mode, self.align_corners, input.shape[1]):
            if size is not None:
                rows, columns = (size, size) if isinstance(size, int) else size
                if self._reaches(input.shape[2], rows) and self._reaches(input.shape[3], columns):
                    return fit(self(input), rows, columns)
            elif all(factor == self.scale for factor in _pair(scale_factor)):
                return self(input)
        return interpolate(
            input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias=antialias
        )

    def _reaches(self, side: int, target: int) -> bool:
        return target == self.scale * side or abs(target - self.scale * side) < self.scale

    def extra_repr(self) -> str:
        """Name the scale in the printed module."""
        return f"scale={self.scale}, instead of {self.mode}"


class Reprojection(nn.Module):
    """A 1x1 convolution and an upsampler, in the place of a transposed convolution or pixel shuffle.

    It starts from the mean that the old module gives to the pixels which it makes of one.
    """

    def __init__(self, project: nn.Conv2d, enlargement: Enlargement, *, margin: tuple[int, int]) -> None:
        """Join the two.

        Args:
            project: To the channels of the output, at the size of the input.
            enlargement: Of what it gives.
            margin: Rows and columns that the old module's output has beyond `scale` times the input.
        """
        super().__init__()
        self.project = project
        self.enlargement = enlargement
        self.margin = margin

    def forward(
        self, x: Float[Tensor, "b c h w"], output_size: Sequence[int] | None = None
    ) -> Float[Tensor, "b k H W"]:
        """Enlarge, to `output_size` where a transposed convolution would be told one."""
        large = self.enlargement(self.project(x))
        if output_size is not None:
            return fit(large, *output_size[-2:])
        return fit(large, large.shape[2] + self.margin[0], large.shape[3] + self.margin[1])


def fit(x: Float[Tensor, "b c h w"], rows: int, columns: int) -> Float[Tensor, "b c H W"]:
    """Crop at right and bottom, or repeat the last row and column there."""
    if x.shape[2] == rows and x.shape[3] == columns:
        return x
    cropped = x[:, :, :rows, :columns]
    missing = (0, columns - cropped.shape[3], 0, rows - cropped.shape[2])
    return F.pad(cropped, missing, mode="replicate") if any(missing) else cropped


def projection(module: nn.Module, channels: int) -> nn.Conv2d:
    """The 1x1 convolution that gives the mean of what a module makes of a pixel.

    Args:
        module: A transposed convolution, or a pixel shuffle of `channels` channels.
        channels: Of its input.
    """
    if isinstance(module, nn.PixelShuffle):
        factor = module.upscale_factor**2
        made = nn.Conv2d(channels, channels // factor, 1, groups=channels // factor, bias=False)
        nn.init.constant_(made.weight, 1 / factor)
        return made
    old = cast(nn.ConvTranspose2d, module)
    made = nn.Conv2d(channels, old.out_channels, 1, groups=old.groups, bias=old.bias is not None)
    pixels = old.stride[0] * old.stride[1]
    with torch.no_grad():
        response = old.weight.sum(dim=(2, 3)).unflatten(0, (old.groups, -1)).transpose(1, 2) / pixels
        made.weight.copy_(response.flatten(0, 1)[:, :, None, None])
        if made.bias is not None and old.bias is not None:
            made.bias.copy_(old.bias)
    return made


def _pair(factor: int | float | Sequence[int | float] | None) -> Sequence[int | float]:
    return (factor, factor) if isinstance(factor, int | float) else factor or (0.0,)


# Modules whose own calls of `F.interpolate` are answered by upsamplers that they hold.
#
# A module gets a subclass of its own class, made here, whose `forward` runs in a mode that counts the
# calls. All that a call needs is local to that forward, so several threads can run one model.


# Where a module keeps its upsamplers, by the index of the call; also the first part of their keys in
# the state_dict.
HELD = "swapped_upsamplers"


class Redirect(TorchFunctionMode):
    """While active, the n-th call of `F.interpolate` goes to the n-th upsampler, where there is one.

    The other calls are carried out, hidden from modes outside: those belong to modules around this one,
    and count their own calls alone.
    """

    def __init__(self, upsamplers: nn.ModuleDict | dict[str, nn.Module]) -> None:
        """Begin to count.

        Args:
            upsamplers: By index of the call, in decimal; each has `instead_of`.
        """
        super().__init__()
        self.upsamplers = upsamplers
        self.calls = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answer one call."""
        if func is not F.interpolate:
            return func(*args, **(kwargs or {}))
        key = str(self.calls)
        self.calls += 1
        if key in self.upsamplers:
            return cast(Any, self.upsamplers[key]).instead_of(*args, **(kwargs or {}))
        return interpolate(*args, **(kwargs or {}))


def interpolate(*args: Any, **kwargs: Any) -> torch.Tensor:
    """`F.interpolate`, which no mode around it sees."""
    with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
        return F.interpolate(*args, **kwargs)


class Redirecting:
    """Marks the classes made here; `redirected_base` is the class of which each was made."""

    redirected_base: type[nn.Module]


def redirectable(module: nn.Module) -> bool:
    """Whether a subclass can take the module's `forward` over.

    It cannot where `forward` is an attribute of the object (set by hand, or by accelerate), nor in a graph
    of torch.fx, whose class is made for it alone.
    """
    return "forward" not in vars(module) and not isinstance(module, GraphModule)


def release(module: nn.Module) -> None:
    """Give a module the class back that it had, in place: its upsamplers stay, unused."""
    if isinstance(module, Redirecting):
        cast(Any, module).__class__ = module.redirected_base


def hold(module: nn.Module) -> nn.ModuleDict:
    """Make a module redirect its calls, in place; gives the dict, empty at first, of its upsamplers."""
    if not isinstance(module, Redirecting):
        module.__class__ = _redirected(type(module))
        module.add_module(HELD, nn.ModuleDict())
    return cast(nn.ModuleDict, module.get_submodule(HELD))


def held(module: nn.Module) -> frozenset[int]:
    """Which calls of a module's own `forward` upsamplers answer."""
    return frozenset(map(int, hold(module))) if isinstance(module, Redirecting) else frozenset()


@functools.cache
def _redirected(base: type[nn.Module]) -> type[nn.Module]:
    # Whatever the base takes is passed on: its signature is not ours to know.
    @functools.wraps(base.forward)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with Redirect(getattr(self, HELD)):
            return base.forward(self, *args, **kwargs)

    def reduce_ex(self: Any, protocol: Any) -> tuple[Any, ...]:
        # A class made while running cannot be imported, so pickles name the one that it was made of.
        return _rebuild, (base,), self.__getstate__()

    # Named as the base: some libraries look settings up by the name of a class.
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    members = {"redirected_base": base, "forward": forward, "__reduce_ex__": reduce_ex}
    return type(base.__name__, (Redirecting, base), {**names, **members})


def _rebuild(base: type[nn.Module]) -> nn.Module:
    redirected = _redirected(base)
    return redirected.__new__(redirected)
