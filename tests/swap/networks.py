"""Small networks that enlarge in every way, for the tests of audits and swaps."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Interpolating(nn.Module):
    """A convolution, an interpolation with the options given, and a convolution."""

    def __init__(self, channels: int = 8, times: int = 1, **options: object) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, channels, 3, padding=1)
        self.after = nn.Conv2d(channels, 2, 1)
        self.options = options

    def forward(self, picture: Tensor) -> Tensor:
        return self.after(F.interpolate(self.before(picture), **self.options))


class Inner(nn.Module):
    """Enlarges twice in its own `forward`, and reduces in between."""

    def forward(self, x: Tensor) -> Tensor:
        small = F.interpolate(F.interpolate(x, scale_factor=2.0), scale_factor=0.5)
        return F.interpolate(small, scale_factor=2, mode="bilinear")


class Nested(nn.Module):
    """Enlarges before and after a module that enlarges too, and calls that module twice: by 32 in all."""

    def __init__(self, stride: int = 2) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, 8, 3, stride=stride, padding=1)
        self.inner = Inner()
        self.up = nn.Upsample(scale_factor=2)
        self.after = nn.Conv2d(8, 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        x = F.interpolate(self.before(picture), scale_factor=2)
        x = self.inner(self.up(self.inner(x)))
        return self.after(F.interpolate(x, size=(x.shape[2] * 2, x.shape[3] * 2)))


class Everything(nn.Module):
    """One site of each kind, including the final enlargement of the prediction."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.deconv = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, groups=2)
        self.shuffle = nn.PixelShuffle(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.place = nn.Parameter(torch.zeros(1, 8, 2, 2))
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        large = F.interpolate(picture, scale_factor=2, mode="bilinear")
        x = self.deconv(self.stem(large).relu())
        x = x + F.interpolate(self.place, size=x.shape[2:])
        x = self.shuffle(torch.cat([x] * 4, dim=1))
        pooled = F.interpolate(F.adaptive_avg_pool2d(x, 2), size=x.shape[2:], mode="bilinear")
        x = self.up(x + pooled)
        x = F.interpolate(x, scale_factor=1.5, mode="bilinear")
        x = F.interpolate(F.interpolate(x, scale_factor=0.5), size=x.shape[2:], mode="bicubic")
        return F.interpolate(self.head(x), scale_factor=2, mode="bilinear")


def picture(height: int = 16, width: int = 24) -> Tensor:
    """Return a batch of one random picture."""
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))
