"""`audit`: every place where a model changes the size of a map."""

from collections.abc import Iterable, Mapping, Sequence

from torch import nn
from torch.jit import ScriptModule

from dysample.swap.flow import other_sizes, picture_size
from dysample.swap.site import Audit, Choice, Site
from dysample.swap.trace import Call, Trace, trace

# More calls than this of one line in one `forward` are as many as a picture has objects, say.
MANY = 16
_Key = tuple[str, bool, int]


def audit(model: nn.Module, example_inputs: object) -> Audit:
    """Find every place where a model changes the size of a map, whether by a module or by a function.

    The model runs in eval mode, once with the inputs and, where it takes them, once with pictures of
    half or twice the size, which tells scales that depend on the size. A private copy runs: the model
    is not touched.

    Args:
        model: Any module, neither scripted nor compiled.
        example_inputs: What it is called with: a tuple of arguments, a mapping of keyword arguments, or
            the one argument.

    Raises:
        ValueError: The model or a part of it is scripted or compiled, which hides what it calls.
    """
    _check(model)
    first = trace(model, example_inputs)
    second, resized = _second(model, example_inputs)
    sizes = [picture_size(inputs) for inputs in (example_inputs, resized)]
    return Audit(tuple(_sites(first, second)), tuple(size for size in sizes if size))


def _check(model: nn.Module) -> None:
    for path, module in model.named_modules():
        how = "scripted" if isinstance(module, ScriptModule) else ""
        how = "compiled" if "_orig_mod" in dict(module.named_children()) else how
        if how:
            which = f"the model's part {path!r}" if path else "the model"
            raise ValueError(f"{which} is {how}, which hides what it calls: pass what it was made of")


def _second(model: nn.Module, example_inputs: object) -> tuple[Trace | None, object]:
    for inputs in other_sizes(example_inputs):
        try:
            return trace(model, inputs), inputs
        except Exception:  # whatever a model raises for sizes that it does not take
            continue
    return None, None


def _sites(first: Trace, second: Trace | None) -> Iterable[Site]:
    calls = _by_site(first.calls)
    others = _by_site(second.calls) if second else {}
    places = {number: order for order, numbers in enumerate(calls.values()) for number in numbers}
    for order, (key, numbers) in enumerate(calls.items()):
        made = [first.calls[number] for number in numbers]
        path = made[0].path
        counts = first.counts[path] | (second.counts.get(path, set[int]()) if second else set[int]())
        scale, choice, reason = judge(
            made,
            [second.calls[number] for number in others.get(key, ())] if second else (),
            steady=len(counts) == 1 and len({call.index for call in made}) == 1,
            final=first.followed.isdisjoint(numbers),
        )
        yield Site(
            name=_name(made[0]),
            path=path,
            index=made[0].index,
            order=order,
            times=len(made),
            source=made[0].source,
            kind=made[0].kind,
            mode=made[0].mode,
            align_corners=made[0].align_corners,
            input=made[0].input,
            output=made[0].output,
            scale=scale,
            choice=choice,
            reason=reason,
            after=_before(order, made, places),
        )


def _before(order: int, made: Sequence[Call], places: Mapping[int, int]) -> tuple[int, ...]:
    """The sites that the calls of one come after."""
    return tuple(sorted({places[number] for call in made for number in call.origin.calls} - {order}))


def _by_site(calls: Sequence[Call]) -> dict[_Key, list[int]]:
    """Numbers of the calls of each site; a line that makes many calls in one `forward` is one site."""
    lines: dict[tuple[str, bool, str], list[int]] = {}
    for call in calls:
        lines.setdefault((call.path, call.interpolates, call.source), []).append(call.index)
    found: dict[_Key, list[int]] = {}
    for number, call in enumerate(calls):
        indices = lines[call.path, call.interpolates, call.source]
        index = indices[0] if len(set(indices)) > MANY else call.index
        found.setdefault((call.path, call.interpolates, index), []).append(number)
    return found


def _name(call: Call) -> str:
    if call.kind != "functional":
        return call.path
    which = call.index if call.interpolates else f"{call.mode} {call.index}"
    return f"{call.path}[{which}]"


