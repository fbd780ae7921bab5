"""Optional packages, and the error of functions that need one that is not installed."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec

# Optional packages by module: the distribution's name, and the extra that installs it.
_OPTIONAL = {
    "cv2": ("opencv-python-headless", "train"),
    "huggingface_hub": ("huggingface-hub", "models"),
    "pycocotools": ("pycocotools", "train"),
    "ray": ("ray", "cluster"),
    "segmentation_models_pytorch": ("segmentation-models-pytorch", "models"),
    "torchvision": ("torchvision", "models"),
    "transformers": ("transformers", "maskformer"),
}


class MissingExtraError(ImportError):
    """An optional package is not installed; the message names the command that installs it."""


@contextmanager
def needed_for(what: str) -> Generator[None, None, None]:
    """Guard the import of an optional package.

    Args:
        what: What needs the package: the beginning of the message, such as ``"load_host"``.

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
    """Check that an optional package is installed without importing it, which may take seconds.

    Args:
        package: Name of the module.
        what: What needs the package, as in `needed_for`.

    Raises:
        MissingExtraError: The package is not installed.
    """
    with needed_for(what):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
