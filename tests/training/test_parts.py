"""Parts of training: reading, augmentation, class weights, starting weights, recipes."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dysample.models.annotations import Depth, Labels
from dysample.models.encoder import Encoder
from dysample.models.manifest import as_tuples, load_manifest, pretrained_folder
from dysample.training.data import PictureData, batches
from dysample.training.evidence import recipe_digest
from dysample.training.listing import DataError
from dysample.training.losses import class_shares, class_weights
from dysample.training.recipe import check_own_networks, load_recipe, recipe_names, sharing_recipes
from dysample.training.stages import load_start
from dysample.training.truth import TRUTHS, Framing
from tests.training.datasets import make_data, make_recipe


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and a recipe."""
    folder = tmp_path_factory.mktemp("parts")
    make_data(folder)
    make_recipe(folder)
    return folder


def test_damaged_and_mismatched_pictures_are_named(tmp_path: Path) -> None:
    make_data(tmp_path)
    data = PictureData(tmp_path, "camvid", "train", "segmentation")
    (tmp_path / "camvid" / "rgb" / "p0.jpg").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"p0\.jpg is missing or damaged"):
        data[0]
    shutil.copy(tmp_path / "camvid" / "rgb" / "p1.jpg", tmp_path / "camvid" / "rgb" / "p0.jpg")
    (tmp_path / "camvid" / "label11" / "p0.png").unlink()
    with pytest.raises(DataError, match=r"p0\.png is missing or damaged"):
        data[0]


def test_augmentation_repeats_with_its_seed_and_keeps_labels_in_place(workshop: Path) -> None:
    data = PictureData(workshop, "camvid", "train", "segmentation")
    stage = load_recipe(str(workshop / "made.toml")).encoder_stage
    first, again, other = (next(iter(batches(data, stage, seed=s, epoch=0))) for s in (0, 0, 1))
    torch.testing.assert_close(first.image, again.image)
    assert not torch.equal(first.image, other.image)
    bright = first.image.mean(dim=1) > 0.35  # the squares are bright and labelled 1
    known = first.label != 255
    agreement = (bright == (first.label == 1))[known].float().mean()
    assert agreement > 0.93  # soft edges apart; labels of another place agree by two thirds
    assert first.image.shape == (2, 3, 32, 32)


def test_rare_classes_weigh_more_and_the_mean_weight_is_one(workshop: Path) -> None:
    data = PictureData(workshop, "camvid", "train", "segmentation")
    shares = torch.from_numpy(class_shares(data.truths(), 2)).float()
    weights = class_weights(class_shares(data.truths(), 2), 0.5)
    assert shares[1] < shares[0]
    torch.testing.assert_close((weights * shares).sum(), torch.tensor(1.0))
    torch.testing.assert_close(weights[1] / weights[0], (shares[0] / shares[1]) ** 0.5)


