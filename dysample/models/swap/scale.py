"""By which integer a map is enlarged, if by any."""

from collections.abc import Iterable

from dysample.models.swap.trace import Call


def scales(call: Call) -> frozenset[int]:
    """All integers that a call may enlarge by.

    Several only where a size is asked for that is no multiple: enlarged by one of these, the map lacks
    or exceeds that size by less than a step, which a crop or pad can mend.
    """
    rows, columns = call.input[2:]
    if call.factor is not None:
        return frozenset({int(f) for f in call.factor if len(set(call.factor)) == 1 and f in range(2, 65)})
    height, width = call.output[2:]
    exact = height // rows
    if exact >= 2 and (height, width) == (exact * rows, exact * columns):
        return frozenset({exact})
    if min(rows, columns) == 1:  # whatever the target is, many integers are within a step
        return frozenset()
    return frozenset(s for s in range(2, 65) if abs(height - s * rows) < s and abs(width - s * columns) < s)


def likeliest(found: Iterable[int], call: Call) -> int | None:
    """The one of several integers that networks have: a power of two, then the closest."""
    rows, height = call.input[2], call.output[2]
    return min(found, key=lambda s: (s & (s - 1) != 0, abs(height - s * rows)), default=None)


def factors(scale: int) -> tuple[int, ...]:
    """The scales of the upsamplers that make an enlargement together: its prime factors, smallest first."""
    found, divisor = list[int](), 2
    while scale > 1:
        while scale % divisor == 0:
            found.append(divisor)
            scale //= divisor
        divisor += 1
    return tuple(found)
