"""Multiply-accumulates (MACs) of a forward pass, counted operation by operation.

One MAC is one multiplication of two values that the network holds or computes, together with the
addition of the product to a sum if there is one. So a product of two maps counts the same whether it
is written as `a * b`, as a matrix product or as a convolution. Multiplications by constants,
divisions, additions, activations, softmax, normalisation, pooling and copies do not count. Taps of
a convolution that fall into its padding do count, as is usual.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost in milliseconds, mebibytes, multiply-accumulates or another unit.

    Attributes:
        value: The number; None if it is not available, never 0 in its place.
        unit: Unit, for example ``"MiB"``.
        method: How the value was obtained; if it is None, why it is not available.
    """

    value: float | int | None
    unit: str
    method: str


UNIT = "MACs"


@dataclass(frozen=True, slots=True)
class MacRule:
    """One convention of counting, by its differences from others.

    Attributes:
        name: Short name.
        deconvolution: Whether the kernel of a transposed convolution is applied once for every
            input pixel, which is true, or counted for every output pixel.
        sampled: Operations for every element that `grid_sample` reads bilinearly.
        interpolated: Operations for every element of a bilinear interpolation on a fixed grid.
    """

    name: str
    deconvolution: Literal["input", "output"]
    sampled: int
    interpolated: int

    @property
    def method(self) -> str:
        """Description of the rule."""
        return (
            f"{self.name}: one forward pass of one image; transposed convolution per {self.deconvolution} "
            f"pixel, {self.sampled} per sampled element, {self.interpolated} per interpolated element"
        )


TRUE = MacRule("true MACs", deconvolution="input", sampled=4, interpolated=4)
# As the paper's figures were counted: kernel times output size, 6 multiplications and 5 additions for
# a sampled element, interpolation left out.
PAPER = MacRule("the paper's rule", deconvolution="output", sampled=11, interpolated=0)


def count_macs(module: nn.Module, *inputs: Tensor, rule: MacRule = TRUE) -> Cost:
    """Run a module once and count its MACs.

    Args:
        module: Module in the mode to count. On the device "meta" nothing is computed or stored.
        inputs: Its inputs, on its device.
        rule: Convention to count by.

    Returns:
        An integer number of MACs for the whole batch; no value if the module uses an operation that
        is not known to the counter, which `method` then names.
    """
    counter = _Counter(rule)
    try:
        with torch.no_grad(), counter:
            module(*inputs)
    except _UnknownOperationError as unknown:
        return Cost(None, UNIT, f"the counter does not know {unknown}")
    return Cost(counter.total, UNIT, rule.method)


class _UnknownOperationError(Exception):
    """An operation that is in none of the lists, which ends the count."""


class _Counter(TorchDispatchMode):
    """Counts every operation that PyTorch dispatches below autograd."""

    def __init__(self, rule: MacRule) -> None:
        super().__init__()
        self.rule = rule
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = str(func.name()).partition(".")[0]
        plain = name.removesuffix("_") if name.startswith("aten::") else name  # relu_ counts as relu
        if plain not in _FORMULAS and plain not in _WITHOUT_MACS:
            raise _UnknownOperationError(name)
        output = func(*args, **(kwargs or {}))
        if plain in _FORMULAS:
            self.total += _FORMULAS[plain](self.rule, args, output)
        return output


Formula = Callable[[MacRule, tuple[Any, ...], Any], int]


def _convolution(rule: MacRule, args: tuple[Any, ...], output: Tensor) -> int:
    x, weight, transposed = args[0], args[1], args[6]
    applied_to: Tensor = x if transposed and rule.deconvolution == "input" else output
    return applied_to.shape[0] * prod(applied_to.shape[2:]) * weight.numel()


def _matrix_product(first: int) -> Formula:
    """Count the product of the argument `first` and the next one."""
    return lambda rule, args, output: args[first].numel() * args[first + 1].shape[-1]


def _vector_product(rule: MacRule, args: tuple[Any, ...], output: Tensor) -> int:
    return args[0].numel()


