"""Lazy packages, whose public names are imported on first use (PEP 562)."""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def exports(
    package: str, names: Mapping[str, str], *, modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the functions `__getattr__` and `__dir__` of a package.

    A name must not be that of a submodule: importing the submodule would rebind the name. A package with such
    names must import them eagerly, so that they are bound last.

    Args:
        package: `__name__` of the package.
        names: Public names, each with the module that defines it.
        modules: Submodules that are attributes of the package even before they are imported.

    Returns:
        `__getattr__`, which imports a name and stores it in the package, and `__dir__`.
    """

    def get(name: str) -> Any:
        if name in names:
            value = getattr(import_module(names[name]), name)
        elif name in modules:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *modules})

    return get, list_names
