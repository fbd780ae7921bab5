"""Every damaged form of the manifest is a sentence, and so are weights that do not fit it."""

import hashlib
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from safetensors.torch import save
from torch import zeros

from dysample.models.hub import WeightsError
from dysample.models.manifest import MANIFEST, load_manifest, pretrained_folder
from dysample.models.weights import load_encoder

pytestmark = pytest.mark.unhooked  # the hook refuses wrong fields before the manifest does

WHOLE = (pretrained_folder() / MANIFEST).read_text(encoding="utf-8")
TASK = "street-segmentation"
FIRST_FILE = load_manifest().weights[0].file
FIRST_SUM = load_manifest().weights[0].sha256


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new, 1)


DAMAGE: dict[str, str | bytes] = {
    "empty": "",
    "only comments": "# nothing\n",
    "no tasks": WHOLE.replace("[[tasks]]", "[[others]]"),
    "no weights": WHOLE.replace("[[weights]]", "[[others]]"),
    "not UTF-8": b"\xff\xfe" + WHOLE.encode("utf-16-le"),
    "zeros": bytes(5000),
    "not TOML": "tasks = 3 3",
    "JSON": '{"tasks": []}',
    "cut off in a line": WHOLE[: len(WHOLE) // 2].rpartition("=")[0],
    "cut off in an entry": WHOLE[: WHOLE.rindex("sha256")],
    "deep": "a = " + "[" * 5000 + "]" * 5000,
    "tasks are a number": "tasks = 3\n" + WHOLE[WHOLE.index("[[weights]]") :],
    "tasks are a text": 'tasks = "x"\n' + WHOLE[WHOLE.index("[[weights]]") :],
    "tasks are texts": 'tasks = ["x"]\n' + WHOLE[WHOLE.index("[[weights]]") :],
    "tasks are one table": "[tasks]\nname = 3\n" + WHOLE[WHOLE.index("[[weights]]") :],
    "weights are numbers": WHOLE[: WHOLE.index("[[weights]]")].replace(
        "[[tasks]]", "weights = [1]\n[[tasks]]", 1
    ),
    "an unknown field": changed("[[tasks]]", "[[tasks]]\ncolour = 3"),
    "a field is missing": changed('encoder = "mobilenet_v2"\n', ""),
    "another type": changed("context = 256", 'context = "256"'),
    "a list of other types": changed("widths = [64]", 'widths = ["64"]'),
    "not a list": changed("widths = [64]", "widths = 64"),
    "a negative width": changed("widths = [64]", "widths = [-64]"),
    "a date": changed("context = 256", "context = 2026-01-01"),
    "an unknown kind": changed('kind = "segmentation"', 'kind = "magic"'),
    "two means": changed("mean = [0.5, 0.5, 0.5]", "mean = [0.5, 0.5]"),
    "no deviation": changed("deviation = [0.5, 0.5, 0.5]", "deviation = [0.5, 0.0, 0.5]"),
    "not a number": changed("miou = ", "miou = nan #"),
    "two tasks of a name": changed(f'name = "{TASK}"', 'name = "everyday-segmentation"'),
    "weights of no task": changed(f'task = "{TASK}"', 'task = "others"'),
    "a file elsewhere": changed(f'file = "{FIRST_FILE}"', 'file = "../../secret"'),
    "an absolute file": changed(f'file = "{FIRST_FILE}"', 'file = "/etc/passwd"'),
    "no checksum": changed(FIRST_SUM, ""),
    "half a checksum": changed(FIRST_SUM, FIRST_SUM[:32]),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_every_damage_is_a_sentence(tmp_path: Path, name: str) -> None:
    content = DAMAGE[name]
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / MANIFEST).write_bytes(data)
    with pytest.raises(WeightsError, match=r"MANIFEST\.toml is damaged \([\s\S]+\): copy the folder again$"):
        load_manifest(tmp_path)


def test_any_cut_is_a_sentence_or_whole_entries(tmp_path: Path) -> None:
    whole = load_manifest()
    for length in range(0, len(WHOLE), len(WHOLE) // 40):
        (tmp_path / MANIFEST).write_text(WHOLE[:length], encoding="utf-8")
        try:
            part = load_manifest(tmp_path)
        except WeightsError:
            continue
        assert part.tasks == whole.tasks
        count = len(part.weights)
        assert part.weights[:-1] == whole.weights[: count - 1]
        for field in fields(part.weights[-1]):  # the scores of the last entry may be missing, none is cut off
            value = getattr(part.weights[-1], field.name)
            assert value in (field.default, getattr(whole.weights[count - 1], field.name))


def test_a_folder_in_its_place_and_no_permission_are_sentences(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(WeightsError, match="there are no weights in"):
        load_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no tensors", save({"other": zeros(2)})])
def test_weights_that_the_checksum_lets_through_are_sentences(tmp_path: Path, content: bytes) -> None:
    """As when another file was entered in the manifest."""
    manifest = load_manifest()
    entry = manifest.entry(TASK, "")
    shutil.copy(manifest.folder / MANIFEST, tmp_path)
    text = WHOLE.replace(entry.sha256, hashlib.sha256(content).hexdigest())
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    (tmp_path / entry.file).parent.mkdir(parents=True)
    (tmp_path / entry.file).write_bytes(content)
    with pytest.raises(WeightsError, match=r"the weights .* (are damaged|do not fit)[^\n]*: copy"):
        load_encoder(TASK, manifest=load_manifest(tmp_path))
