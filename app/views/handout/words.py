"""Words of the handout, and its pictures as HTML."""

import html
from collections.abc import Sequence

from app.records import Legend
from app.views.quiz.questions import LETTERS


def subject(picture: str, credit: str, task: str, names: str) -> str:
    """Return what the figures are of, in Markdown."""
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
    return "  \n".join(f"☐ **{letter}**: {text}" for letter, text in zip(LETTERS, texts, strict=True))


def pane(title: str, note: str, photo: str, layer: str, alt: str, opacity: float) -> str:
    """Return one picture with its title.

    Args:
        title: Name of the upsampler.
        note: Small print; empty for none.
        photo: Address of the photograph.
        layer: Address of the picture over it; empty for none.
        alt: What is seen, for screen readers.
        opacity: Of the layer, 0 to 1.
    """
    over = f'<img class="over" src="{layer}" alt="" style="opacity:{opacity:g}">' if layer else ""
    return (
        f'<div class="printed-pane"><strong>{html.escape(title)}</strong> '
        f"<small>{html.escape(note)}</small>"
        f'<div class="stack"><img src="{photo}" alt="{html.escape(alt)}">{over}</div></div>'
    )


def figure(panes: Sequence[str], legend: Legend, caption: str) -> str:
    """Return pictures with their legend and a caption."""
    if legend.bar is None:
        swatches = "".join(
            f'<span class="swatch"><i style="background:{html.escape(entry.colour)}"></i>'
            f"{html.escape(entry.name)}</span>"
            for entry in legend.entries
        )
    else:
        bar = legend.bar
        ticks = " … ".join(html.escape(text) for _, text in (bar.ticks[0], bar.ticks[-1]))
        swatches = (
            f'<span class="swatch">{html.escape(bar.title)}: {ticks} ({html.escape(bar.ends[0])} to '
            f'{html.escape(bar.ends[1])})<b style="background:linear-gradient(to right,'
            f'{",".join(bar.colours[::8])})"></b></span>'
        )
    return (
        f'<figure class="printed-figure"><div class="printed-panes">{"".join(panes)}</div>'
        f"<div>{swatches}</div><figcaption>{html.escape(caption)}</figcaption></figure>"
    )
