"""Whether an enlargement is swapped unasked, on request or never, and why, in a sentence."""

from collections.abc import Sequence

from dysample.models.swap.scale import likeliest, scales
from dysample.models.swap.site import Choice
from dysample.models.swap.trace import Call

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