def _attention(rule: MacRule, args: tuple[Any, ...], output: Any) -> int:
    """Count queries times keys, then weights times values; softmax and scaling do not count."""
    query, key, value = args[:3]
    return prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _product(rule: MacRule, args: tuple[Any, ...], output: Tensor) -> int:
    """Count a product of two maps; scalars are constants, and integers are positions."""
    maps = all(isinstance(factor, Tensor) and factor.ndim for factor in args[:2])
    return output.numel() if maps and output.is_floating_point() else 0


def _grid_sample(rule: MacRule, args: tuple[Any, ...], output: Tensor) -> int:
    modes = {0: rule.sampled, 1: 0}  # bilinear, nearest
    if args[2] not in modes:
        raise _UnknownOperationError(f"aten::grid_sampler_2d in interpolation mode {args[2]}")
    return output.numel() * modes[args[2]]


def _sample(rule: MacRule, args: tuple[Any, ...], output: Tensor) -> int:
    return output.numel() * rule.sampled


def _decide(rule: MacRule, args: tuple[Any, ...], output: Tensor) -> int:
    """Count one convolution; with a dynamic scope, two and the product of offsets and scopes."""
    x, weight, scope_weight = args[0], args[1], args[3]
    convolved = x.numel() // weight.shape[1] * weight.numel()
    return convolved if scope_weight is None else 2 * convolved + output.numel()


def _interpolation(rule: MacRule, args: tuple[Any, ...], output: Tensor) -> int:
    return output.numel() * rule.interpolated


_ATTENTIONS = (
    "flash_attention",
    "flash_attention_for_cpu",
    "efficient_attention",
    "cudnn_attention",
    "fused_attention_overrideable",
)

_FORMULAS: Mapping[str, Formula] = {
    "aten::convolution": _convolution,
    "aten::mm": _matrix_product(0),
    "aten::bmm": _matrix_product(0),
    "aten::addmm": _matrix_product(1),
    "aten::baddbmm": _matrix_product(1),
    "aten::mv": _vector_product,
    "aten::dot": _vector_product,
    "aten::mul": _product,
    "aten::grid_sampler_2d": _grid_sample,
    "dysample::sample": _sample,
    "dysample::decide": _decide,
    "aten::upsample_bilinear2d": _interpolation,
    **{f"aten::_scaled_dot_product_{kind}": _attention for kind in _ATTENTIONS},
}

# Operations added here must not multiply two values and sum up the products.
_NEW_TENSORS = """
    empty empty_like empty_strided new_empty new_empty_strided zeros zeros_like new_zeros ones ones_like
    new_ones full full_like new_full arange linspace eye scalar_tensor fill zero
"""
_MOVES = """
    view _unsafe_view reshape _reshape_alias as_strided expand permute transpose t select slice squeeze
    unsqueeze unfold alias detach diagonal split unsafe_split
    split_with_sizes unbind clone copy contiguous _to_copy
    lift_fresh repeat cat stack constant_pad_nd replication_pad2d reflection_pad2d roll flip im2col col2im
    pixel_shuffle pixel_unshuffle channel_shuffle index index_select gather scatter scatter_add index_put
    index_add masked_fill where upsample_nearest2d _upsample_nearest_exact2d
"""
_ELEMENTWISE = """
    add sub rsub div floor_divide neg abs sign exp exp2 log log1p sqrt rsqrt reciprocal pow square sin cos
    floor ceil round trunc clamp clamp_min clamp_max minimum maximum remainder fmod eq ne lt le gt ge
    logical_and logical_or logical_not bitwise_and bitwise_or bitwise_not relu leaky_relu hardtanh
    hardsigmoid hardswish elu gelu silu sigmoid tanh softplus
"""
_REDUCTIONS = """
    sum mean amax amin max min argmax argmin any all _softmax _safe_softmax _log_softmax
    native_layer_norm
    native_group_norm native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
    max_pool2d_with_indices avg_pool2d _adaptive_avg_pool2d
"""
_QUESTIONS = "promote_types result_type sym_size sym_stride sym_numel is_same_size"
_WITHOUT_MACS = frozenset(
    f"aten::{name}"
    for names in (_NEW_TENSORS, _MOVES, _ELEMENTWISE, _REDUCTIONS, _QUESTIONS)
    for name in names.split()
)
