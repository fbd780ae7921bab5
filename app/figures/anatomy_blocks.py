"""What the Anatomy page draws for each stage."""

import numpy as np
from jaxtyping import UInt8

from app.figures import anatomy_places as places
from app.figures import anatomy_tensors as tensors
from app.figures.anatomy_block import Block
from dysample.analysis.anatomy import Anatomy, StageName
from dysample.analysis.anatomy_trace import Trace


def blocks(
    anatomy: Anatomy, name: StageName, followed: Trace, photo: UInt8[np.ndarray, "H W 3"] | None
) -> tuple[Block, Block]:
    """The two figures of a stage.

    Args:
        anatomy: Of the example or of a trained operator.
        name: The stage.
        followed: The value that is marked in every figure.
        photo: What the network sees, for the first stage; None for the example.
    """
    if name == "input":
        if photo is None:
            return tensors.channels(anatomy, followed), tensors.unmoved(anatomy, followed)
        return tensors.picture(anatomy, followed, photo), tensors.channel(anatomy, followed)
    if name == "grid":
        return places.moves(anatomy, followed, reads=False), places.points(anatomy, followed)
    if name == "sample":
        return places.moves(anatomy, followed, reads=True), places.output(anatomy, followed)
    if name == "shuffle" and anatomy.op.style == "pl":
        return tensors.channels(anatomy, followed), tensors.shuffled(anatomy, followed)
    return tensors.offsets(anatomy, name, followed, 0), tensors.offsets(anatomy, name, followed, 1)
