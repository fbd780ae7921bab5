"""The synthetic scenes: exact, repeatable, in the vocabulary of every label set."""

import time
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from app import scenes
from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.materials import CLASSES, Material

KEYS = [scene.key for scene in scenes.SCENES]
STREET = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "signsymbol",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
EVERYDAY = ("background", "bicycle", "bird", "car", "cat", "dog", "person", "pottedplant", "sheep")
SHOWN = {  # classes that each scene must show, in either vocabulary
    "fence": {"fence", "road", "sky", "tree", "pole", "building", "sheep"},
    "bicycle": {"bicycle", "building", "pavement", "road", "pole", "signsymbol", "cat", "pottedplant"},
    "tree": {"tree", "sky", "pavement", "pole", "person", "building"},
    "street": {*STREET, "person", "car"} - {"pedestrian", "bicyclist"},
}


def names(labels: np.ndarray, classes: Sequence[str]) -> set[str]:
    return {str(classes[index]) for index in np.unique(labels) if index < len(classes)}


@pytest.mark.parametrize("key", KEYS)
def test_every_scene_shows_what_it_promises(key):
    scene = scenes.render(key, height=240, width=320)
    assert scene.image.shape == (240, 320, 3)
    assert scene.image.dtype == scene.materials.dtype == np.uint8
    assert scene.image.std() > 30  # neither empty nor flat
    both = names(scenes.truth(scene, STREET), STREET) | names(scenes.truth(scene, EVERYDAY), EVERYDAY)
    assert both >= SHOWN[key]


@pytest.mark.parametrize("key", KEYS)
def test_same_seed_same_scene(key):
    first, again = (scenes.render(key, height=96, width=128, seed=3) for _ in range(2))
    other = scenes.render(key, height=96, width=128, seed=4)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.materials, again.materials)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("size", [(32, 32), (33, 200), (210, 70)])
def test_any_size(key, size):
    scene = scenes.render(key, height=size[0], width=size[1], seed=11)
    assert scene.image.shape == (*size, 3)
    assert scene.materials.shape == size


@pytest.mark.parametrize("key", KEYS)
def test_size_changes_the_detail_not_the_scene(key):
    small = scenes.render(key, height=120, width=160)
    large = scenes.render(key, height=360, width=480)
    reduced = large.materials[1::3, 1::3]
    assert (small.materials == reduced).mean() > 0.93


@pytest.mark.parametrize("key", KEYS)
def test_truth_follows_the_picture(key):
    """The picture changes more across edges of the ground truth than elsewhere."""
    scene = scenes.render(key, height=240, width=320)
    grey = scene.image.astype(float).mean(2)
    change = np.abs(np.diff(grey, axis=1))
    edge = np.diff(scene.materials.astype(int), axis=1) != 0
    assert change[edge].mean() > 2.5 * change[~edge].mean()


@pytest.mark.parametrize("classes", [STREET, EVERYDAY, tuple(name.upper() for name in STREET), ("sky",), ()])
def test_truth_speaks_the_label_set(classes):
    scene = scenes.render("street", height=64, width=96)
    labels = scenes.truth(scene, classes)
    lower = [name.lower() for name in classes]
    for material, index in zip(scene.materials.ravel().tolist(), labels.ravel().tolist(), strict=True):
        known = [name for name in CLASSES[Material(material)] if name in lower]
        expected = (
            lower.index(known[0]) if known else lower.index("background") if "background" in lower else 255
        )
        assert index == expected


def test_every_material_has_a_name_in_the_street_or_the_everyday_classes():
    assert set(CLASSES) == set(Material)
    for known in CLASSES.values():
        assert set(known) & {*STREET, *EVERYDAY}


def test_truth_is_the_majority_and_the_picture_the_mean():
    canvas = Canvas(4, 6)
    canvas.fill(canvas.band(), (0, 0, 0), Material.SKY)
    square = np.array([[1.0, 0], [2.7, 0], [2.7, 4], [1.0, 4]])
    canvas.cover(square, np.full((4, 6, 3), 200.0), Material.FENCE)
    samples = canvas._samples.reshape(4, 4, 6, 4, 4).swapaxes(1, 2).reshape(4, 6, 16, 4)
    share = (samples[..., 3] == Material.FENCE).mean(2)
    assert share[0].tolist() == [0, 1, pytest.approx(0.7, abs=0.1), 0, 0, 0]
    assert np.array_equal(canvas.materials() == Material.FENCE, share >= 0.5)
    assert np.allclose(canvas.picture()[..., 0], 200 * share, atol=1)
    assert np.allclose(canvas.coverage(Material.FENCE), share, atol=0.01)


def test_of_equal_shares_the_nearer_material_wins():
    canvas = Canvas(1, 1)
    canvas._samples[..., 3] = Material.SKY
    canvas._samples[:2, :, 3] = Material.FENCE
    assert canvas.materials().item() == Material.FENCE


@pytest.mark.parametrize("points", [[(0.0, 0.0, 2.0)], [(1.0, 3.0, 5.0)], [(-2.0, 0.5, 12.0)]])
def test_camera_projects_like_opencv(points):
    camera = Camera(120, 160, eye=1.5, horizon=0.4, zoom=0.9)
    matrix = np.array([[108.0, 0, 80], [0, 108, 48], [0, 0, 1]])
    world = np.array(points) * [1, -1, 1] + [0, 1.5, 0]  # OpenCV's y points downwards
    expected, _ = cv2.projectPoints(world, np.zeros(3), np.zeros(3), matrix, None)
    assert camera.project(np.array(points)) == pytest.approx(expected.reshape(-1, 2))


def test_ground_is_what_the_pixels_see():
    camera = Camera(60, 80, eye=1.2, horizon=0.4, zoom=1.0)
    x, z = camera.ground()
    row, column = 50, 13
    point = np.array([[x[row, column], 0, z[row, column]]])
    assert camera.project(point)[0] == pytest.approx((column + 0.5, row + 0.5), abs=1e-3)


@pytest.mark.unhooked
@pytest.mark.parametrize("key", KEYS)
def test_fast_enough_for_a_gallery(key):
    """Measure processor time, because wall time depends on how busy the machine is."""
    scenes.render(key, height=480, width=640)
    start = time.process_time()
    scenes.render(key, height=480, width=640)
    assert time.process_time() - start < 1.5


@pytest.mark.unhooked
@pytest.mark.parametrize(("height", "width"), [(31, 64), (64, 31), (2049, 64), (64, 4000), (0, 0)])
def test_bad_sizes_are_refused(height, width):
    with pytest.raises(ValueError, match=f"from 32 to 2048 pixels, got {height} and {width}"):
        scenes.render("fence", height=height, width=width)


@pytest.mark.unhooked
def test_unknown_scene_is_refused():
    with pytest.raises(ValueError, match="one of fence, bicycle, tree, street, got 'beach'"):
        scenes.render("beach", height=64, width=64)
