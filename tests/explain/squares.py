"""Pictures for the tests of learning, and the chessboard that they are cut into."""

import numpy as np

SIZE = 48  # pixels a side: four squares at scale 2


def noise(size: int = SIZE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def chessboard(height: int, width: int, side: int) -> np.ndarray:
    """Mark the pixels of black squares."""
    return np.array(
        [[(row // side + column // side) % 2 == 1 for column in range(width)] for row in range(height)]
    )
