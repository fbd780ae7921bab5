"""Parameters without biases and normalisation, as the paper counts them."""

from collections.abc import Iterable, Mapping

from dysample.analysis.bench.asked import MapSize
from dysample.analysis.bench.measuring import BenchRow
from dysample.analysis.complexity.counting import site_parameters
from dysample.analysis.complexity.sites import Site


def weights(size: MapSize, rows: Iterable[BenchRow]) -> Mapping[str, int | None]:
    """The weights of every operator that was made for such a map."""
    site = Site(size.channels, size.channels, size.height, size.width)
    made = {row.case.operator for row in rows if row.parameters.value is not None}
    return {name: site_parameters(name, site).weights_only for name in made}
