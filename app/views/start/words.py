"""Words of the start page."""

from app.records import BeforeAfter, within_sentence


def caption(pictures: BeforeAfter) -> str:
    """Return what is seen, with numbers, and what it does not prove."""
    shares = [f"{100 * side.right:.1f} %" for side in pictures.sides]
    before, after = (within_sentence(side.label) for side in pictures.sides)
    return (
        "A synthetic scene with exact labels, and one network trained around each upsampler: with "
        f"{before} enlargement {shares[0]} of the pixels have their true class, with {after} {shares[1]}. "
        "Look at kerbs and lamp posts. One picture proves nothing; test sets do."
    )