# Whether an enlargement is swapped unasked, on request or never, and why, in a sentence.


_INTERPOLATIONS = ("nearest", "nearest-exact", "bilinear", "bicubic")
_NO_MODULE = {
    "learned": "It is a call of a function with weights from elsewhere, and no module to replace.",
    "shuffle": "It is a call of a function, and no module to replace.",
    "unpool": "It puts values back to where a pooling took them from, which no upsampler knows.",
}


def judge(
    calls: Sequence[Call], others: Sequence[Call], *, steady: bool, final: bool
) -> tuple[int | None, Choice, str]:
    """Scale, choice and reason of one site.

    Args:
        calls: All calls of the site, at least one.
        others: Those of a run with pictures of another size; empty where none was possible.
        steady: Whether the module makes the same number of calls whenever it runs.
        final: Whether no weight met what the site gave.
    """
    impossible = _impossible(calls, steady)
    if impossible:
        return _scale_of(calls), "never", impossible
    scale, reason = _scale(calls, others)
    if scale is None:
        return None, "never", reason
    reason = _unasked(calls[0], final)
    return scale, "request" if reason else "swap", reason


def _impossible(calls: Sequence[Call], steady: bool) -> str:
    first = calls[0]
    if first.held:
        return "An upsampler is in its place already."
    if len(first.input) != 4:
        return f"Its input has {len(first.input)} dimensions: it is no map."
    if first.kind == "functional" and not first.interpolates:
        return _NO_MODULE[first.mode]
    if first.fixed:
        return "Its `forward` belongs to this one object (torch.fx, accelerate): swap before that is set."
    if not steady:
        return "Its module makes other calls for other inputs, so that they cannot be told apart."
    if not first.origin.of_input:
        return "It resizes a parameter or a constant, such as a positional embedding, and no feature map."
    if first.interpolates and first.mode not in _INTERPOLATIONS:
        return f"The mode {first.mode} is none that an upsampler starts from."
    if len({(call.input[1], call.mode, call.align_corners) for call in calls}) > 1:
        return "It is called with several numbers of channels or modes, which no one upsampler can have."
    return _not_larger(first)


def _scale_of(calls: Sequence[Call]) -> int | None:
    """The scale, for people, of a site that is told by more than its sizes that it cannot be swapped."""
    first = calls[0]
    if len(first.input) != 4 or (first.interpolates and not first.held):
        return None
    return likeliest(frozenset.intersection(*map(scales, calls)), first)


def _not_larger(call: Call) -> str:
    growth = [after - before for before, after in zip(call.input[2:], call.output[2:], strict=True)]
    if growth == [0, 0]:
        return "It keeps the size."
    if max(growth) <= 0:
        return "It makes the map smaller."
    return "" if min(growth) > 0 else "It enlarges rows and columns by different scales."


def _scale(calls: Sequence[Call], others: Sequence[Call]) -> tuple[int | None, str]:
    pooled = "Its scale depends on the size of the picture, as in pyramid pooling."
    here = frozenset.intersection(*map(scales, calls))
    if others and calls[0].input == others[0].input and calls[0].output != others[0].output:
        return None, pooled
    if not here:
        several = all(map(scales, calls)) and len(calls) > 1
        ratio = calls[0].output[2] / calls[0].input[2]
        return None, (
            "It is called with several scales." if several else f"Its scale, {ratio:.3g}, is not an integer."
        )
    there = frozenset.intersection(*map(scales, others)) if others else here
    scale = likeliest(here & there, calls[0])
    return scale, "" if scale else pooled


def _unasked(call: Call, final: bool) -> str:
    """Why a site that can be swapped is only swapped on request."""
    if not call.interpolates:
        return "It is learned already: to swap it is to throw its weights, or what feeds it, away."
    if not call.origin.learned:
        return "It resizes the input, before anything learned."
    if final:
        return "It enlarges the prediction: nothing learned follows it."
    if call.align_corners:
        return "It aligns corners, which upsamplers do not: the swapped model would start a little different."
    if call.mode == "bicubic":
        return "It is bicubic: an upsampler would start as bilinear."
    return ""


# By which integer a map is enlarged, if by any.


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
