"""The Python code that makes the swap of the page."""

from collections.abc import Sequence

from dysample.analysis.trial.plan import Plan
from dysample.analysis.trial.survey import Survey
from dysample.models.smp_models import SCHEME, is_smp_name, smp_options
from dysample.models.swap import Site


def python_code(name: str, survey: Survey, plan: Plan) -> str:
    """Code that can be run as it is and gives `swapped` and, for each operator, a report."""
    size = ", ".join(map(str, survey.input))
    lines = [*_imports(name), "", *_model(name), f"picture = torch.rand({size})", ""]
    return "\n".join([*lines, *_swaps([each.site for each in survey.sites], plan)]) + "\n"


def _imports(name: str) -> Sequence[str]:
    swap = "from dysample import swap_upsamplers"
    if is_smp_name(name):
        return ("import segmentation_models_pytorch as smp", "import torch", swap)
    module, _, function = name.partition(":")
    return ("import torch", swap, f"from {module} import {function}")


def _model(name: str) -> Sequence[str]:
    if not is_smp_name(name):
        return (f"model = {name.partition(':')[2]}().eval()",)
    family, _, encoder = name.removeprefix(f"{SCHEME}:").partition(":")
    options = ", ".join(f"{key}={value!r}" for key, value in smp_options(family).items())
    return (
        '# Random weights, as on this page; encoder_weights="imagenet" downloads trained ones.',
        f'model = smp.{family}("{encoder}", {options}).eval()',
    )


def _swaps(sites: Sequence[Site], plan: Plan) -> Sequence[str]:
    if not plan:
        return ("swapped = model  # nothing is swapped",)
    operators, lines, source = dict.fromkeys(each.operator for each in plan), list[str](), "model"
    unasked = [site.name for site in sites if site.choice == "swap"]
    for operator in operators:
        names = [each.site for each in plan if each.operator == operator]
        if len(operators) == 1 and names == unasked:
            lines.append(f'swapped, report = swap_upsamplers({source}, picture, "{operator}")')
        else:
            lines += [
                "swapped, report = swap_upsamplers(",
                f'    {source}, picture, "{operator}", where=[{", ".join(map(_quoted, names))}]',
                ")",
            ]
        lines.append("print(report)")
        source = "swapped"
    return lines


def _quoted(text: str) -> str:
    return f'"{text}"'