def test_folded_starting_weights_compute_the_same(tmp_path: Path) -> None:
    """Fold the normalisations of a network as if trained; loading must undo it in eval mode."""
    torch.manual_seed(0)
    source, target = Encoder("mobilenet_v2"), Encoder("mobilenet_v2")
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        source.train()(pictures)
        source.eval()
        expected = source(pictures)
    target.load_state_dict(source.state_dict())
    state: dict[str, torch.Tensor] = {}
    pairs = list(
        zip(
            *[
                [m for m in source.backbone.modules() if isinstance(m, kind)]
                for kind in (nn.Conv2d, nn.BatchNorm2d)
            ],
            strict=True,
        )
    )
    for index, (conv, norm) in enumerate(pairs[:-1]):
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        state[f"features.{index}.weight"] = (conv.weight * gain.view(-1, 1, 1, 1)).detach()
        state[f"features.{index}.bias"] = (norm.bias - norm.running_mean * gain).detach()
    torch.save(state, tmp_path / "folded.pth")
    load_start(target, tmp_path / "folded.pth", pictures)
    with torch.no_grad():
        found = target.eval()(pictures)
    for mine, theirs in zip(found[:-1], expected[:-1], strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_are_complete_and_consistent(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.task.name == name
    assert set(recipe.task.scored) <= set(recipe.task.classes)
    assert all(stage.crop % 32 == 0 for stage in (recipe.encoder_stage, recipe.head_stage))
    assert recipe.encoder_stage.encoder_rate > 0
    assert recipe.head_stage.encoder_rate == 0


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = Path(make_recipe(tmp_path))
    path.write_text("colour = 'blue'\n" + path.read_text())
    with pytest.raises(ValueError, match="not a complete recipe"):
        load_recipe(str(path))


def test_the_flat_keys_of_a_recipe_fill_its_task(tmp_path: Path) -> None:
    path = Path(make_recipe(tmp_path))
    recipe = load_recipe(str(path))
    assert (recipe.task.name, recipe.task.kind, recipe.task.widths) == ("made-task", "segmentation", (8,))
    assert recipe.task.classes == ("dark", "bright")
    written = tomllib.loads(path.read_text())
    assert as_tuples(recipe.flat()) == as_tuples(
        written | {key: as_tuples(written[key]) for key in ("encoder_stage", "head_stage")}
    )


@pytest.mark.unhooked
def test_a_recipe_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = Path(make_recipe(tmp_path))
    path.write_text(path.read_text().replace('"segmentation"', '"colouring"'))
    with pytest.raises(ValueError, match=r"made\.toml: kind must be one of .*depth.*, got 'colouring'"):
        load_recipe(str(path))


@pytest.mark.parametrize("name", [task.name for task in load_manifest().tasks])
def test_the_scores_that_are_kept_belong_to_their_recipe(name: str) -> None:
    """The checksum is that of the recipe as written, whatever holds it in memory."""
    recipe = load_recipe(name)
    records = [json.loads(path.read_text()) for path in (pretrained_folder() / name / "runs").glob("*.json")]
    assert records
    for record in records:
        assert record["recipe_sha256"] == recipe_digest(recipe, record["trained"])


# Twice as large, its columns 1 to 4 and all of its four rows, mirrored.
FRAMING = Framing(factor=2.0, height=4, width=6, top=0, left=1, side=4, mirrored=True)
SMALL = Framing(factor=1.0, height=2, width=3, top=0, left=0, side=4, mirrored=False)


def test_classes_follow_the_augmented_picture() -> None:
    labels = Labels(np.array([[1, 2, 3], [4, 5, 255]], np.uint8))
    found = TRUTHS["segmentation"].framed(labels, FRAMING).classes
    assert found.tolist() == [[3, 2, 2, 1], [3, 2, 2, 1], [255, 5, 5, 4], [255, 5, 5, 4]]
    found = TRUTHS["segmentation"].framed(labels, SMALL).classes
    assert found.tolist() == [[1, 2, 3, 255], [4, 5, 255, 255], [255] * 4, [255] * 4]


def test_depths_follow_too_and_what_looks_twice_as_large_is_half_as_far() -> None:
    depth = Depth(np.array([[1, 2, 3], [4, 5, 0]], np.float32))
    found = TRUTHS["depth"].framed(depth, FRAMING).metres
    assert found.tolist() == [[1.5, 1, 1, 0.5], [1.5, 1, 1, 0.5], [0, 2.5, 2.5, 2], [0, 2.5, 2.5, 2]]
    found = TRUTHS["depth"].framed(depth, SMALL).metres
    assert found.tolist() == [[1, 2, 3, 0], [4, 5, 0, 0], [0] * 4, [0] * 4]


def test_weights_of_timm_load_into_the_encoder_without_its_classifier(tmp_path: Path) -> None:
    """timm's keys lack the prefix that SMP gives them, and end with layers that no map comes from."""
    source, target = Encoder("tu-resnet18"), Encoder("tu-resnet18")
    state = {key.removeprefix("model."): value for key, value in source.backbone.state_dict().items()}
    path = tmp_path / "timm.pth"
    torch.save(state | {"fc.weight": torch.ones(10, 512)}, path)
    load_start(target, path, torch.rand(1, 3, 64, 64))
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value)
    del state["layer1.0.conv1.weight"]
    torch.save(state, path)
    with pytest.raises(DataError, match=r"timm\.pth does not fit tu-resnet18: it lacks .*layer1\.0\.conv1"):
        load_start(target, path, torch.rand(1, 3, 64, 64))


def test_tasks_that_share_networks_are_trained_as_one() -> None:
    owner = load_recipe("everyday-panoptic")
    sharing = {recipe.task.name: recipe for recipe in sharing_recipes(owner)}
    assert set(sharing) == {"everyday-detection", "everyday-instances"}
    check_own_networks(owner)
    for recipe in sharing.values():
        assert recipe.task.owner == owner.task.name
        for name in ("encoder", "start", "widths", "things", "classes", "reference", "mean", "deviation"):
            mine, theirs = (getattr(r if name == "start" else r.task, name) for r in (recipe, owner))
            assert mine == theirs
        assert recipe.encoder_stage == owner.encoder_stage
        assert recipe.head_stage == owner.head_stage
        with pytest.raises(ValueError, match=f"{recipe.task.name} shares the networks of everyday-panoptic"):
            check_own_networks(recipe)
