"""Try what people do with a model after a swap: train, compile and export it."""

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
from dysample.swap.inputs import all_tensors, tensors_in
from dysample.swap.modules import HELD
from dysample.trial.plan import difference, outputs

AttemptOutcome = Literal["yes", "differs", "no", "not installed"]
ONNX_OPSET = 18
_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_CLOSE = 1e-4  # of the largest output; other orders of summation differ by up to this
_LONGEST = 300  # characters of an error message
_NO_OUTPUT = Cost(None, "", "there was no output")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Result of trying one thing with a swapped model.

    Attributes:
        name: Name of the try.
        how: The call, and what was compared.
        outcome: "yes" if it worked and returned the same output.
        original: Outcome of the same try with the original model; None if it was not needed, since only
            failures are tried again.
        difference: Difference of its output from the model's own.
        words: A note such as the reason of a failure; may be empty.
        seconds: Duration of the attempt.
    """

    name: str
    how: str
    outcome: AttemptOutcome
    original: AttemptOutcome | None
    difference: Cost
    words: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Finding:
    outcome: AttemptOutcome
    difference: Cost
    words: str = ""


@dataclass(frozen=True, slots=True)
class Try:
    """Something to try.

    Attributes:
        name: Its name.
        how: The call, and what is compared.
        run: Tries it with a model and its input.
        compares: Whether the original model is tried too if the swapped one fails.
    """

    name: str
    how: str
    run: Callable[[nn.Module, object], _Finding]
    compares: bool = True


def _gradients(model: nn.Module, example_inputs: object) -> _Finding:
    call: Any = model
    tensors = [tensor for tensor in all_tensors(call(example_inputs)) if tensor.is_floating_point()]
    torch.stack([tensor.square().mean() for tensor in tensors if tensor.numel()]).sum().backward()
    weights = dict(model.named_parameters())
    new = {name: _has_gradient(weight) for name, weight in weights.items() if HELD in name}
    model.zero_grad()
    lacking = dict.fromkeys(name.partition(f".{HELD}")[0] for name in new if not new[name])
    if lacking:
        where = ", ".join(lacking)
        words = f"none reaches {where}: with random weights, small maps can be all but zero"
        return _Finding("no", _NO_OUTPUT, words)
    return _Finding("yes", _NO_OUTPUT, f"all {len(new)} new tensors of weights get one")


def _has_gradient(weight: Tensor) -> bool:
    return weight.grad is not None and bool(weight.grad.isfinite().all()) and bool(weight.grad.any())


def _compile(model: nn.Module, example_inputs: object) -> _Finding:
    torch.compiler.reset()
    compiled: Any = torch.compile(model, fullgraph=True, backend="aot_eager")
    return _compared(outputs(compiled, example_inputs), model, example_inputs)


def _export(model: nn.Module, example_inputs: object) -> _Finding:
    exported = torch.export.export(model, (example_inputs,))
    return _compared(outputs(exported.module(), example_inputs), model, example_inputs)


def _onnx(model: nn.Module, example_inputs: object) -> _Finding:
    return _onnx_from(model, model, example_inputs)


def _onnx_from(
    source: object, model: nn.Module, example_inputs: object, *, optimize: bool = True
) -> _Finding:
    """Export a model, or its exported program, and compare outputs with the model's own."""
    absent = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        return _Finding("not installed", _NO_OUTPUT, f"it needs: pip install {' '.join(absent)}")
    import onnxruntime

    export: Any = torch.onnx.export
    program = export(
        source, (example_inputs,), dynamo=True, opset_version=ONNX_OPSET, verbose=False, optimize=optimize
    )
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    inputs = {name: tensor.numpy() for name, tensor in zip(names, tensors_in(example_inputs), strict=True)}
    arrays = session.run(None, inputs)
    kinds = Counter(node.op_type for node in program.model.graph)
    words = f"{kinds.total()} nodes, {kinds['GridSample']} of them GridSample, {kinds['Resize']} Resize"
    return _compared(tuple(map(torch.from_numpy, arrays)), model, example_inputs, words)


