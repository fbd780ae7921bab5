"""Whether torch is executing operations or recording them."""

import torch


def is_traced() -> bool:
    """Return whether torch is recording operations, to compile or export them."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]


def is_for_elsewhere() -> bool:
    """Whether operations are recorded to be run in other runtimes, where our operators may not exist."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
