"""Where networks compute and how precisely: devices by name, and PyTorch's settings for a precision."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Literal, get_args

import torch

Precision = Literal["auto", "float32", "bfloat16"]
ChosenPrecision = Literal["float32", "bfloat16"]


def device_named(name: str | None) -> torch.device:
    """Return the device of a name; without one, CUDA if there is a device, else the CPU.

    Raises:
        ValueError: This machine, or this PyTorch, has no such device; the message says why.
    """
    if not name:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), "").partition(". ")[0]
        raise ValueError(f"device must be one that this machine has, got {name!r}: {reason}") from error
    return device


def precision_on(device: torch.device, wish: Precision = "auto") -> ChosenPrecision:
    """Return the precision in which networks compute on a device.

    Args:
        device: The device.
        wish: "auto" is bfloat16 on CUDA devices that compute in it, else float32.

    Raises:
        ValueError: There is no such precision, or the device does not compute in it.
    """
    if wish not in get_args(Precision):
        raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}, got {wish!r}")
    if wish == "auto":
        return "bfloat16" if device.type == "cuda" and _computes_in_bfloat16(device) else "float32"
    if wish == "bfloat16" and not _computes_in_bfloat16(device):
        raise ValueError(f"precision must be float32 on {device}, which does not compute in bfloat16")
    return wish


def _computes_in_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type != "mps"


@contextmanager
def encoding(device: torch.device, precision: ChosenPrecision) -> Generator[None]:
    """Run encoders in the block in a precision.

    In bfloat16 they keep float32, but on CUDA their products may be rounded to TF32. In bfloat16 itself the
    maps of a MobileNetV2 were off by 6 to 9 percent and street scenes lost 0.3 mIoU; in TF32 by 0.4 percent.

    Args:
        device: Device of the encoders.
        precision: As `precision_on` returns it.
    """
    with _tf32(device, allowed=precision == "bfloat16"):
        yield


@contextmanager
def decoding(device: torch.device, precision: ChosenPrecision) -> Generator[None]:
    """Run heads in the block in a precision.

    In bfloat16, convolutions and matrix products are autocast. What would suffer keeps float32: positions,
    logits that are compared, exponentials, boxes. On CUDA, products that stay in float32 may be rounded to
    TF32 then; in float32 none is.

    Args:
        device: Device of the heads.
        precision: As `precision_on` returns it.
    """
    half = precision == "bfloat16"
    with _tf32(device, allowed=half), _autocast(device) if half else nullcontext():
        yield


def _autocast(device: torch.device) -> torch.autocast:
    # A weight's cast in autocast's cache ends with the block, but a recorded graph would go on reading it.
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


@contextmanager
def _tf32(device: torch.device, *, allowed: bool) -> Generator[None]:
    """Let float32 products on CUDA be rounded to TF32, or not."""
    if device.type != "cuda":
        yield
        return
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions
