"""`audit`: every place where a model changes the size of a map."""

from collections.abc import Iterable, Mapping, Sequence

from torch import nn
from torch.jit import ScriptModule

from dysample.models.swap.inputs import other_sizes, picture_size
from dysample.models.swap.site import Audit, Site
from dysample.models.swap.trace import Call, Trace, trace
from dysample.models.swap.verdict import judge

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
