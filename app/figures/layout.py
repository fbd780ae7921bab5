"""What figures have in common: a layout that the page's theme shines through."""

Part = dict[str, object]  # of a Plotly figure

CLEAR = "rgba(0, 0, 0, 0)"
LEGEND = {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"}


def plain(
    height: int, *, above: int = 10, below: int = 10, left: int = 10, right: int = 10, legend: bool = False
) -> Part:
    """No background, and no text with a colour of its own.

    Args:
        height: Of the figure in CSS pixels.
        above: Room above the axes in CSS pixels, for titles and the legend.
        below: Room below.
        left: Room to the left; axes take what they need.
        right: Room to the right.
        legend: Whether there is one, along the upper edge.
    """
    return {
        "height": height,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": left, "r": right, "t": above, "b": below, "pad": 0},
        "showlegend": legend,
        "legend": LEGEND,
    }
