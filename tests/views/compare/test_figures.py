"""Panes, numbers and files of a comparison of hand-made label maps."""

import colorsys
import dataclasses
import io
import json
import zipfile
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from app.records import Comparison, Picture, Sides
from app.settings import CompareSettings
from app.shared import drawing
from app.theme import CHANGED, COMMON_INDOORS, class_colours
from app.views.compare import archive, numbers, panes, words
from app.views.compare import sheet as export
from app.views.compare.compute import close_up, pair_of
from dysample.models.annotations import Labels
from dysample.scores.depth import DepthDifference
from dysample.scores.segmentation import Difference
from dysample.scores.specs import score_spec
from dysample.training.recipe import load_recipe, recipe_names
from tests.views.compare.made import HEIGHT, WIDTH, decoded, made_comparison

CLASSES = ("sky", "tree", "road")
SCORES = {"miou": 0.5, "boundary_miou": 0.25}


@pytest.fixture
def comparison() -> Comparison:
    """Bilinear is right; nearest has a block of 8 x 10 pixels wrong near the right border."""
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    truth[60:] = 2
    truth[0, 0] = 255
    wrong = truth.copy()
    wrong[20:28, 140:150] = 1
    right = np.where(truth == 255, 0, truth).astype(np.uint8)
    wrong = np.where(wrong == 255, 0, wrong).astype(np.uint8)
    return made_comparison(
        "segmentation", CLASSES, Labels(truth), right=Labels(right), wrong=Labels(wrong), scores=SCORES
    )


def test_differences_and_scores_are_those_of_the_block(comparison: Comparison) -> None:
    nearest, bilinear = comparison.compared
    assert nearest.difference is not None
    assert nearest.difference.share == pytest.approx(80 / (HEIGHT * WIDTH))
    assert bilinear.difference is None
    assert bilinear.score is not None
    assert bilinear.score.miou == 1
    sky = HEIGHT * WIDTH / 2 - 1
    assert nearest.score is not None
    assert nearest.score.per_class[0] == pytest.approx((sky - 80) / sky)


def test_the_close_up_holds_the_block_and_counts_anew(comparison: Comparison) -> None:
    part = close_up(comparison)
    window = comparison.window
    assert window.x <= 140
    assert window.x + window.size >= 150
    assert window.y <= 20
    assert part.picture.image.shape == (window.size, window.size, 3)
    assert part.compared[0].difference is not None
    assert part.compared[0].difference.share == pytest.approx(80 / window.size**2)


def test_class_layers_have_the_colours_of_the_classes(comparison: Comparison) -> None:
    shown = panes.panes(comparison, "answers")
    assert [layer.title for layer in shown] == ["Nearest", "Bilinear", "Truth"]
    pixels = decoded(shown[0].png)
    colours = [tuple(bytes.fromhex(colour[1:])) for colour in class_colours(CLASSES)]
    for y, x, index in ((0, 5, 0), (24, 145, 1), (100, 3, 2)):
        assert tuple(pixels[y, x]) == (*colours[index], 255)
    assert decoded(shown[2].png)[0, 0, 3] == 0  # its class is unknown


@pytest.mark.parametrize("recipe", recipe_names())
def test_no_two_classes_of_a_task_have_one_colour(recipe: str) -> None:
    classes = load_recipe(recipe).task.classes
    assert len(set(class_colours(classes))) == len(classes)


# Machado, Oliveira and Fernandes (2009), full severity, for linear RGB.
VISION = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def least_difference(colours: Sequence[str], vision: str) -> float:
    """Return the least CIEDE2000 between any two colours, as somebody with this vision sees them."""
    values = np.array([list(bytes.fromhex(colour[1:])) for colour in colours]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.asarray(VISION[vision]).T).clip(0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
    pairs = combinations(range(len(colours)), 2)
    return min(float(deltaE_ciede2000(lab[one], lab[other])) for one, other in pairs)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("count", "usual", "blind"), [(8, 27, 16), (12, 22, 13), (18, 17, 9.5)])
def test_the_commonest_classes_of_rooms_can_be_told_apart(
    vision: str, count: int, usual: float, blind: float
) -> None:
    """Two colours are taken for different ones from about 5 on, and in a legend, apart, from about 10."""
    classes = load_recipe("indoor-segmentation").task.classes
    colours = dict(zip(classes, class_colours(classes), strict=True))
    least = least_difference([colours[name] for name in COMMON_INDOORS[:count]], vision)
    assert least >= (usual if vision == "usual" else blind)


@pytest.mark.parametrize("vision", VISION)
def test_no_two_of_forty_classes_look_alike(vision: str) -> None:
    classes = load_recipe("indoor-segmentation").task.classes
    assert set(COMMON_INDOORS) < set(classes)
    assert least_difference(class_colours(classes), vision) >= (9 if vision == "usual" else 6)


def test_rooms_are_not_shown_in_five_blues() -> None:
    """Wall, table, counter, other furniture and ceiling once were."""
    classes = load_recipe("indoor-segmentation").task.classes
    colours = dict(zip(classes, class_colours(classes), strict=True))
    once = [colours[name] for name in ("wall", "table", "counter", "otherfurniture", "ceiling")]
    hues = [colorsys.rgb_to_hsv(*(part / 255 for part in bytes.fromhex(colour[1:])))[0] for colour in once]
    assert sum(0.5 <= hue <= 0.72 for hue in hues) <= 2
    assert least_difference(once, "usual") > 17


def test_change_and_error_layers_mark_the_block_alone(comparison: Comparison) -> None:
    for show in ("changes", "errors"):
        pixels = decoded(panes.panes(comparison, show)[0].png)
        assert (pixels[..., 3] > 0).sum() == 80
        assert (pixels[20:28, 140:150, 3] == 255).all()
    changed = decoded(panes.panes(comparison, "changes")[0].png)[20, 140, :3]
    assert tuple(changed) == tuple(bytes.fromhex(CHANGED[1:]))


