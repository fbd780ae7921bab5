"""The two products of `dysample.reassembly` behind one interface, for tests that both must pass."""

import torch
from torch import Tensor, nn

from dysample.reassembly import neighbour_products, reassemble
from tests.ops import kernel_loops as slow


class Product(nn.Module):
    """`reassemble` or `neighbour_products`, called with its low-res input, then its high-res one."""

    def __init__(self, name: str, kernel: int, scale: int) -> None:
        super().__init__()
        self.name, self.kernel, self.scale = name, kernel, scale

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        if self.name == "reassemble":
            return reassemble(low, high, scale=self.scale)
        return neighbour_products(high, low, size=self.kernel, scale=self.scale)

    def slow(self, low: Tensor, high: Tensor) -> Tensor:
        arrays = low.detach().double().numpy(), high.detach().double().numpy()
        if self.name == "reassemble":
            return torch.from_numpy(slow.reassemble(*arrays, self.scale))
        return torch.from_numpy(slow.neighbour_products(arrays[1], arrays[0], self.kernel, self.scale))

    def inputs(
        self, batch: int, height: int, width: int, *, channels: int = 3, dtype: torch.dtype = torch.float64
    ) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(height)
        along = (self.kernel, self.kernel) if self.name == "reassemble" else (channels,)
        low = torch.randn(batch, channels, height, width, generator=generator)
        high = torch.randn(batch, *along, self.scale * height, self.scale * width, generator=generator)
        return low.to(dtype), high.to(dtype)
