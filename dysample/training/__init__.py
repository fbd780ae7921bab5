"""Training and evaluation on data sets.

Names are imported on first use, so recipes can be read without the extra `train`.
"""

from typing import TYPE_CHECKING

from dysample.lazy import exports

if TYPE_CHECKING:
    from dysample.training.coco import read_objects, read_panoptic
    from dysample.training.data import LabelledPicture, PictureData, data_folder
    from dysample.training.evidence import ScoredRun, scored_runs
    from dysample.training.listing import DataError
    from dysample.training.loop import TrainingError
    from dysample.training.recipe import (
        Ablation,
        CocoFiles,
        Recipe,
        Stage,
        ablation,
        ablations,
        load_recipe,
        recipe_names,
    )
    from dysample.training.runs import FinishedRun, finished_runs
    from dysample.training.stages import scored_pictures, train_heads, train_whole, training_pictures

__all__ = [
    "Ablation",
    "CocoFiles",
    "DataError",
    "FinishedRun",
    "LabelledPicture",
    "PictureData",
    "Recipe",
    "ScoredRun",
    "Stage",
    "TrainingError",
    "ablation",
    "ablations",
    "data_folder",
    "finished_runs",
    "load_recipe",
    "read_objects",
    "read_panoptic",
    "recipe_names",
    "scored_pictures",
    "scored_runs",
    "train_heads",
    "train_whole",
    "training_pictures",
]

if not TYPE_CHECKING:  # a type checker that saw this `__getattr__` would accept any name
    __getattr__, __dir__ = exports(
        __name__,
        {
            "Ablation": "dysample.training.recipe",
            "CocoFiles": "dysample.training.recipe",
            "DataError": "dysample.training.listing",
            "FinishedRun": "dysample.training.runs",
            "LabelledPicture": "dysample.training.data",
            "PictureData": "dysample.training.data",
            "Recipe": "dysample.training.recipe",
            "ScoredRun": "dysample.training.evidence",
            "Stage": "dysample.training.recipe",
            "TrainingError": "dysample.training.loop",
            "ablation": "dysample.training.recipe",
            "ablations": "dysample.training.recipe",
            "data_folder": "dysample.training.data",
            "finished_runs": "dysample.training.runs",
            "load_recipe": "dysample.training.recipe",
            "read_objects": "dysample.training.coco",
            "read_panoptic": "dysample.training.coco",
            "recipe_names": "dysample.training.recipe",
            "scored_pictures": "dysample.training.stages",
            "scored_runs": "dysample.training.evidence",
            "train_heads": "dysample.training.stages",
            "train_whole": "dysample.training.stages",
            "training_pictures": "dysample.training.stages",
        },
    )
