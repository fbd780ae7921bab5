"""Sizes of maps to begin with: the paper's, a small one, and those that our own networks enlarge last."""

from app.compute.evidence import tasks
from app.compute.evidence_costs import task_sites
from dysample.analysis.bench.asked import PAPER_SIZE, MapSize

_SMALL = MapSize(64, 32, 32)


def presets() -> dict[str, MapSize]:
    """Sizes by name for people."""
    found = {"The paper’s map": PAPER_SIZE, "A small map": _SMALL}
    for name, title in tasks().items():
        last = max(task_sites(name), key=lambda site: site.height * site.width)
        found[f"{title}, last step"] = MapSize(last.channels, last.height, last.width)
    return found
