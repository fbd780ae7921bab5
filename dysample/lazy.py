"""Packages whose public names are imported when they are first used (PEP 562)."""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def exports(
    package: str, names: Mapping[str, str], *, modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the functions `__getattr__` and `__dir__` of a package.

    A name must not be that of a submodule too: importing the submodule would bind the name to it. A package
    with such names imports them when it is imported itself, so that they come last.

    Args:
        package: Its `__name__`.
        names: The module that defines each public name.
        modules: Submodules that are attributes of the package before anyone has imported them.

    Returns:
        `__getattr__`, which imports a name and keeps it in the package, and `__dir__`.
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
