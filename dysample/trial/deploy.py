"""What people do with a model after a swap, tried: train, compile, export."""

import importlib.util
import io
import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dysample.measure.macs import Cost
from dysample.swap.flow import tensors_in
from dysample.trial.plan import difference, outputs

Outcome = Literal["yes", "differs", "no", "not installed"]
ONNX_OPSET = 18
_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_CLOSE = 1e-4  # of the largest output: what other orders of summation come to
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing that was tried.

    Attributes:
        name: What it is called.
        how: The call, and what was compared.
        outcome: "yes" where it worked and gave the same output.
        original: What the original model made of it; the same attempt, tried only where the swapped model
            had no "yes".
        difference: Of its output from the model's own.
        words: What else is to be said, such as the reason; empty if nothing is.
        seconds: That the attempt took.
    """

    name: str
    how: str
    outcome: Outcome
    original: Outcome | None
    difference: Cost
    words: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Found:
    outcome: Outcome
    difference: Cost
    words: str = ""


_NONE = Cost(None, "", "there was no output")


@dataclass(frozen=True, slots=True)
class Try:
    """Something to try.

    Attributes:
        name: What it is called.
        how: The call, and what is compared.
        attempt: Tries it with a model and its input.
    """

    name: str
    how: str
    attempt: Callable[[nn.Module, object], _Found]


def _gradients(model: nn.Module, example_inputs: object) -> _Found:
    call: Any = model
    given = [each for each in tensors_in(call(example_inputs)) if each.is_floating_point()]
    torch.stack([each.square().mean() for each in given if each.numel()]).sum().backward()
    weights = dict(model.named_parameters())
    new = {name: _moved(weight) for name, weight in weights.items() if "swapped_upsamplers" in name}
    model.zero_grad()
    lacking = dict.fromkeys(name.partition(".swapped_upsamplers")[0] for name in new if not new[name])
    if lacking:
        where = ", ".join(lacking)
        return _Found(
            "no", _NONE, f"none reaches {where}: with random weights, small maps can be all but zero"
        )
    return _Found("yes", _NONE, f"all {len(new)} new tensors of weights get one")


def _moved(weight: Tensor) -> bool:
    return weight.grad is not None and bool(weight.grad.isfinite().all()) and bool(weight.grad.any())


def _compile(model: nn.Module, example_inputs: object) -> _Found:
    torch.compiler.reset()
    compiled: Any = torch.compile(model, fullgraph=True, backend="aot_eager")
    return _compared(outputs(compiled, example_inputs), model, example_inputs)


def _export(model: nn.Module, example_inputs: object) -> _Found:
    exported = torch.export.export(model, (example_inputs,))
    return _compared(outputs(exported.module(), example_inputs), model, example_inputs)


def _onnx(model: nn.Module, example_inputs: object) -> _Found:
    absent = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        return _Found("not installed", _NONE, f"it needs: pip install {' '.join(absent)}")
    import onnxruntime

    program: Any = torch.onnx.export(
        model, (example_inputs,), dynamo=True, opset_version=ONNX_OPSET, verbose=False
    )
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    fed = {name: each.numpy() for name, each in zip(names, tensors_in(example_inputs), strict=True)}
    given = tuple(torch.from_numpy(each) for each in session.run(None, fed))
    kinds = Counter(node.op_type for node in program.model.graph)
    words = f"{kinds.total()} nodes, {kinds['GridSample']} of them GridSample, {kinds['Resize']} Resize"
    found = _compared(given, model, example_inputs)
    return _Found(found.outcome, found.difference, words)


TRIES: Sequence[Try] = (
    Try("Training", "a backward pass; every new weight gets a finite gradient that is not zero", _gradients),
    Try(
        "torch.compile",
        'fullgraph=True, backend="aot_eager": captured in one graph, code not generated; output compared',
        _compile,
    ),
    Try("torch.export", "for this size of input; output compared", _export),
    Try(
        "ONNX",
        f"torch.onnx.export(dynamo=True, opset_version={ONNX_OPSET}); output compared in ONNX Runtime",
        _onnx,
    ),
)


def attempts(
    swapped: nn.Module,
    original: nn.Module,
    example_inputs: object,
    *,
    tell: Callable[[str], None] = lambda name: None,
) -> tuple[Attempt, ...]:
    """Try everything with a swapped model, and what fails with the original too.

    Args:
        swapped: In eval mode.
        original: In eval mode.
        example_inputs: The one argument that they are called with.
        tell: Called with the name of each before it begins.
    """
    done = list[Attempt]()
    for each in TRIES:
        tell(each.name)
        began = time.perf_counter()
        found = _tried(each, swapped, example_inputs)
        seconds = time.perf_counter() - began
        again = each.attempt is not _gradients and found.outcome in ("no", "differs")
        before = _tried(each, original, example_inputs).outcome if again else None
        done.append(
            Attempt(each.name, each.how, found.outcome, before, found.difference, found.words, seconds)
        )
    return tuple(done)


def _tried(what: Try, model: nn.Module, example_inputs: object) -> _Found:
    with _quietly():
        try:
            return what.attempt(model, example_inputs)
        except Exception as error:  # whatever compilers and exporters raise is the finding
            said = " ".join(str(error).split())[:_LONGEST]
            return _Found("no", _NONE, f"{type(error).__name__}: {said}")


def _compared(given: tuple[Tensor, ...], model: nn.Module, example_inputs: object) -> _Found:
    found = difference(given, outputs(model, example_inputs))
    same = found.value is not None and found.value < _CLOSE
    return _Found("yes" if same else "differs", found)


@contextmanager
def _quietly() -> Generator[None, None, None]:
    """Compilers and exporters talk much; what matters is in their exceptions."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
