"""Find every place where a model changes the size of a map, and judge whether a swap can replace it."""

from collections.abc import Iterable, Mapping, Sequence

from torch import nn
from torch.jit import ScriptModule

from dysample.swap.inputs import other_sizes, other_values, picture_size
from dysample.swap.site import Audit, Choice, Site
from dysample.swap.trace import Call, CallLog, trace

# A line with more calls than this in one `forward` runs once for each object in a picture, say: one site.
MANY = 16
_INTERPOLATIONS = ("nearest", "nearest-exact", "bilinear", "bicubic")
_NO_MODULE = {
    "learned": "It is a call of a function with weights from elsewhere, and no module to replace.",
    "shuffle": "It is a call of a function, and no module to replace.",
    "unpool": "It puts values back to where a pooling took them from, which no upsampler knows.",
}
_Key = tuple[str, bool, bool, int]


def audit(model: nn.Module, example_inputs: object) -> Audit:
    """Find every place where a model changes the size of a map, whether by a module or by a function.

    A private copy of the model runs in eval mode, once with the inputs and, if it accepts them, once with
    pictures of half or twice the size, which shows scales that depend on the size. The model itself is not
    touched.

    Args:
        model: Any module, neither scripted nor compiled.
        example_inputs: Arguments of the model: a tuple, a mapping of keyword arguments, or the only
            argument.

    Raises:
        ValueError: The model or a part of it is scripted or compiled, which hides its calls; it is no module,
            or holds something that cannot be copied.
    """
    _check_model(model)
    first = _traced(model, example_inputs)
    second, resized = _trace_resized(model, example_inputs)
    sizes = [picture_size(inputs) for inputs in (example_inputs, resized)]
    return Audit(tuple(_sites(first, second)), tuple(size for size in sizes if size))


def _check_model(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"the model must be a torch.nn.Module, got {type(model).__name__}")
    if getattr(model.forward, "__func__", None) is nn.Module.forward:
        raise ValueError(f"a {type(model).__name__} has no forward: pass the model that calls its parts")
    for path, module in model.named_modules():
        how = "scripted" if isinstance(module, ScriptModule) else ""
        how = "compiled" if "_orig_mod" in dict(module.named_children()) else how
        if how:
            which = f"the model's part {path!r}" if path else "the model"
            raise ValueError(f"{which} is {how}, which hides what it calls: pass what it was made of")


def _traced(model: nn.Module, example_inputs: object) -> CallLog:
    """Trace; where tensors came from outside of torch, see whether other inputs change them."""
    log = trace(model, example_inputs)
    unclear = any(
        call.origin.strays and not (call.origin.of_input and call.origin.learned) for call in log.calls
    )
    if not log.strays or not (unclear or log.left):
        return log
    inputs = other_values(example_inputs)
    if inputs is None:
        return log
    try:
        other = trace(model, inputs)
    except Exception:  # models raise all kinds of exceptions for unsupported values
        return log
    if None in log.strays or len(log.strays) != len(other.strays):
        return log
    settled = tuple(a != b for a, b in zip(log.strays, other.strays, strict=True))
    return trace(model, example_inputs, settled)


def _trace_resized(model: nn.Module, example_inputs: object) -> tuple[CallLog | None, object]:
    """Trace with inputs of another size; return the log and the inputs, or None twice if none works."""
    for inputs in other_sizes(example_inputs):
        try:
            return trace(model, inputs), inputs
        except Exception:  # models raise all kinds of exceptions for unsupported sizes
            continue
    return None, None


def _sites(first: CallLog, second: CallLog | None) -> Iterable[Site]:
    calls = _by_site(first.calls)
    resized = _by_site(second.calls) if second else {}
    orders = {number: order for order, numbers in enumerate(calls.values()) for number in numbers}
    for order, (key, numbers) in enumerate(calls.items()):
        site_calls = [first.calls[number] for number in numbers]
        call = site_calls[0]
        counts = set(first.counts[call.path])
        if second:
            counts |= second.counts.get(call.path, set[int]())
        scale, choice, reason = judge(
            site_calls,
            [second.calls[number] for number in resized.get(key, ())] if second else (),
            steady=len(counts) == 1 and len({call.index for call in site_calls}) == 1,
            final=first.followed.isdisjoint(numbers),
        )
        yield Site(
            name=_name(call),
            path=call.path,
            index=call.index,
            order=order,
            times=len(site_calls),
            source=call.source,
            kind=call.kind,
            mode=call.mode,
            align_corners=call.align_corners,
            input=call.input,
            output=call.output,
            scale=scale,
            choice=choice,
            reason=reason,
            after=_upstream(order, site_calls, orders),
        )


def _by_site(calls: Sequence[Call]) -> dict[_Key, list[int]]:
    """Group the indices of calls by site; a line that makes many calls in one `forward` is one site."""
    lines: dict[tuple[str, bool, bool, str], list[int]] = {}
    for call in calls:
        lines.setdefault((*_place(call), call.source), []).append(call.index)
    sites: dict[_Key, list[int]] = {}
    for number, call in enumerate(calls):
        indices = lines[*_place(call), call.source]
        index = indices[0] if len(set(indices)) > MANY else call.index
        sites.setdefault((*_place(call), index), []).append(number)
    return sites


def _place(call: Call) -> tuple[str, bool, bool]:
    """Return what calls are numbered in."""
    return call.path, call.interpolates, call.hooked


