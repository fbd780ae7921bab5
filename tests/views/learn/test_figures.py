"""Figures and words of the page "Watch it learn": they show what the records hold."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from app.views.learn import figures
from app.views.learn import words as learn_words
from dysample.explain.learn import Snapshot
from dysample.explain.learn_tasks import HeldOutScore, ProblemPictures, mask_problem, problem_pictures, rings
from dysample.explain.offsets import CellWindow, arrows
from dysample.geometry import initial_positions
from dysample.types import SamplingRecord

SIDE = 24


@pytest.fixture(scope="module")
def pictures() -> ProblemPictures:
    image = rings(48)
    return problem_pictures(mask_problem(image, image[..., 0] > 100))


def snapshot(step: int, psnr: float, iou: float | None = 0.5, bilinear_iou: float | None = 0.4) -> Snapshot:
    """Return a snapshot with offsets (0.3, -0.4) everywhere and 20 dB for bilinear."""
    initial = initial_positions(24, 24, scale=2, like=torch.zeros(()))
    offset = torch.tensor([0.3, -0.4]).view(1, 1, 2, 1, 1).expand(1, 2, 2, 48, 48)
    return Snapshot(
        step=step,
        loss=0.1 / (1 + step),
        bilinear_loss=0.2,
        score=HeldOutScore(10 ** (-psnr / 10), iou),
        bilinear=HeldOutScore(0.01, bilinear_iou),
        record=SamplingRecord(initial, offset, 0.25),
        mix=(-0.25, 1.25),
        output=np.full((48, 48, 3), step, np.uint8),
    )


def decoded(source: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,")))) as picture:
        return np.asarray(picture.convert("RGB"))


def numbers(path: str) -> np.ndarray:
    return np.array([float(number) for number in re.findall(r"-?[0-9.]+", path)])


@pytest.mark.parametrize("masks", [True, False])
def test_curves_have_a_panel_for_each_quantity_and_bilinears_line_in_each(masks: bool) -> None:
    ious = (0.5, 0.4) if masks else (None, None)
    snapshots = [snapshot(0, 20, *ious), snapshot(10, 23.5, *ious)]
    figure = figures.curves(snapshots, steps=30, at=10)
    learned = [trace for trace in figure.data if trace.name == "DySample"]
    plain = [trace for trace in figure.data if trace.name == "Bilinear"]
    assert learned[0].y == pytest.approx((20, 23.5))
    assert plain[0].y == pytest.approx((20, 20))
    assert learned[-1].y == pytest.approx((0.1, 0.1 / 11))
    assert plain[-1].y == (0.2, 0.2)
    assert len(learned) == len(plain) == (3 if masks else 2)
    if masks:
        assert (learned[1].y, plain[1].y) == ((0.5, 0.5), (0.4, 0.4))
    assert all(trace.x == (0, 10) for trace in learned)
    assert all(trace.x == (0, 30) for trace in plain)
    titles = [note.text for note in figure.layout.annotations]
    assert titles[0].endswith("(dB)")
    assert sum(trace.showlegend for trace in figure.data) == 3
    marks = [trace for trace in figure.data if trace.name == "Step shown"]
    assert [(mark.x[0], mark.y[0]) for mark in marks] == [(10, trace.y[1]) for trace in learned]
    assert [line.x0 for line in figure.layout.shapes] == [10] * len(learned)


def test_arrows_have_their_true_length_and_tell_held_out_squares(pictures: ProblemPictures) -> None:
    window = CellWindow(row=8, column=9, rows=6, columns=5)
    drawn = arrows(snapshot(5, 21).record, height=24, width=24, group=1, window=window)
    figure = figures.arrow_field(pictures, drawn, window=window)
    lines = {shape.name: numbers(shape.path).reshape(-1, 5, 2) for shape in figure.layout.shapes}
    strokes = np.concatenate(list(lines.values()))
    assert len(strokes) == 4 * 6 * 5
    np.testing.assert_allclose(strokes[:, 1] - strokes[:, 0], np.tile((0.3, -0.4), (120, 1)), atol=2e-3)
    np.testing.assert_allclose(strokes[:, 3], strokes[:, 1])
    heads = np.linalg.norm(strokes[:, [2, 4]] - strokes[:, [1]], axis=-1)
    assert ((heads > 0.1) & (heads < 0.25)).all()
    # Squares have 12 low-res pixels: upper left and lower right are learnt from.
    starts = lines["Arrow in held-out squares"][:, 0]
    assert ((starts[:, 0] > 12) != (starts[:, 1] > 12)).all()
    assert len(starts) == 4 * (4 * 2 + 2 * 3)
    assert figure.layout.xaxis.range == (8.5, 14.5)
    assert figure.layout.yaxis.range == (14.5, 7.5)
    hover = next(trace for trace in figure.data if trace.name == "offsets")
    np.testing.assert_allclose(hover.customdata[0], (16, 18, 0.3, -0.4), atol=1e-5)
    quick = figures.arrow_field(pictures, drawn, window=window, numbers=False)
    assert quick.layout == figure.layout
    assert "offsets" not in {trace.name for trace in quick.data}


def test_arrows_of_no_length_are_drawn_without_a_warning(pictures: ProblemPictures) -> None:
    still = snapshot(0, 20).record
    still = replace(still, offset=torch.zeros_like(still.offset))
    figure = figures.arrow_field(pictures, arrows(still, height=24, width=24, group=0))
    assert figure.layout.xaxis.range == (-0.5, 24.5)


def test_panes_show_the_pictures_on_one_scale(pictures: ProblemPictures) -> None:
    figure = figures.panes(pictures, snapshot(7, 23.5))
    images = [trace for trace in figure.data if trace.type == "image"]
    expected = [pictures.input, pictures.bilinear, np.full((48, 48, 3), 7, np.uint8), pictures.target]
    for trace, picture in zip(images, expected, strict=True):
        np.testing.assert_array_equal(decoded(trace.source), picture)
        assert trace.x0 - trace.dx / 2 == 0
        assert trace.dx * picture.shape[1] == 48
    titles = [note.text for note in figure.layout.annotations]
    assert titles == [
        "Input<br>24 × 24 px",
        "Bilinear<br>20.00 dB",
        "DySample, step 7<br>23.50 dB",
        "Target<br>48 × 48 px",
    ]


def test_dots_are_in_the_held_out_squares_and_borders_between_squares(pictures: ProblemPictures) -> None:
    figure = figures.panes(pictures, snapshot(7, 23.5))
    dots = list(figure.select_traces({"type": "scatter", "mode": "markers"}))
    assert len(dots) == 4
    places = {(int(x // SIDE), int(y // SIDE)) for x, y in zip(dots[0].x, dots[0].y, strict=True)}
    assert places == {(1, 0), (0, 1)}
    border = next(figure.select_traces({"type": "scatter", "mode": "lines"}))
    assert np.nanmax(border.x) == np.nanmax(border.y) == 48
    assert (border.x[0], border.x[1], border.y[3]) == (24, 24, 24)


@pytest.mark.parametrize("kind", ["curves", "arrows", "panes"])
def test_themes_shine_through(kind: str, pictures: ProblemPictures) -> None:
    shot = snapshot(3, 21)
    figure = {
        "curves": lambda: figures.curves([shot], steps=9, at=3),
        "arrows": lambda: figures.arrow_field(pictures, arrows(shot.record, height=24, width=24, group=0)),
        "panes": lambda: figures.panes(pictures, shot),
    }[kind]()
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
    assert figure.layout.font.color is None
    assert figure.layout.width is None


@pytest.mark.parametrize(
    ("psnr", "words"),
    [
        (22.004, "DySample beats bilinear on the held-out squares by 2.00 dB: 22.00 dB against 20.00 dB."),
        (20.01, "beats bilinear on the held-out squares by 0.01 dB: 20.01 dB against 20.00 dB."),
        (20.004, "no better: 20.00 dB against 20.00 dB."),
        (18.5, "DySample does not beat bilinear on the held-out squares: 18.50 dB against 20.00 dB."),
    ],
)
def test_the_verdict_is_that_of_the_numbers(psnr: float, words: str) -> None:
    shot = snapshot(1, psnr, None, None)
    assert words in learn_words.verdict(shot)
    assert shot.beats_bilinear == (psnr > 20.005)


@pytest.mark.parametrize(("iou", "word"), [(0.9, "better"), (0.1, "worse"), (0.4, "the same")])
def test_the_verdict_on_masks_gives_both_measures(iou: float, word: str) -> None:
    shot = snapshot(1, 22, iou)
    assert f"its IoU is {word}: {iou:.3f} against 0.400." in learn_words.verdict(shot)
    assert learn_words.wins(shot) == (word != "worse")
    assert not learn_words.wins(snapshot(1, 18, iou))


def test_text_alternatives_hold_the_numbers(pictures: ProblemPictures) -> None:
    shots = [snapshot(0, 20), snapshot(10, 24), snapshot(20, 23)]
    assert "from 20.00 dB to 23.00 dB, at best 24.00 dB at step 10" in learn_words.curves_alt(shots)
    drawn = arrows(shots[0].record, height=24, width=24, group=0, every=4)
    assert learn_words.arrows_alt(drawn) == (
        "144 arrows over the input, 0.500 low-res pixels long in the median and 0.500 at most; "
        "on average they move by x +0.300 and y -0.400."
    )
    assert "group 2 of 2, whose readings weigh +1.25" in learn_words.arrows_caption(
        shots[0], group=1, every=1
    )
    assert "24 × 24 pixels; it enlarged to 48 × 48" in learn_words.panes_alt(pictures, shots[2])


def test_overfitting_is_named_where_only_the_training_error_falls() -> None:
    """The loss of a made snapshot is 0.1 / (1 + step)."""
    rising = [snapshot(step, 20 + step) for step in (0, 1, 2, 3)]
    assert learn_words.overfitting(rising) == ""
    flat = [*rising, snapshot(40, 23.05), snapshot(80, 22.9)]
    assert learn_words.overfitting(flat) == (
        "**Overfitting:** since step 3 the training error has fallen to 1/20, while the held-out score went "
        "from 23.00 to 22.90 dB."
    )
    assert "Overfitting" in learn_words.standing(flat[-1], flat)
    assert "Overfitting" not in learn_words.standing(flat[2], flat)


def test_at_step_0_axes_do_not_magnify_noise() -> None:
    start = snapshot(0, 20, None, None)
    figure = figures.curves([start], steps=30, at=0)
    low, high = figure.layout.yaxis.range
    assert high - low >= 2
    assert low < 20 < high
    low, high = figure.layout.yaxis2.range
    assert high - low >= 1.5
    assert low < np.log10(0.1) < np.log10(0.2) < high
