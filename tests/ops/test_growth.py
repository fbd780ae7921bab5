"""Adding an operator: a row that is neither in the paper nor trained breaks nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch.nn.functional as F
from jaxtyping import Float
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from app.shared import networks
from app.views.evidence.bubbles import paper_bubbles, printed_ranges
from app.views.evidence.tables import shown
from dysample import cli
from dysample.geometry import check_map
from dysample.measure.case import BenchRequest
from dysample.measure.complexity import HOSTS, ParameterCount, host_complexity
from dysample.measure.complexity_table import host_section
from dysample.models.manifest import load_manifest
from dysample.models.weights import load_host
from dysample.ops.registry import OPERATORS, OperatorSpec, build, canonical_name, operator_spec
from dysample.ops.upsampler import Upsampler
from dysample.reassembly import reassemble
from dysample.scores.gains import paper_gains
from dysample.types import KernelRecord
from scripts import tables
from tests.ops.test_operators import Contract
from tests.views.opened import forget, open_page

pytestmark = pytest.mark.slow


class GainedNearest(Upsampler):
    """Multiply nearest-neighbour interpolation by a learned gain per low-res pixel."""

    def __init__(self, channels: int, *, scale: int = 2) -> None:
        """Initialise for maps of `channels` channels.

        Raises:
            ValueError: `channels` is not a positive integer, or `scale` not an integer of at least 2.
        """
        super().__init__(channels, scale=scale)
        self.predict = nn.Conv2d(channels, 1, kernel_size=1)

    def plan(self, x: Float[Tensor, "b c h w"]) -> KernelRecord:
        """Predict the gain of every output pixel, as kernels of one pixel.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        check_map(x, self.channels)
        gain = self.predict(x).sigmoid()
        return KernelRecord(F.interpolate(gain, scale_factor=float(self.scale)).unsqueeze(1), self.scale)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Enlarge `x` s times: plan the kernels, then apply them.

        Raises:
            ValueError: `x` is not a batch of non-empty maps with the right number of channels.
        """
        return reassemble(x, self.plan(x).weights, scale=self.scale)


NAME = "gained"
SPEC = OperatorSpec(
    "Gained nearest",
    GainedNearest,
    "Multiplies the low-res pixel that contains it by a gain predicted from the low-res features.",
    family="kernel",
    start="random gain",
)


@pytest.fixture(autouse=True)
def _grown(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add a row to the table, and clear caches made with the shorter and the longer one."""
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    monkeypatch.setitem(OPERATORS, NAME, SPEC)
    forget()
    yield
    forget()


@pytest.mark.parametrize("name", [NAME])
class TestContract(Contract):
    """The new row fulfils the contract of all operators."""


def test_it_is_found_by_its_name():
    assert canonical_name(NAME) == NAME
    assert operator_spec(NAME) is SPEC
    assert isinstance(build(NAME, 8), GainedNearest)
    with pytest.raises(ValueError, match="gained has no options"):
        build(f"{NAME}@groups=2", 8)


def test_the_paper_has_no_numbers_of_it():
    assert "Gained nearest" not in {bubble.label for bubble in paper_bubbles(None)}
    assert NAME not in printed_ranges()
    assert not any(NAME in row.gains for row in paper_gains())
    assert shown(NAME) == "Gained nearest"