def _name(call: Call) -> str:
    if call.kind != "functional":
        return call.path
    which = str(call.index) if call.interpolates else f"{call.mode} {call.index}"
    return f"{call.path}[{'hook ' * call.hooked}{which}]"


def _upstream(order: int, calls: Sequence[Call], orders: Mapping[int, int]) -> tuple[int, ...]:
    """Return the orders of the other sites whose outputs went into the inputs of a site's calls."""
    return tuple(sorted({orders[number] for call in calls for number in call.origin.calls} - {order}))


def judge(
    calls: Sequence[Call], resized: Sequence[Call], *, steady: bool, final: bool
) -> tuple[int | None, Choice, str]:
    """Return the scale of a site, whether a swap replaces it, and the reason if not by default.

    Args:
        calls: All calls of the site, at least one.
        resized: Its calls in a run with pictures of another size; empty if there was no such run.
        steady: Whether the module makes the same number of calls in every run.
        final: Whether no weight met the site's output.
    """
    impossible = _impossible(calls, steady)
    if impossible:
        return _shown_scale(calls), "never", impossible
    scale, reason = _scale(calls, resized)
    if scale is None:
        return None, "never", reason
    reason = _reservation(calls[0], final)
    return scale, "request" if reason else "swap", reason


def _impossible(calls: Sequence[Call], steady: bool) -> str:
    """Return why a site cannot be swapped whatever its scale, or nothing."""
    first = calls[0]
    if first.held:
        return "An upsampler is in its place already."
    if len(first.input) != 4:
        return f"Its input has {len(first.input)} dimensions: it is no map."
    if first.obstacle:
        return first.obstacle
    if first.kind == "functional" and not first.interpolates:
        return _NO_MODULE[first.mode]
    if not steady:
        return "Its module makes other calls for other inputs, so that they cannot be told apart."
    if first.origin.strays and not first.origin.of_input:
        return (
            "It resizes a tensor from outside of torch (NumPy, a list, an extension), and whether the input "
            "is in it cannot be seen."
        )
    if not first.origin.of_input:
        return "It resizes a parameter or a constant, such as a positional embedding, and no feature map."
    if first.interpolates and first.mode not in _INTERPOLATIONS:
        return f"The mode {first.mode} is none that an upsampler starts from."
    if len({(call.input[1], call.mode, call.align_corners) for call in calls}) > 1:
        return "It is called with several numbers of channels or modes, which no one upsampler can have."
    return _not_larger(first)


def _not_larger(call: Call) -> str:
    """Return why a call is no enlargement of both sides, or nothing."""
    growth = [after - before for before, after in zip(call.input[2:], call.output[2:], strict=True)]
    if growth == [0, 0]:
        return "It keeps the size."
    if max(growth) <= 0:
        return "It makes the map smaller."
    return "" if min(growth) > 0 else "It enlarges rows and columns by different scales."


def _shown_scale(calls: Sequence[Call]) -> int | None:
    """Return the scale to show of a site that cannot be swapped, where a scale means anything."""
    first = calls[0]
    if len(first.input) != 4 or (first.interpolates and not first.held):
        return None
    return likeliest(frozenset.intersection(*map(scales, calls)), first)


def _scale(calls: Sequence[Call], resized: Sequence[Call]) -> tuple[int | None, str]:
    """Return the integer scale of a site, or None and the reason."""
    pooled = "Its scale depends on the size of the picture, as in pyramid pooling."
    candidates = frozenset.intersection(*map(scales, calls))
    if resized and calls[0].input == resized[0].input and calls[0].output != resized[0].output:
        return None, pooled
    if not candidates:
        several = all(map(scales, calls)) and len(calls) > 1
        ratio = calls[0].output[2] / calls[0].input[2]
        return None, (
            "It is called with several scales." if several else f"Its scale, {ratio:.3g}, is not an integer."
        )
    if resized:
        candidates &= frozenset.intersection(*map(scales, resized))
    scale = likeliest(candidates, calls[0])
    return scale, "" if scale else pooled


def _reservation(call: Call, final: bool) -> str:
    """Return why a site that can be swapped is swapped only on request, or nothing."""
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


def scales(call: Call) -> frozenset[int]:
    """Return all integers that a call may enlarge by.

    There are several only if the requested size is not a multiple of the input's: enlarged by any of them,
    the map misses that size by less than the scale, which cropping or padding can fix.
    """
    rows, columns = call.input[2:]
    if call.factor is not None:
        return frozenset({int(f) for f in call.factor if len(set(call.factor)) == 1 and f in range(2, 65)})
    height, width = call.output[2:]
    exact = height // rows
    if exact >= 2 and (height, width) == (exact * rows, exact * columns):
        return frozenset({exact})
    if min(rows, columns) == 1:  # for any target, many integers come this close
        return frozenset()
    return frozenset(s for s in range(2, 65) if abs(height - s * rows) < s and abs(width - s * columns) < s)


def likeliest(candidates: Iterable[int], call: Call) -> int | None:
    """Return the scale that networks most likely use: a power of two before others, then the closest."""
    rows, height = call.input[2], call.output[2]
    return min(candidates, key=lambda s: (s & (s - 1) != 0, abs(height - s * rows)), default=None)


def factors(scale: int) -> tuple[int, ...]:
    """Return the scales of the upsamplers that make up an enlargement: its prime factors, smallest first."""
    primes, divisor = list[int](), 2
    while scale > 1:
        while scale % divisor == 0:
            primes.append(divisor)
            scale //= divisor
        divisor += 1
    return tuple(primes)
