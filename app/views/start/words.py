"""Words of the start page."""

from app.records import BeforeAfter, within_sentence


def caption(pictures: BeforeAfter) -> str:
    """Return what is seen, with numbers, and what it does not prove."""
    before, after = pictures.sides
    return (
        "A made scene with exact labels, and one network trained around each upsampler: with "
        f"{within_sentence(before.label)} enlargement {100 * before.right:.1f} % of the pixels have their "
        f"true class, with {within_sentence(after.label)} {100 * after.right:.1f} %. Look at kerbs and lamp posts. "
        "One picture proves nothing; test sets do."
    )
