"""Panes, numbers and files of a comparison of hand-made label maps."""

import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from app.records import Comparison, Picture
from app.settings import CompareSettings
from app.shared import drawing
from app.theme import CHANGED, class_colours
from app.views.compare import archive, numbers, panes
from app.views.compare import sheet as export
from app.views.compare.compute import close_up
from dysample.models.annotations import Labels
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
    assert columns["Head (ms)"] == [20.0, 20.0]
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


def test_a_photograph_survives_as_png_exactly(comparison: Comparison) -> None:
    png = drawing.photo_png(comparison.picture.image)
    np.testing.assert_array_equal(decoded(png)[..., :3], comparison.picture.image)
