"""The model card of a task: what its weights are, what they have seen, what they may be used for."""

from dysample.analysis.score_specs import ScoreSpec, score_spec
from dysample.models.manifest import Manifest, WeightsEntry
from dysample.ops.registry import operator_spec
from dysample.training.recipe import Recipe, Stage

_SHOWN = {"segmentation": ("miou", "boundary_miou"), "depth": ("delta1", "abs_rel", "rms")}


def model_card(recipe: Recipe, manifest: Manifest) -> str:
    """A page in Markdown, made of the recipe and of what the manifest says of its weights."""
    heads = manifest.heads(recipe.task)
    return f"""\
# {recipe.title}: `{recipe.task}`

{_what(recipe)} Every head has another upsampler; all share one encoder, so that their predictions
differ by the upsampler and its head alone.

{recipe.limits}

## Data and licence

{recipe.licence}. Trained on {recipe.dataset}, split train; scored on {heads[0].split}.
No photograph or truth is shipped. The weights are under this project's licence; what is made with them
is still bound by what the data's owners allow.

## Training

The encoder is {recipe.encoder} of segmentation_models_pytorch. It started from
`{recipe.start.rpartition("/")[2]}`, learned with bilinear upsampling and was then frozen.

{_stages(recipe)}

Matrices of the encoder are kept in float16, large ones of the heads in 8 bits with a scale for each
row, vectors in float32. The recipe is `{recipe.task}.toml` in
`dysample/training/recipes`; `MANIFEST.toml` has the command, device and time of every file.

## Scores

Of the files as they are shipped, seed {heads[0].seed}, made by
`python -m dysample evaluate {recipe.task}`. `evidence.json`, where there is one, has more seeds.

{_scores(recipe.kind, heads)}
"""


def _what(recipe: Recipe) -> str:
    if recipe.kind == "depth":
        return "Networks that tell the depth of every pixel of a photograph in metres."
    return f"Networks that give every pixel of a photograph one of {len(recipe.classes)} classes."


def _stages(recipe: Recipe) -> str:
    lines = [
        "| | Epochs | Batch | Crop | Random size | Rate of encoder | Rate of head |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, stage in (("Encoder", recipe.encoder_stage), ("Heads", recipe.head_stage)):
        lines.append(f"| {name} | {_stage(stage)} |")
    return "\n".join(lines)


def _stage(stage: Stage) -> str:
    low, high = stage.resize
    cells = (stage.epochs, stage.batch, stage.crop, f"{low}–{high}", stage.encoder_rate, stage.head_rate)
    return " | ".join(str(cell) for cell in cells)


def _scores(kind: str, heads: tuple[WeightsEntry, ...]) -> str:
    specs = [score_spec(name) for name in _SHOWN[kind]]
    lines = ["| Upsampler | " + " | ".join(_title(spec) for spec in specs) + " |"]
    lines.append("|---" * (1 + len(specs)) + "|")
    for entry in heads:
        cells = [_cell(getattr(entry, spec.name), spec) for spec in specs]
        lines.append(f"| {operator_spec(entry.upsampler).label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _title(spec: ScoreSpec) -> str:
    return f"{spec.label} ({spec.unit})" if spec.unit else spec.label


def _cell(value: float | None, spec: ScoreSpec) -> str:
    return "–" if value is None else spec.printed(value)
