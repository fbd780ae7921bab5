"""Figures, words and code of the page about one's own model, against the paper's tables and running code."""

from functools import cache

import pytest
import torch
from torch import nn

from app.views.model import paper, words
from app.views.model.flow import flow, flow_data, nodes
from app.views.model.words import (
    attempt_words,
    limit_words,
    limits,
    python_code,
    race_columns,
    scientific,
    start_sentences,
)
from dysample.measure.complexity import META
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread, Timing
from dysample.models.smp import smp_model
from dysample.scores.gains import paper_gains
from dysample.trial.deploy import Attempt
from dysample.trial.plan import Plan, Start, planned
from dysample.trial.survey import Survey, SwapCosts, audit_of, survey, swap_costs

pytestmark = pytest.mark.slow

UNET = "smp:Unet:resnet18"


PICTURE = torch.empty(1, 3, 64, 64, device=META)


@cache
def untouched(name: str) -> tuple[nn.Module, Survey]:
    with META:
        model = smp_model(name).eval()
    return model, survey(model, PICTURE)


@cache
def surveyed(
    name: str, *exceptions: tuple[str, str], to: str = "dysample+"
) -> tuple[Survey, Plan, SwapCosts]:
    model, result = untouched(name)
    plan = planned(audit_of(result), to, exceptions)
    return result, plan, swap_costs(model, PICTURE, plan)


def test_the_flow_of_a_unet_is_a_chain() -> None:
    network, plan, _ = surveyed(UNET, ("decoder.blocks.4[0]", ""))
    drawn = nodes(network, plan)
    assert [node.parents for node in drawn] == [(), (0,), (1,), (2,), (3,)]
    assert [node.fate for node in drawn] == ["swapped"] * 4 + ["possible"]
    figure = flow(network, plan)
    encoder = next(trace for trace in figure.data if trace.name == "Encoder (channels)")
    assert encoder.text == ("3", "64", "64", "128", "256", "512")
    assert list(encoder.y) == [6, 5, 4, 3, 2, 1]  # log2 of 64 to 2 rows
    assert {trace.name for trace in figure.data if trace.showlegend is not False} >= {"Swapped"}
    assert flow_data(network)["inputs"].tolist()[0] == [512, 2, 2]
    assert "0, decoder.blocks.0[0]: 512×2×2 to 512×4×4, swapped" in words.flow_alt(network, plan)


def test_a_pyramid_branches() -> None:
    network, plan, _ = surveyed("smp:FPN:resnet18")
    drawn = {node.site.name: node for node in nodes(network, plan)}
    fates = [node.fate for node in drawn.values()]
    assert (fates.count("swapped"), fates.count("possible")) == (3, 7)
    assert drawn["segmentation_head.1"].fate == "possible"
    finest = drawn["decoder.p2[0]"].site.order
    assert len(drawn["segmentation_head.1"].parents) > 1  # every level ends in the sum
    assert drawn["decoder.p2[0]"].parents == (drawn["decoder.p3[0]"].site.order,)
    assert finest in drawn["segmentation_head.1"].parents


@pytest.mark.parametrize(
    ("label", "upsampler", "gain"),
    [
        ("SegFormer-B1, ADE20K", "dysample+", 43.28 - 41.68),
        ("MaskFormer Swin-B, ADE20K", "dysample-s+", 53.91 - 52.70),
        ("Faster R-CNN R101, COCO", "dysample+", 40.5 - 39.4),
        ("Mask R-CNN R50, COCO masks", "carafe", 35.4 - 34.7),
        ("Panoptic FPN R50, COCO", "deconv", 39.6 - 40.2),
        ("DepthFormer, NYU Depth V2", "dysample+", 100 * (0.878 - 0.873)),
    ],
)
def test_gains_are_those_of_the_printed_tables(label: str, upsampler: str, gain: float) -> None:
    network = next(row for row in paper_gains() if row.label == label)
    assert network.gains[upsampler] == pytest.approx(gain, abs=1e-6)


