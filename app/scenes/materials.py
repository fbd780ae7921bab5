"""Materials of the scenes, and the classes of data sets that they correspond to."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from jaxtyping import UInt8

IGNORE = 255


class Material(IntEnum):
    """Materials of the ground truth, roughly from far to near."""

    SKY = 0
    HILL = 1
    BUILDING = 2
    GRASS = 3
    ROAD = 4
    PAVEMENT = 5
    TREE = 6
    PLANT = 7
    SHEEP = 8
    CAT = 9
    BIRD = 10
    CAR = 11
    PERSON = 12
    RIDER = 13
    BICYCLE = 14
    SIGN = 15
    POLE = 16
    FENCE = 17


# Names of a material in label sets, best match first. Street data sets count lawns and hedges as trees, and a
# bicycle as a part of its rider.
CLASSES: dict[Material, tuple[str, ...]] = {
    Material.SKY: ("sky",),
    Material.HILL: ("tree",),
    Material.BUILDING: ("building",),
    Material.GRASS: ("grass", "tree"),
    Material.ROAD: ("road",),
    Material.PAVEMENT: ("pavement", "sidewalk"),
    Material.TREE: ("tree",),
    Material.PLANT: ("pottedplant", "plant", "tree"),
    Material.SHEEP: ("sheep", "animal"),
    Material.CAT: ("cat", "animal"),
    Material.BIRD: ("bird", "animal"),
    Material.CAR: ("car",),
    Material.PERSON: ("person", "pedestrian"),
    Material.RIDER: ("rider", "bicyclist", "person"),
    Material.BICYCLE: ("bicycle", "bicyclist"),
    Material.SIGN: ("signsymbol", "sign"),
    Material.POLE: ("pole",),
    Material.FENCE: ("fence",),
}


def class_map(materials: UInt8[np.ndarray, "h w"], class_names: Sequence[str]) -> UInt8[np.ndarray, "h w"]:
    """Translate materials to class indices.

    Args:
        materials: A `Material` for every pixel.
        class_names: The label set, in the order of its indices; case is ignored.

    Returns:
        Class indices. Materials without a class are `background`, or 255 (ignored) if the label set has none.
    """
    indices = {name.casefold(): index for index, name in enumerate(class_names)}
    rest = indices.get("background", IGNORE)
    table = np.full(256, IGNORE, np.uint8)
    for material, names in CLASSES.items():
        table[material] = next((indices[name] for name in names if name in indices), rest)
    return table[materials]
