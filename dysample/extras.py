"""Packages that only some functions need, and the sentence for whoever calls one without them."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec

# Every optional package that is imported here: what pip calls it, and the extra that installs it.
_OPTIONAL = {
    "cv2": ("opencv-python-headless", "train"),
    "huggingface_hub": ("huggingface-hub", "models"),
    "ray": ("ray", "cluster"),
    "segmentation_models_pytorch": ("segmentation-models-pytorch", "models"),
}


class MissingExtraError(ImportError):
    """An optional package is not installed; the message is one sentence with the command that installs it."""


@contextmanager
def needed_for(what: str) -> Generator[None, None, None]:
    """Guard the import of an optional package.

    Args:
        what: What needs the package, as the sentence begins: ``"load_host"``.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _OPTIONAL:
            raise
        distribution, extra = _OPTIONAL[package]
        raise MissingExtraError(
            f"{what} needs {distribution}: pip install 'dysample-lab[{extra}]'", name=package
        ) from error


def require(package: str, what: str) -> None:
    """Check that an optional package is installed, without the seconds that importing it may take.

    Args:
        package: The name under which it is imported.
        what: As for `needed_for`.

    Raises:
        MissingExtraError: The package is not installed.
    """
    with needed_for(what):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
