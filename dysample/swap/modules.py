"""The modules that a swap puts into a model, and the redirection of `F.interpolate` calls to them."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.fx
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.fx import GraphModule, Proxy
from torch.overrides import TorchFunctionMode

# Attribute under which a module holds its upsamplers by index of the call; part of their state_dict keys.
HELD = "swapped_upsamplers"


class Enlargement(nn.Module):
    """A sequence of upsamplers in the place of one interpolation."""

    def __init__(
        self, steps: Sequence[nn.Module], *, channels: int, scale: int, mode: str, align_corners: bool
    ) -> None:
        """Store the upsamplers and the call that they replace.

        Args:
            steps: Upsamplers whose scales multiply to `scale`.
            channels: Channels of the map.
            scale: Total enlargement.
            mode: Mode of the interpolation that it replaces.
            align_corners: Whether that interpolation aligns corners.
        """
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.channels = channels
        self.scale = scale
        self.mode = mode
        self.align_corners = align_corners

    def forward(
        self,
        x: Float[Tensor, "b c h w"],
        size: int | Sequence[int] | None = None,
        scale_factor: int | float | Sequence[int | float] | None = None,
        recompute_scale_factor: bool | None = None,
        antialias: bool = False,
    ) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` by `scale`, or, with a size or a scale, as `instead_of` does in the mode replaced."""
        if size is not None or scale_factor is not None:
            options = (self.mode, self.align_corners or None, recompute_scale_factor, antialias)
            return self.instead_of(x, size, scale_factor, *options)
        with Redirect({}):  # do not count an upsampler's own interpolations as calls of the module around it
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
        """Handle a call of `F.interpolate` with the same arguments.

        A target size that differs from `scale` times the input's by less than `scale` is met by cropping or
        padding at the right and bottom. Calls that differ from the one replaced are interpolated as before.
        """
        if isinstance(input, Proxy):
            return self._traced(
                input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias
            )
        replaced = (self.mode, self.align_corners, self.channels)
        if input.ndim == 4 and (mode, bool(align_corners), input.shape[1]) == replaced:
            if size is not None:
                rows, columns = (size, size) if isinstance(size, int) else size
                if self._reaches(input.shape[2], rows) and self._reaches(input.shape[3], columns):
                    return fit(self(input), rows, columns)
            elif all(factor == self.scale for factor in _pair(scale_factor)):
                return self(input)
        return interpolate(
            input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias=antialias
        )

    def _traced(
        self, x: Any, size: Any, scale_factor: Any, mode: str, align_corners: bool | None, *options: Any
    ) -> Any:
        """Let torch.fx record a call of this module, which decides by the shapes when the graph runs."""
        if (mode, bool(align_corners)) != (self.mode, self.align_corners):
            return interpolate(x, size, scale_factor, mode, align_corners, options[0], antialias=options[1])

        def record(*arguments: Any) -> Any:
            return x.tracer.create_proxy("call_module", x.tracer.path_of_module(self), arguments, {})

        return x.tracer.call_module(self, record, (x, size, scale_factor, *options), {})

    def _reaches(self, side: int, target: int) -> bool:
        return target == self.scale * side or abs(target - self.scale * side) < self.scale

    def extra_repr(self) -> str:
        """Return the scale and the replaced mode, for printing."""
        return f"scale={self.scale}, instead of {self.mode}"


def _pair(factor: int | float | Sequence[int | float] | None) -> Sequence[int | float]:
    return (factor, factor) if isinstance(factor, int | float) else factor or (0.0,)


class Reprojection(nn.Module):
    """A 1x1 convolution and an upsampler in the place of a transposed convolution or pixel shuffle.

    The convolution starts from the mean over the output pixels that the old module makes of one input pixel.
    """

    def __init__(self, project: nn.Conv2d, enlargement: Enlargement, *, margin: tuple[int, int]) -> None:
        """Store the two modules.

        Args:
            project: Convolution to the channels of the output, at the size of the input.
            enlargement: Upsampler of its output.
            margin: Rows and columns by which the old module's output exceeds `scale` times the input.
        """
        super().__init__()
        self.project = project
        self.enlargement = enlargement
        self.margin = margin

    def forward(
        self, x: Float[Tensor, "b c h w"], output_size: Sequence[int] | None = None
    ) -> Float[Tensor, "b k H W"]:
        """Enlarge `x`, to `output_size` if given, as a transposed convolution would."""
        large = self.enlargement(self.project(x))
        if output_size is not None:
            return fit(large, *output_size[-2:])
        return fit(large, large.shape[2] + self.margin[0], large.shape[3] + self.margin[1])


@torch.fx.wrap
def fit(x: Float[Tensor, "b c h w"], rows: int, columns: int) -> Float[Tensor, "b c H W"]:
    """Crop at the right and bottom, or repeat the last column and row there, to the given size."""
    # A trace also runs at sizes where there is more or less to crop.
    traced = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    if not traced and x.shape[2] == rows and x.shape[3] == columns:
        return x
    cropped = x[:, :, :rows, :columns]
    missing = (0, columns - cropped.shape[3], 0, rows - cropped.shape[2])
    return F.pad(cropped, missing, mode="replicate") if traced or any(missing) else cropped


def projection(module: nn.Module, channels: int) -> nn.Conv2d:
    """Return the 1x1 convolution that computes the mean over the output pixels of one input pixel.

    Args:
        module: A transposed convolution, or a pixel shuffle of `channels` channels.
        channels: Channels of its input.
    """
    if isinstance(module, nn.PixelShuffle):
        factor = module.upscale_factor**2
        mean = nn.Conv2d(channels, channels // factor, 1, groups=channels // factor, bias=False)
        nn.init.constant_(mean.weight, 1 / factor)
        return mean
    old = cast(nn.ConvTranspose2d, module)
    new = nn.Conv2d(channels, old.out_channels, 1, groups=old.groups, bias=old.bias is not None)
    pixels = old.stride[0] * old.stride[1]
    with torch.no_grad():
        response = old.weight.sum(dim=(2, 3)).unflatten(0, (old.groups, -1)).transpose(1, 2) / pixels
        new.weight.copy_(response.flatten(0, 1)[:, :, None, None])
        if new.bias is not None and old.bias is not None:
            new.bias.copy_(old.bias)
    return new


class Redirect(TorchFunctionMode):
    """While active, the n-th call of `F.interpolate` goes to the n-th upsampler, if there is one.

    Other calls are executed hidden from outer modes, which belong to modules around this one and must
    count only the calls of those.
    """

    def __init__(self, upsamplers: nn.ModuleDict | dict[str, nn.Module]) -> None:
        """Start counting at zero.

        Args:
            upsamplers: Modules with a method `instead_of`, by decimal index of the call.
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
        """Execute one call, or redirect it."""
        if func is not F.interpolate:
            return func(*args, **(kwargs or {}))
        key = str(self.calls)
        self.calls += 1
        if key in self.upsamplers:
            return cast(Any, self.upsamplers[key]).instead_of(*args, **(kwargs or {}))
        return interpolate(*args, **(kwargs or {}))


@torch.fx.wrap
def interpolate(*args: Any, **kwargs: Any) -> torch.Tensor:
    """Call `F.interpolate`, hidden from all active modes."""
    with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
        return F.interpolate(*args, **kwargs)


class Redirecting:
    """Base of the generated subclasses whose `forward` redirects a module's calls of `F.interpolate`.

    All state of a call is local to `forward`, so several threads can run one model.

    Attributes:
        redirected_base: The class that was subclassed.
    """

    redirected_base: type[nn.Module]


def redirectable(module: nn.Module) -> bool:
    """Return whether a subclass can override the module's `forward`.

    It cannot if `forward` is an attribute of the object (set by hand, or by accelerate), nor for a graph of
    torch.fx, which has a class of its own.
    """
    return "forward" not in vars(module) and not isinstance(module, GraphModule)


def hold(module: nn.Module) -> nn.ModuleDict:
    """Make a module redirect its calls, in place, and return its upsamplers, none at first."""
    if not isinstance(module, Redirecting):
        module.__class__ = _redirected(type(module))
        module.add_module(HELD, nn.ModuleDict())
    return cast(nn.ModuleDict, module.get_submodule(HELD))


def held(module: nn.Module) -> frozenset[int]:
    """Return the indices of the calls in a module's own `forward` that upsamplers handle."""
    return frozenset(map(int, hold(module))) if isinstance(module, Redirecting) else frozenset()


def release(module: nn.Module) -> None:
    """Restore a module's original class in place; its upsamplers stay, unused."""
    if isinstance(module, Redirecting):
        cast(Any, module).__class__ = module.redirected_base


@functools.cache
def _redirected(base: type[nn.Module]) -> type[nn.Module]:
    # Pass all arguments on: the signature is the base's.
    @functools.wraps(base.forward)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with Redirect(getattr(self, HELD)):
            return base.forward(self, *args, **kwargs)

    def reduce_ex(self: Any, protocol: Any) -> tuple[Any, ...]:
        # A generated class cannot be imported, so pickles name its base.
        return _rebuild, (base,), self.__getstate__()

    # The name of the base, since some libraries look settings up by class name.
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    members = {"redirected_base": base, "forward": forward, "__reduce_ex__": reduce_ex}
    return type(base.__name__, (Redirecting, base), {**names, **members})


def _rebuild(base: type[nn.Module]) -> nn.Module:
    redirected = _redirected(base)
    return redirected.__new__(redirected)
