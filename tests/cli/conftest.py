"""The picture of commands that take pictures."""

from pathlib import Path

import pytest
from PIL import Image
from skimage import data


@pytest.fixture(scope="module")
def cat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 113 x 75 pixels, without loss."""
    path = tmp_path_factory.mktemp("pictures") / "cat.png"
    Image.fromarray(data.chelsea()).resize((113, 75)).save(path)
    return path
