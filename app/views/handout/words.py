"""Words of the handout."""

from collections.abc import Sequence

from app.views.quiz.questions import LETTERS


def subject(picture: str, credit: str, task: str, names: str) -> str:
    """Return what the figures are of."""
    return f"**Picture**: {picture} ({credit}). **Task**: {task}. **Upsamplers**: {names}."


def whole(picture: str, names: str) -> str:
    """Return the caption of the answers."""
    return f"{picture}, and what one network says of it with {names}. Which edges differ?"


def close_up() -> str:
    """Return the caption of the close-up."""
    return "The part in which the answers differ most, not smoothed. Which answer would you keep?"


def listed(names: Sequence[str]) -> str:
    """Return names as within a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def choices(texts: Sequence[str]) -> str:
    """Return the choices of a question as boxes to tick, in Markdown."""
    return "\n".join(f"- ☐ **{letter}**: {text}" for letter, text in zip(LETTERS, texts, strict=True))
