"""Writes the public names of every package into tests/api_surface.json, so that a review sees them change.

python scripts/api_surface.py
"""

import json
from importlib import import_module
from pathlib import Path

FILE = Path(__file__).parent.parent / "tests" / "api_surface.json"
PACKAGES = (
    "dysample",
    "dysample.cli",
    "dysample.explain",
    "dysample.kernels",
    "dysample.measure",
    "dysample.models",
    "dysample.ops",
    "dysample.reassembly",
    "dysample.scores",
    "dysample.swap",
    "dysample.training",
    "dysample.trial",
)


def surface() -> dict[str, list[str]]:
    """The public names of every package, as its `__all__` lists them."""
    return {package: sorted(import_module(package).__all__) for package in PACKAGES}


def to_json(names: dict[str, list[str]]) -> str:
    """The text of the file, a name a line."""
    return json.dumps(names, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(to_json(surface()), encoding="utf-8")
