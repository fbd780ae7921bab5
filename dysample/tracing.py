"""Whether torch is executing operations or recording them."""

import torch


def is_traced() -> bool:
    """Return whether torch is recording operations, to compile or export them."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
