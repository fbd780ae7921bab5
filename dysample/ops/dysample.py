"""DySample: upsampling by dynamic point sampling (Sec. 3, Eqs. 1-5, Figures 2, 3 and 6).

A 1x1 convolution predicts how far every sampling point moves from its place on a regular grid; the
low-res map is then read at the moved points.
"""

from typing import Any, Literal

import torch
import torch.fx
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import (
    InitialGrid,
    cached_positions,
    check_initial,
    check_map,
    check_scale,
    coordinate_dtype,
    initial_positions,
    sample,
)
from dysample.kernels.choice import upsample
from dysample.ops.upsampler import Upsampler
from dysample.types import SamplingRecord

# What depends on a map's shape or dtype, which torch.fx does not know while it traces: one node each.
torch.fx.wrap("cached_positions")
torch.fx.wrap("check_map")
torch.fx.wrap("coordinate_dtype")
torch.fx.wrap("sample")

Style = Literal["lp", "pl"]
OFFSET_STD = 0.001


class DySample(Upsampler):
    """Upsample by reading the low-res map at predicted points.

    =============  =====  =============  ======
    name           style  dynamic_scope  groups
    =============  =====  =============  ======
    DySample       lp     no             4
    DySample+      lp     yes            4
    DySample-S     pl     no             8
    DySample-S+    pl     yes            8
    =============  =====  =============  ======
    """

    def __init__(
        self,
        channels: int,
        *,
        scale: int = 2,
        groups: int = 4,
        style: Style = "lp",
        dynamic_scope: bool = False,
        scope: float = 0.25,
        initial: InitialGrid = "bilinear",
    ) -> None:
        """Initialise for maps of `channels` channels.

        Args:
            channels: Channels of the map, a multiple of `groups` (and of scale squared for "pl").
            scale: Enlargement s, an integer of at least 2.
            groups: Groups of channels that share their offsets (Sec. 3.2).
            style: "lp" predicts offsets at low resolution, then shuffles them (linear + pixel shuffle);
                "pl" shuffles the features first (Figure 6).
            dynamic_scope: Predict a scope in (0, 2 * scope) for every point (Eq. 5).
            scope: Static scope factor (Eq. 4), or the initial value of a dynamic scope.
            initial: Grid on which the points start (Figure 3).

        Raises:
            ValueError: An option is invalid or does not fit another; the message names rule and value.
        """
        _check_options(channels, scale, groups, style, scope, initial)
        super().__init__(channels, scale=scale)
        self.groups = groups
        self.style: Style = style
        self.scope_factor = scope
        self.initial: InitialGrid = initial
        shuffled = scale * scale if style == "pl" else 1
        inputs, outputs = channels // shuffled, 2 * groups * scale * scale // shuffled
        self.offset = nn.Conv2d(inputs, outputs, kernel_size=1)
        self.scope = nn.Conv2d(inputs, outputs, kernel_size=1, bias=False) if dynamic_scope else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise close to plain interpolation: tiny offsets, and dynamic scopes at the static value."""
        nn.init.normal_(self.offset.weight, std=OFFSET_STD)
        if self.scope is not None:
            nn.init.zeros_(self.scope.weight)
        for linear in (self.offset, self.scope):
            if linear is not None and linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def plan(self, x: Float[Tensor, "b c h w"]) -> SamplingRecord:
        """Predict where to read `x` (Eqs. 2-5).

        Returns:
            Grid, offsets and scope, in at least float32 whatever the dtype of `x`, also under autocast.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        check_map(x, self.channels)
        return self._move(x, initial_positions(*x.shape[2:], scale=self.scale, like=x, initial=self.initial))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times: plan the points, then read there.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        check_map(x, self.channels)
        height, width = x.shape[2:]
        initial = cached_positions(height, width, scale=self.scale, like=x, initial=self.initial)
        factor, scale, groups = self.scope_factor, self.scale, self.groups
        output = upsample(x, initial, self.offset, self.scope, factor=factor, scale=scale, groups=groups)
        return sample(x, self._move(x, initial).points) if output is None else output

    def _move(self, x: Float[Tensor, "b c h w"], initial: Float[Tensor, "1 1 2 H W"]) -> SamplingRecord:
        """Predict how far every point moves from its initial position (Eqs. 2-5)."""
        raw = self._per_point(self.offset, x)
        if self.scope is None:
            return SamplingRecord(initial, self.scope_factor * raw, self.scope_factor)
        scope = 2 * self.scope_factor * torch.sigmoid(self._per_point(self.scope, x))
        return SamplingRecord(initial, scope * raw, scope)

    def _per_point(self, linear: nn.Conv2d, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b g 2 H W"]:
        """Predict (x, y) for every output point; channels are ordered (axis, group, sub-row, sub-column)."""
        batch, channels, height, width = x.shape
        per_pixel = self.scale * self.scale
        if self.style == "pl":
            # Figure 6 shuffles the features here. Stacking the sub-positions vertically presents the same
            # pixels to the 1x1 convolution without a copy; the few offsets are shuffled instead.
            x = x.reshape(batch, channels // per_pixel, per_pixel * height, width)
        # With channels last, reordering the few offsets before the shuffle is faster than after it.
        predicted = linear(x).contiguous().view(batch, 2 * self.groups * per_pixel, height, width)
        shuffled = F.pixel_shuffle(predicted, self.scale)
        sides = self.scale * height, self.scale * width
        by_axis = shuffled.reshape(batch, 2, self.groups, *sides).transpose(1, 2)
        return by_axis.to(coordinate_dtype(by_axis.dtype))

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load checkpoints of this class and the published ones, strictly.

        Published files store the initial grid as `init_pos`. It follows from the options, so it is only
        compared. Some also store a bias of the scope, which changes the function and is kept.
        `state_dict` is torch's copy, so removing a key does not affect the caller.
        """
        published = state_dict.pop(prefix + "init_pos", None)
        if published is not None:
            _check_published_grid(prefix + "init_pos", published, self.scale, self.groups, self.initial)
        if self.scope is not None and prefix + "scope.weight" in state_dict:
            _match_bias(self.scope, has_bias=prefix + "scope.bias" in state_dict)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def extra_repr(self) -> str:
        """Name the options in the printed module."""
        return (
            f"{super().extra_repr()}, groups={self.groups}, style={self.style!r}, "
            f"dynamic_scope={self.scope is not None}, scope={self.scope_factor}, initial={self.initial!r}"
        )


def _check_options(
    channels: int, scale: int, groups: int, style: Style, scope: float, initial: InitialGrid
) -> None:
    check_scale(scale, least=2)
    check_initial(initial)
    if type(groups) is not int or groups < 1:
        raise ValueError(f"groups must be an integer of at least 1, got {groups!r}")
    if type(channels) is not int or channels < 1 or channels % groups:
        raise ValueError(f"channels must be a positive multiple of groups={groups}, got {channels!r}")
    if style not in ("lp", "pl"):
        raise ValueError(f"style must be 'lp' or 'pl', got {style!r}")
    if style == "pl" and channels % (scale * scale):
        raise ValueError(
            f"channels must be a multiple of scale squared ({scale * scale}) for style 'pl', got {channels}"
        )
    if not 0 < scope < float("inf"):
        raise ValueError(f"scope must be a positive number, got {scope!r}")


def _match_bias(linear: nn.Conv2d, *, has_bias: bool) -> None:
    """Add or remove the bias of a convolution to match the checkpoint about to be loaded."""
    if not has_bias:
        linear.bias = None
    elif linear.bias is None:
        weight = linear.weight
        linear.bias = nn.Parameter(torch.zeros_like(weight[:, 0, 0, 0]), requires_grad=weight.requires_grad)


def _check_published_grid(key: str, published: Tensor, scale: int, groups: int, initial: InitialGrid) -> None:
    """Check that a checkpoint's `init_pos`, (1, 2 g s^2, 1, 1), is the grid that the options imply."""
    unmoved = initial_positions(1, 1, scale=scale, like=published, initial=initial)[0, 0] - 0.5
    expected = unmoved.reshape(2, 1, -1).expand(2, groups, -1).reshape(1, -1, 1, 1)
    if published.shape != expected.shape or not torch.allclose(published.to(expected), expected, atol=1e-3):
        raise ValueError(
            f"the checkpoint's {key} (shape {tuple(published.shape)}) is not the {initial} grid of "
            f"scale={scale}, groups={groups}: build DySample with the options it was trained with"
        )
