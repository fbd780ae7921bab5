"""Pack shipped weights that are safetensors yet, without changing a value.

python -m scripts.repack
"""

from dysample.models.manifest import pretrained_folder
from dysample.training.ship import repack

if __name__ == "__main__":
    repack(pretrained_folder())