def test_a_new_way_to_move_points_gets_none_of_the_papers_latencies(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(OPERATORS, NAME, replace(SPEC, family="points"))
    assert {bubble.label for bubble in paper_bubbles(None)} == {
        *("Bilinear", "DySample", "DySample+", "DySample-S", "DySample-S+")
    }
    assert NAME not in printed_ranges()


def test_its_cost_in_the_papers_networks_is_counted():
    complexity = host_complexity(HOSTS["segformer-b1"])
    row = complexity.rows[-1]
    assert row.upsampler == NAME
    # Six sites; per low-res pixel, 256 products for the gain and 4 x 256 to apply it.
    assert row.parameters == ParameterCount(6 * 257, 6 * 256)
    assert row.macs.value == row.macs_paper_rule.value == 14592 * (256 + 4 * 256)
    assert (row.paper_parameters, row.paper_macs, row.notes) == (None, None, ())
    assert "| Gained nearest | 1,542 | 1,536 | – | 0.019 G | 0.019 G | – |  |" in host_section(complexity)


def test_it_is_listed_as_untrained():
    manifest = load_manifest()
    for task in manifest.tasks:
        assert "Gained nearest" in networks.untrained(task.name)
        assert NAME not in networks.trained(task.name)
        with pytest.raises(ValueError, match=f"has no weights for '{NAME}'"):
            load_host(task.name, upsampler=NAME)


def test_the_readme_lists_it_once_it_has_weights():
    manifest = load_manifest()
    assert "Gained nearest" not in tables.score_tables(manifest)
    entry = replace(manifest.entry("indoor-depth", "carafe"), upsampler=NAME)
    pixels, _, objects = tables.score_tables(replace(manifest, weights=(*manifest.weights, entry))).partition(
        "\n\n"
    )
    assert "Gained nearest" not in objects
    header, *_, line = pixels.splitlines()
    titles, cells = header.strip("| ").split(" | "), line.strip("| ").split(" | ")
    assert cells == ["Gained nearest", *["–"] * 6, *cells[7:]]
    assert titles[7] == "Indoor depth: δ1 ↑"
    assert len(titles) == len(cells) == 10
    assert all(0 < float(cell) < 1 for cell in cells[7:])


def test_the_commands_know_it(capsys: pytest.CaptureFixture[str]):
    assert NAME in BenchRequest().operators
    options = ["--upsampler", NAME, "--size", "8x4x4"]
    assert cli.main(["bench", *options, "--rounds", "1", "--no-memory"]) == 0
    assert "Gained nearest" in capsys.readouterr().out
    assert cli.main(["profile", *options]) == 0
    assert "Gained nearest" in capsys.readouterr().out


def opened(address: str, prepare: Callable[[AppTest], object] = lambda app: None) -> AppTest:
    """Return a page after its first run."""
    app = open_page(address)
    prepare(app)
    app.run()
    assert not app.exception
    assert not app.error
    return app


def written(app: AppTest) -> str:
    return "\n".join(block.value for block in (*app.markdown, *app.caption, *app.info))


def test_compare_names_it_and_does_not_offer_it():
    app = opened("compare")
    assert "no weights for this task have been trained yet: Gained nearest." in written(app)
    (pills,) = (group for group in app.get("button_group") if group.key == "up")
    assert "Gained nearest" not in pills.options


def test_one_point_shows_what_it_starts_from():
    app = opened("point", lambda app: app.query_params.update({"cell": "8,12"}))
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    texts = [text for chart in charts for trace in chart["data"] for text in trace.get("text") or ()]
    (title,) = (text for text in texts if ">Gained nearest<" in text)
    assert "untrained: random start" in title
    assert "random gain" in title


def test_your_model_takes_it_and_says_that_the_paper_does_not():
    app = opened("model")
    app.selectbox(key="model_to").set_value(NAME).run()
    assert not app.exception
    assert not app.error
    assert next(metric.value for metric in app.metric if metric.label == "Sites swapped") == "5 of 5"
    assert "The paper has no numbers of Gained nearest." in written(app)


def test_cost_offers_it():
    app = opened("cost")
    (pills,) = (group for group in app.get("button_group") if group.key == "cost_up")
    assert "Gained nearest" in pills.options


@pytest.mark.parametrize("section", ["Measured here", "Beside the paper", "Score and cost", "Ablations"])
def test_evidence_stays_as_it_is(section: str):
    app = opened("evidence")
    sections = next(group for group in app.get("button_group") if group.key == "evidence_section")
    sections.set_value(section).run()
    assert not app.exception
    assert not app.error
    assert "Gained nearest" not in written(app)
    tables = [table.value for table in app.dataframe]
    assert not any("Gained nearest" in table.to_string() for table in tables)
