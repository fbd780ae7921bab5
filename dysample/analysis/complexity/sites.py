"""Where the paper's networks upsample: one record for every enlargement by two in each of them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """One enlargement by two.

    Attributes:
        channels: Channels of the map that is enlarged.
        guide_channels: Channels of the high-res map beside it, twice as high and wide.
        height: Rows of the low-res map.
        width: Columns of the low-res map.
    """

    channels: int
    guide_channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Host:
    """A network of the paper, as far as upsampling goes.

    Attributes:
        label: Name for people.
        picture: Height and width of the network's input, padding included.
        sites: Its upsamplers, each with weights of its own.
        table: Name of the paper's table that lists what they cost, for `paper_table`; None if none does.
        note: What to know about the choice of sites, in whole sentences.
    """

    label: str
    picture: tuple[int, int]
    sites: tuple[Site, ...]
    table: str | None
    note: str


def _pyramid(height: int, width: int, *, steps: int) -> tuple[Site, ...]:
    """Of 256 channels, from the coarsest map of `height` rows upwards; so have the guides."""
    return tuple(Site(256, 256, height << step, width << step) for step in range(steps))


# Three sites carry level 4 up, two carry level 3, one carries level 2 (the order of `SegFormerHead`).
_SEGFORMER = (*_pyramid(16, 16, steps=3), *_pyramid(32, 32, steps=2), *_pyramid(64, 64, steps=1))

_DEPTHFORMER = (
    Site(768, 384, 13, 17),
    Site(384, 192, 26, 34),
    Site(192, 96, 52, 68),
    Site(96, 64, 104, 136),
)

HOSTS: Mapping[str, Host] = {
    "segformer-b1": Host(
        "SegFormer-B1",
        (512, 512),
        _SEGFORMER,
        "table4",
        "Six upsamplers at 256 channels: the four maps of the encoder are projected to that width, then "
        "enlarged to stride 4 in three, two and one steps. The guide is the projected map of the output's "
        "size.",
    ),
    "maskformer": Host(
        "MaskFormer, pixel decoder",
        (640, 640),
        _pyramid(20, 20, steps=3),
        None,
        "Three upsamplers of a feature pyramid with 256 channels. The paper gives no figures in a table; its "
        "introduction says that DySample needs 3 % of CARAFE's parameters and 20 % of its operations on "
        "MaskFormer, which is what DySample-S+ comes to here.",
    ),
    "faster-rcnn": Host(
        "Faster R-CNN, feature pyramid",
        (832, 1344),
        _pyramid(13, 21, steps=4),
        "table6",
        "Four upsamplers at 256 channels: the pyramid has a level of stride 64, which is upsampled too. "
        "Pictures of 800×1333 are padded to multiples of 64.",
    ),
    "mask-rcnn": Host(
        "Mask R-CNN, feature pyramid",
        (832, 1344),
        _pyramid(13, 21, steps=4),
        "table6",
        "The paper's Table 7 lists no parameters; its caption says that they increase as in Faster R-CNN "
        "(Table 6), so the sites are the same four. Its text speaks of three, which would not go together.",
    ),
    "panoptic-fpn": Host(
        "Panoptic FPN, feature pyramid",
        (800, 1344),
        _pyramid(25, 42, steps=3),
        "table8",
        "Three upsamplers at 256 channels. Pictures of 800×1333 are padded to multiples of 32.",
    ),
    "depthformer": Host(
        "DepthFormer (Swin-T), fusion head",
        (416, 544),
        _DEPTHFORMER,
        "table9",
        "Four upsamplers with 768, 384, 192 and 96 channels; the guides are the encoder's maps beside them, "
        "with 384, 192, 96 and 64.",
    ),
}