def _compared(
    tensors: tuple[Tensor, ...], model: nn.Module, example_inputs: object, words: str = ""
) -> _Finding:
    distance = difference(tensors, outputs(model, example_inputs))
    same = distance.value is not None and distance.value < _CLOSE
    return _Finding("yes" if same else "differs", distance, words)


TRAINING = Try(
    "Training",
    "a backward pass; every new weight gets a finite gradient that is not zero",
    _gradients,
    compares=False,  # the new weights are not in the original
)
COMPILE = Try(
    "torch.compile",
    'fullgraph=True, backend="aot_eager": captured in one graph, code not generated; output compared',
    _compile,
)
EXPORT = Try("torch.export", "for this size of input; output compared", _export)
ONNX = Try(
    "ONNX",
    f"torch.onnx.export(dynamo=True, opset_version={ONNX_OPSET}); output compared in ONNX Runtime",
    _onnx,
)
TRIES: Sequence[Try] = (TRAINING, COMPILE, EXPORT, ONNX)


def attempts(
    swapped: nn.Module,
    original: nn.Module,
    example_inputs: object,
    *,
    progress: Callable[[str], None] = lambda name: None,
) -> tuple[Attempt, ...]:
    """Try everything with a swapped model, and repeat failures with the original.

    Args:
        swapped: The swapped model in eval mode.
        original: The original model in eval mode.
        example_inputs: The only argument of the models.
        progress: Called with the name of each try before it begins.
    """
    results = list[Attempt]()
    for item in TRIES:
        progress(item.name)
        results.append(attempt(item, swapped, original, example_inputs))
    return tuple(results)


def attempt(item: Try, swapped: nn.Module, original: nn.Module, example_inputs: object) -> Attempt:
    """Try one thing with a swapped model, and after a failure with the original.

    Args:
        item: What to try.
        swapped: The swapped model in eval mode.
        original: The original model in eval mode.
        example_inputs: The only argument of the models.
    """
    start = time.perf_counter()
    finding = _find(item, swapped, example_inputs)
    seconds = time.perf_counter() - start
    again = item.compares and finding.outcome in ("no", "differs")
    before = _find(item, original, example_inputs).outcome if again else None
    return Attempt(item.name, item.how, finding.outcome, before, finding.difference, finding.words, seconds)


def export_attempt(model: nn.Module, example_inputs: object) -> tuple[Attempt, object | None]:
    """Try `torch.export` with a model alone, and keep the program for `onnx_attempt`.

    Args:
        model: The model in eval mode.
        example_inputs: Its only argument.

    Returns:
        The attempt, and the exported program; None where there is none.
    """
    kept = list[object]()

    def run(model: nn.Module, example_inputs: object) -> _Finding:
        program = torch.export.export(model, (example_inputs,))
        kept.append(program)
        return _compared(outputs(program.module(), example_inputs), model, example_inputs)

    result = _timed(EXPORT.name, EXPORT.how, run, model, example_inputs)
    return result, kept[0] if kept else None


def onnx_attempt(program: object, model: nn.Module, example_inputs: object) -> Attempt:
    """Try to translate an exported program to ONNX, without optimising it, which takes longest.

    Args:
        program: What `export_attempt` returned.
        model: The model that it was exported from.
        example_inputs: Its only argument.
    """

    def run(model: nn.Module, example_inputs: object) -> _Finding:
        return _onnx_from(program, model, example_inputs, optimize=False)

    return _timed(ONNX.name, f"{ONNX.how}; not optimised", run, model, example_inputs)


def _timed(
    name: str,
    how: str,
    run: Callable[[nn.Module, object], _Finding],
    model: nn.Module,
    example_inputs: object,
) -> Attempt:
    start = time.perf_counter()
    finding = _find(Try(name, how, run), model, example_inputs)
    seconds = time.perf_counter() - start
    return Attempt(name, how, finding.outcome, None, finding.difference, finding.words, seconds)


def _find(item: Try, model: nn.Module, example_inputs: object) -> _Finding:
    with _quiet():
        try:
            return item.run(model, example_inputs)
        except Exception as error:  # any exception of compilers and exporters is the finding
            message = " ".join(str(error).split())[:_LONGEST]
            return _Finding("no", _NO_OUTPUT, f"{type(error).__name__}: {message}")


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Silence compilers and exporters; all that matters is in their exceptions."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
