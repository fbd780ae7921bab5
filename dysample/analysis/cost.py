"""What something costs: a number with its unit and how it was had, or no number and the reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """One cost, such as milliseconds, mebibytes or multiply-accumulates.

    Attributes:
        value: The number; None where it cannot be had, never 0 in its place.
        unit: What it counts, for example ``"MiB"``.
        method: How it was had; where `value` is None, why it cannot be.
    """

    value: float | int | None
    unit: str
    method: str