def test_the_legend_names_the_classes_that_occur_commonest_first(comparison: Comparison) -> None:
    assert [item.name for item in panes.legend(comparison, "answers").entries] == ["road", "sky", "tree"]


def test_the_table_and_the_json_agree(comparison: Comparison) -> None:
    settings = CompareSettings("t", ("nearest", "bilinear"), 160)
    record = json.loads(numbers.as_json(comparison, settings, "made.png"))
    columns = numbers.columns(comparison)
    assert columns["Pixels changed (%)"][0] == pytest.approx(
        100 * record["upsamplers"]["nearest"]["difference"]["share"]
    )
    assert columns["mIoU on test (%)"] == [50.0, 50.0]
    assert record["working_size"] == [HEIGHT, WIDTH]


def test_without_truth_there_are_no_scores_of_the_picture(comparison: Comparison) -> None:
    columns = numbers.columns(comparison)
    assert "mIoU here (%)" in columns
    blind = dataclasses.replace(comparison, picture=Picture(comparison.picture.image, None, (HEIGHT, WIDTH)))
    assert "mIoU here (%)" not in numbers.columns(blind)


def test_label_maps_keep_the_class_indices(comparison: Comparison) -> None:
    with zipfile.ZipFile(io.BytesIO(archive.label_maps(comparison))) as files:
        with Image.open(io.BytesIO(files.read("nearest.png"))) as picture:
            assert picture.mode == "P"
            np.testing.assert_array_equal(
                np.asarray(picture), comparison.compared[0].answer.annotation.classes
            )
        assert files.read("classes.txt").decode().splitlines() == [
            "0 sky",
            "1 tree",
            "2 road",
            "255 no label",
        ]


def test_the_printed_sheet_is_180_mm_at_300_dpi_and_does_not_smooth(comparison: Comparison) -> None:
    with Image.open(io.BytesIO(export.printed(comparison, "answers", opacity=1.0, title="made"))) as sheet:
        assert sheet.width == 2126
        assert sheet.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        pixels = np.asarray(sheet.convert("RGB"))
    # Three classes on three panes: besides them, the photograph and black on white text.
    for name in ("sky", "road"):
        colour = np.frombuffer(bytes.fromhex(class_colours([name])[0][1:]), np.uint8)
        assert (pixels == colour).all(axis=-1).sum() > 100_000


def test_under_a_layer_the_photograph_of_the_sheet_is_grey(comparison: Comparison) -> None:
    with Image.open(io.BytesIO(export.printed(comparison, "changes", opacity=1.0, title="made"))) as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    # Of three panes, two in a row, the photograph alone has colours, and the block of the changes.
    left, right = pixels[200:700, 100:900], pixels[200:700, 1200:2000]
    assert (left.max(-1) - left.min(-1) > 30).mean() > 0.9
    assert (right.max(-1) - right.min(-1) > 30).mean() < 0.1


def test_pairs_hold_both_scores_and_their_own_difference(comparison: Comparison) -> None:
    nearest, bilinear = comparison.compared
    pair = pair_of(comparison, nearest, bilinear)
    assert pair.difference.share == pytest.approx(80 / (HEIGHT * WIDTH))
    assert pair.after == 1
    assert pair.before is not None
    assert pair.before == nearest.score.miou
    assert words.seen(pair, panes.differs(pair.difference)) == (
        "On this picture **Bilinear is better than nearest: mIoU 100.0 % "
        f"(+{100 * (1 - pair.before):.1f})**; they differ on 0.4 % of the pixels."
    )
    same = pair_of(comparison, bilinear, bilinear)
    assert words.seen(same, "") == "Both sides show bilinear."
    assert panes.same(same.difference)


@pytest.mark.parametrize(
    ("before", "after", "words_of_it"),
    [
        (0.5, 0.4996, "DySample is as good as bilinear: mIoU 50.0 % (0.0)"),
        (0.5, 0.4921, "DySample is worse than bilinear: mIoU 49.2 % (−0.8)"),
        (0.0, 0.0, "neither gets anything right: mIoU 0"),
        (None, 0.5, "DySample differs from bilinear somewhere**; right or wrong cannot be told"),
    ],
)
def test_better_and_worse_are_those_of_what_is_printed(
    before: float | None, after: float, words_of_it: str
) -> None:
    difference = Difference(0.1, 0.2)
    pair = Sides("Bilinear", "DySample", difference, score_spec("miou"), before, after)
    assert words_of_it in words.seen(pair, "somewhere")


def test_lower_is_better_for_errors() -> None:
    pair = Sides("Bilinear", "DySample", DepthDifference(0.1, 0.2), score_spec("rms"), 0.5, 0.4)
    assert "DySample is better than bilinear: RMS 0.400 m (−0.100)" in words.seen(pair, "")


def test_nearly_all_background_is_next_to_nothing() -> None:
    task = dataclasses.replace(load_recipe("everyday-segmentation").task, classes=("background", "cat"))
    labels = np.zeros((100, 100), np.uint8)
    labels[0, :21] = 1
    assert panes.empty(task, Labels(labels)) == "99.7 % background"
    assert panes.found(task, Labels(labels)) == 0
    labels[:2] = 1
    assert panes.empty(task, Labels(labels)) == ""
    assert panes.found(task, Labels(labels)) == 1


def test_a_photograph_survives_as_png_exactly(comparison: Comparison) -> None:
    png = drawing.photo_png(comparison.picture.image)
    np.testing.assert_array_equal(decoded(png)[..., :3], comparison.picture.image)