def test_the_noise_lies_over_the_data_that_it_is_stated_for() -> None:
    networks = paper_gains()
    assert [row.noisy for row in networks] == ["ADE20K" in row.label for row in networks]
    figure = paper.paper_figure(networks, "dysample+")
    band = figure.layout.shapes[0]
    assert (band.x0, band.x1) == (-0.5, 0.5)
    assert (band.y0, band.y1) == (-0.5, 2.5)
    own = figure.data[1]
    assert len(own.x) == sum("dysample+" in row.gains for row in networks) == 10
    assert "1 of 10 gains are within ±0.5" in paper.paper_caption(networks, "dysample+")
    assert paper.paper_data(networks, "dysample+")["gain"].shape == (10,)
    assert "SegFormer-B1, ADE20K +1.6 mIoU" in paper.paper_alt(networks, "dysample+")


@pytest.mark.parametrize(
    "exceptions", [(), (("decoder.blocks.1[0]", "carafe"), ("decoder.blocks.3[0]", "")), None]
)
def test_the_code_makes_the_same_swap(exceptions: tuple[tuple[str, str], ...] | None) -> None:
    every = tuple((f"decoder.blocks.{number}[0]", "") for number in range(5))
    network, plan, costs = surveyed(UNET, *(every if exceptions is None else exceptions))
    names: dict[str, nn.Module] = {}
    exec(python_code(UNET, network, plan), names)
    assert sum(weight.numel() for weight in names["swapped"].parameters()) == costs.parameters
    assert sum(weight.numel() for weight in names["model"].parameters()) == network.parameters


def test_code_for_a_factory() -> None:
    network, plan, _ = surveyed(UNET)
    code = python_code("my_package.networks:segmenter", network, plan)
    assert "from my_package.networks import segmenter" in code
    assert "model = segmenter().eval()" in code


def test_limits_have_their_sources() -> None:
    assert len(limits()) >= 7
    assert all(limit.source.startswith("https://") for limit in limits())
    assert "[TensorRT #4646](https://github.com/NVIDIA/TensorRT/issues/4646)" in "".join(
        map(limit_words, limits())
    )


def test_the_glance_without_measurements() -> None:
    network, plan, costs = surveyed(UNET)
    shown = {number.label: number for number in words.glance(network, costs, plan, None, None)}
    assert shown["Sites swapped"].value == "5 of 5"
    assert shown["Parameters"].value == "+63,648"
    assert shown["Parameters"].below == f"{100 * 63_648 / network.parameters:+.2f} %"
    assert [shown[name].value for name in ("Time, here", "Zero-offset error", "Deploys")] == ["–"] * 3


def test_measurements_in_words() -> None:
    one = Cost(2.5e-7, "of the largest output", "how")
    none = Cost(None, "of the largest output", "why not")
    sentences = " ".join(start_sentences(Start(Cost(0.016, "", ""), one, True, Cost(0.0, "", ""))))
    assert "**2.5e−07** from the original’s. Each site is one enlargement" in sentences
    assert "**1.6e−02**" in sentences
    assert "cannot be compared: why not" in " ".join(start_sentences(Start(none, none, False, none)))
    timing = Timing(Spread(1000.0, 900.0, 1100.0), Spread(10.0, 9.0, 11.0), 1)
    columns = race_columns(Race(timing, timing, Spread(1.1, 1.0, 1.2), Spread(1.123, 1.05, 1.2)))
    assert columns["CPU time (ms)"] == ["10.0 (9.0 to 11.0)"] * 2 + ["× 1.12 (1.05 to 1.20)"]
    assert scientific(0.0) == "0"
    attempt = Attempt("torch.export", "how", "no", "no", none, "because.", 1.25)
    assert attempt_words(attempt) == (
        ":red[✗] **torch.export**, 1.2 s: how; because; nor does the original work."
    )
