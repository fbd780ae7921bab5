"""Every upsampler that can be in a model, side by side: counted, timed and exported within a bounded time."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dysample.files import report_from
from dysample.measure.machine import Machine, this_machine
from dysample.measure.macs import UNIT, Cost
from dysample.measure.memory import peak_allocated
from dysample.measure.timing import CudaStopwatch, Race, cpu_stopwatch, race
from dysample.ops.registry import OPERATORS
from dysample.swap import Site
from dysample.swap.copies import copied
from dysample.swap.inputs import all_tensors
from dysample.swap.site import NO_SITES
from dysample.trial.deploy import Attempt, export_attempt, onnx_attempt
from dysample.trial.plan import Placement, Plan, swap_by_plan
from dysample.trial.survey import Survey, for_counting, survey, swap_costs

BUDGET_S = 100.0  # of measuring; with the start of the process, and what is begun last, two minutes
SWAPPABLE = tuple(name for name, spec in OPERATORS.items() if not spec.needs_guide)
DecisionLayout = Literal["nchw", "channels_last"]
_TIMING_SHARE = 0.55  # of the budget, which times and memory may take; exports have the rest
_ROUNDS = (9, 5, 3)  # as many as there is time for, else one
_FEW_ROUNDS = 3
_PASSES_BESIDE = 9  # of a row: to warm up, to see how long a call takes, and for the memory
_NOT_YET = Cost(None, "MiB", "not measured yet")
_LATE = "the time for this comparison was up"
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One upsampler in the place of a model's own interpolations.

    Attributes:
        operator: Its name in `OPERATORS`.
        sites: Number of sites that it can be at.
        rounds: Samples of its time.
        parameters: Parameters that the model has more than before.
        macs: Multiply-accumulates that one run takes more than before.
        time: CPU time of a run against the model as it is; None if not measured.
        gpu: The same on the GPU; None if not measured, or if there is none.
        memory: MiB at the peak of a forward and a backward pass, beyond what was there before.
        exports: Attempts at exporting the model, as far as they were made.
        reason: A sentence on why something is missing; empty if nothing is.
    """

    operator: str
    sites: int = 0
    rounds: int = 0
    parameters: int = 0
    macs: Cost = field(default=Cost(None, UNIT, "not counted yet"))
    time: Race | None = None
    gpu: Race | None = None
    memory: Cost = field(default=_NOT_YET)
    exports: tuple[Attempt, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """All upsamplers beside each other in one model.

    Attributes:
        command: The command line that repeats the comparison.
        date: Start, ISO 8601 with time zone.
        machine: The machine that it ran on.
        model: Name of the model.
        input: Shape of the picture.
        parameters: Number of parameters of the model as it is.
        macs: Multiply-accumulates of one run of the model as it is.
        sites: The sites that are swapped.
        layout: Memory layout of all timed runs: that in which the model as it is was quicker.
        layouts: CPU time of the model as it is with channels last against NCHW; None if not measured.
        threads: CPU threads.
        rounds: Samples of each time, at most; 0 before anything was measured.
        memory: MiB at the peak of a forward and a backward pass of the model as it is.
        exports: Attempts at exporting the model as it is.
        rows: A row for each of `SWAPPABLE`, in that order.
    """

    command: str
    date: str
    machine: Machine
    model: str
    input: tuple[int, ...]
    parameters: int
    macs: Cost
    sites: tuple[Site, ...]
    layout: DecisionLayout = "nchw"
    layouts: Race | None = None
    threads: int = 1
    rounds: int = 0
    memory: Cost = field(default=_NOT_YET)
    exports: tuple[Attempt, ...] = ()
    rows: tuple[Candidate, ...] = ()

    @property
    def own(self) -> str | None:
        """The operator that does what the model does at all these sites; None if there is no such one."""
        modes = {(site.mode, site.align_corners) for site in self.sites}
        names = {("nearest", False): "nearest", ("bilinear", False): "bilinear"}
        return names.get(modes.pop()) if len(modes) == 1 else None


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared, and what the report says of it.

    Attributes:
        model: Name of the model.
        where: Names or numbers of the sites; None for those that are swapped by default.
        command: The command line that repeats the comparison.
        date: Start, ISO 8601 with time zone.
        threads: CPU threads that PyTorch uses.
        budget_s: Seconds after which nothing new is begun.
    """

    model: str
    where: tuple[str | int, ...] | None = None
    command: str = ""
    date: str = ""
    threads: int = 1
    budget_s: float = BUDGET_S


def to_json(decision: Decision) -> str:
    """Return a comparison as JSON that `from_json` reads."""
    return json.dumps(asdict(decision), indent=1, ensure_ascii=False) + "\n"


def to_line(decision: Decision, operator: str = "") -> str:
    """Return a comparison as one line of JSON, with the row of one operator alone."""
    rows = tuple(row for row in decision.rows if row.operator == operator)
    return json.dumps(asdict(replace(decision, rows=rows)), ensure_ascii=False)


def from_json(text: str) -> Decision:
    """Read a comparison that `to_json` or `to_line` wrote.

    Raises:
        ValueError: The text is not JSON, or not the JSON of a comparison.
    """
    return report_from(Decision, text, "a comparison of upsamplers")


def merged(parts: Iterable[Decision]) -> Decision | None:
    """Return the comparison that lines make up together, the newest of each row; None without lines."""
    rows, last = dict[str, Candidate](), None
    for part in parts:
        last = part
        rows |= {row.operator: row for row in part.rows}
    if last is None:
        return None
    return replace(last, rows=tuple(rows[name] for name in SWAPPABLE if name in rows))


def decide(
    model: nn.Module,
    example_inputs: object,
    question: Question,
    *,
    announce: Callable[[str, float], None] = lambda words, share: None,
    report: Callable[[Decision, str], None] = lambda decision, operator: None,
) -> Decision:
    """Put every upsampler into a model in turn; count, time and export each.

    Args:
        model: Any module in eval mode; it is not touched.
        example_inputs: Its only argument: pictures, or a list of pictures.
        question: What is compared, and for how long.
        announce: Called before each step with its name and the share that is done, 0 to 1.
        report: Called with the comparison so far, and the name of the operator whose row has changed; empty
            for the model as it is.

    Raises:
        ValueError: Nothing in the model can be swapped, or there is no such site.
    """
    table = _Table(model, example_inputs, question, announce, report)
    table.count()
    table.measure()
    table.export()
    return table.decision


class _Table:
    """The comparison as it grows, and the models that it is made with."""

    def __init__(
        self,
        model: nn.Module,
        example_inputs: object,
        question: Question,
        announce: Callable[[str, float], None],
        report: Callable[[Decision, str], None],
    ) -> None:
        self._began = time.monotonic()
        self._budget_s = question.budget_s
        self._announce, self._report = announce, report
        announce("Finding enlargements", 0.0)
        self._model, self._inputs = model, example_inputs
        self._shapes, self._no_numbers = for_counting(model, example_inputs)
        surveyed = survey(self._shapes, self._no_numbers)
        sites = chosen_sites(surveyed, question.where)
        able = {row.site.name: {option.operator for option in row.options} for row in surveyed.sites}
        self._plans: dict[str, Plan] = {
            name: tuple(Placement(site.name, name) for site in sites if name in able[site.name])
            for name in SWAPPABLE
        }
        self._swapped: dict[str, nn.Module] = {}
        self.decision = Decision(
            command=question.command,
            date=question.date,
            machine=this_machine(_gpu() or _CPU),
            model=question.model,
            input=surveyed.input,
            parameters=surveyed.parameters,
            macs=surveyed.macs,
            sites=sites,
            threads=question.threads,
            rows=tuple(Candidate(name) for name in SWAPPABLE),
        )

    # --- Counting ---

    def count(self) -> None:
        """Count parameters and operations of every row; nothing runs."""
        for number, name in enumerate(SWAPPABLE):
            self._announce(f"Counting: {OPERATORS[name].label}", 0.1 * number / len(SWAPPABLE))
            self._set(name, **self._counted(name))

    def _counted(self, name: str) -> dict[str, Any]:
        plan, sites = self._plans[name], len(self.decision.sites)
        needs = f"{OPERATORS[name].label} needs {OPERATORS[name].constraints}"
        if not plan:
            return {"reason": f"It cannot be at any of these sites: {needs}."}
        try:
            costs = swap_costs(self._shapes, self._no_numbers, plan)
        except ValueError as error:
            self._plans[name] = ()
            return {"reason": f"It cannot be in this model: {error}."}
        before, after = self.decision.macs, costs.macs
        more = Cost(None, UNIT, after.method or before.method)
        if before.value is not None and after.value is not None:
            more = Cost(after.value - before.value, UNIT, after.method)
        reason = "" if len(plan) == sites else f"It can be at {len(plan)} of {sites} sites: {needs}."
        added = costs.parameters - self.decision.parameters
        return {"sites": len(plan), "parameters": added, "macs": more, "reason": reason}

    # --- Time and memory ---

    def measure(self) -> None:
        """Time every row against the model as it is, in turns, and measure the memory of training."""
        self._announce("The model as it is", 0.1)
        own = copied(self._model).eval()
        layouts = self._race_of_layouts(own)
        quicker = layouts is not None and layouts.busy_ratio.median < 1
        layout: DecisionLayout = "channels_last" if quicker else "nchw"
        self._own, self._own_inputs = _laid_out(own, self._inputs, layout)
        self._pass_s = _seconds(self._own, self._own_inputs)
        possible = [name for name in SWAPPABLE if self._plans[name]]
        memory = _training_memory(self._own, self._own_inputs)
        rounds = self._rounds(len(possible))
        self._change(layout=layout, layouts=layouts, rounds=rounds, memory=memory)
        for number, name in enumerate(possible):
            self._announce(f"Time and memory: {OPERATORS[name].label}", 0.15 + 0.45 * number / len(possible))
            if self._used() > _TIMING_SHARE:
                self._set(name, reason=self._also(name, f"No times: {_LATE}."))
            else:
                self._measure_row(name, self._rounds(len(possible) - number))

    def _measure_row(self, name: str, rounds: int) -> None:
        swapped, _ = swap_by_plan(self._model, self._inputs, self._plans[name])
        _share_weights(swapped, self._own)
        swapped, inputs = _laid_out(swapped.eval(), self._inputs, self.decision.layout)
        self._swapped[name] = swapped
        with torch.inference_mode():
            found = race(
                lambda: swapped(inputs), lambda: self._own(inputs), rounds=rounds, stopwatch=cpu_stopwatch
            )
        self._pass_s = found.baseline.wall.median / 1000
        memory = _training_memory(swapped, inputs)
        self._set(name, time=found, rounds=rounds, memory=memory, **self._on_gpu(name, swapped, inputs))

    def _race_of_layouts(self, own: nn.Module) -> Race | None:
        if not (isinstance(self._inputs, Tensor) and self._inputs.ndim == 4):
            return None
        other, inputs = _laid_out(copied(own), self._inputs, "channels_last")
        with torch.inference_mode():
            return race(
                lambda: other(inputs),
                lambda: own(self._inputs),
                rounds=_FEW_ROUNDS,
                stopwatch=cpu_stopwatch,
            )

    def _rounds(self, rows: int) -> int:
        """Return how many rounds there is time for, in each of the remaining rows."""
        left_s = (_TIMING_SHARE - self._used()) * self._budget_s
        for rounds in _ROUNDS:
            # An upsampler may take half as long again as the network.
            if rows * 1.25 * self._pass_s * (2 * rounds + _PASSES_BESIDE) < left_s:
                return rounds
        return 1

    def _on_gpu(self, name: str, swapped: nn.Module, inputs: Any) -> dict[str, Any]:
        """Return the time on the GPU; nothing if there is none."""
        gpu = _gpu()
        if gpu is None:
            return {}
        try:
            own, other = copied(self._own).to(gpu), copied(swapped).to(gpu)
            moved = [each.to(gpu) for each in inputs] if isinstance(inputs, list) else inputs.to(gpu)
            with torch.inference_mode(), torch.cuda.device(gpu):
                found = race(
                    lambda: other(moved),
                    lambda: own(moved),
                    rounds=_ROUNDS[0],
                    stopwatch=CudaStopwatch(),
                )
            return {"gpu": found}
        except (RuntimeError, torch.OutOfMemoryError) as error:
            return {"reason": self._also(name, f"No time on the GPU: {str(error).splitlines()[0]}.")}

    # --- Exports ---

    def export(self) -> None:
        """Export the model as it is and every row: first all programs, then all of them to ONNX."""
        models: dict[str, nn.Module] = {"": copied(self._model).eval()}
        programs = dict[str, object]()
        for name in self._swapped:
            models[name] = self._swapped[name]
        for number, (name, model) in enumerate(models.items()):
            if not self._step("torch.export", name, 0.6 + 0.15 * number / len(models)):
                continue
            attempt, program = export_attempt(model, self._plain(name))
            if program is not None:
                programs[name] = program
            self._add_export(name, attempt)
        for number, (name, program) in enumerate(programs.items()):
            if self._step("ONNX", name, 0.75 + 0.25 * number / len(models)):
                self._add_export(name, onnx_attempt(program, models[name], self._plain(name)))

    def _step(self, what: str, name: str, share: float) -> bool:
        """Announce a step, unless the time is up."""
        if self._used() > 1:
            if name:
                self._set(name, reason=self._also(name, f"Not tried: {what}, for {_LATE}."))
            return False
        self._announce(f"{what}: {OPERATORS[name].label if name else 'the model as it is'}", share)
        return True

    def _plain(self, name: str) -> object:
        """Return the inputs as a model has seen them: laid out as it is."""
        return self._own_inputs if name else self._inputs

    def _add_export(self, name: str, attempt: Attempt) -> None:
        if name:
            self._set(name, exports=(*self._row(name).exports, attempt))
        else:
            self._change(exports=(*self.decision.exports, attempt))

    # --- Bookkeeping ---

    def _used(self) -> float:
        """Return the share of the time that is used up."""
        return (time.monotonic() - self._began) / self._budget_s

    def _row(self, name: str) -> Candidate:
        return next(row for row in self.decision.rows if row.operator == name)

    def _also(self, name: str, reason: str) -> str:
        return f"{self._row(name).reason} {reason}".strip()

    def _set(self, name: str, **changes: Any) -> None:
        row = replace(self._row(name), **changes)
        rows = tuple(row if each.operator == name else each for each in self.decision.rows)
        self.decision = replace(self.decision, rows=rows)
        self._report(self.decision, name)

    def _change(self, **changes: Any) -> None:
        self.decision = replace(self.decision, **changes)
        self._report(self.decision, "")


def chosen_sites(surveyed: Survey, where: Sequence[str | int] | None) -> tuple[Site, ...]:
    """Return the sites that are compared.

    Args:
        surveyed: The model as it is.
        where: Names or numbers of sites; None for those that are swapped by default.

    Raises:
        ValueError: There is no such site, or nothing can be swapped.
    """
    sites = [row.site for row in surveyed.sites if row.site.choice != "never"]
    if not surveyed.sites:
        raise ValueError(NO_SITES)
    if where is None:
        chosen = tuple(site for site in sites if site.choice == "swap")
    else:
        names = {key: site for site in sites for key in (site.name, site.order)}
        for key in where:
            if key not in names:
                known = ", ".join(site.name for site in sites) or "none"
                raise ValueError(f"no site that can be swapped is called {key!r}; there are {known}")
        wanted = {names[key].name for key in where}
        chosen = tuple(site for site in sites if site.name in wanted)
    if not chosen:
        known = ", ".join(site.name for site in sites) or "none"
        raise ValueError(f"no site is swapped by default; on request there are {known}")
    return chosen


def _gpu() -> torch.device | None:
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else None


def _laid_out(model: nn.Module, inputs: Any, layout: DecisionLayout) -> tuple[nn.Module, Any]:
    """Put a model into a memory layout in place; return it with its inputs in that layout."""
    if layout == "nchw":
        return model, inputs
    call: Any = model
    return call.to(memory_format=torch.channels_last), inputs.to(memory_format=torch.channels_last)


def _share_weights(swapped: nn.Module, own: nn.Module) -> None:
    """Let a copy hold the same weights as the model where both have them, so that ten take little memory."""
    there = dict(own.named_parameters()) | dict(own.named_buffers())
    for name, tensor in (*swapped.named_parameters(), *swapped.named_buffers()):
        other = there.get(name)
        if other is not None and other.shape == tensor.shape and other.dtype == tensor.dtype:
            tensor.data = other.data


def _seconds(model: nn.Module, inputs: Any) -> float:
    """Return how long a pass takes, warmed up."""
    with torch.inference_mode():
        model(inputs)
        return cpu_stopwatch(lambda: model(inputs), 1).wall


def _training_memory(model: nn.Module, inputs: Any) -> Cost:
    """Measure a forward and a backward pass of a model in eval mode, with the gradients of all weights."""
    call: Any = model

    def step() -> None:
        tensors = [tensor for tensor in all_tensors(call(inputs)) if tensor.requires_grad]
        torch.stack([tensor.square().mean() for tensor in tensors if tensor.numel()]).sum().backward()

    try:
        return peak_allocated(step, _CPU)
    except Exception as error:  # models raise anything where they cannot be trained in eval mode
        words = " ".join(str(error).split())[:200]
        return Cost(None, "MiB", f"a backward pass fails: {type(error).__name__}: {words}")
    finally:
        model.zero_grad(set_to_none=True)
