"""Enlargements read from files of models: against the modules that made them, and damaged files."""

import io
import json
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dysample.cli import main
from dysample.swap import files
from dysample.swap.files import FileSite, read_model_file

pytestmark = [pytest.mark.slow, pytest.mark.unhooked]

WANTED = [
    ("t", "learned", False, (8, 16, 16), (8, 32, 32), 2.0),
    ("u", "bilinear", True, (8, 32, 32), (8, 64, 64), 2.0),
    ("", "nearest", False, (8, 64, 64), (8, 96, 96), 1.5),
    ("", "shuffle", False, (8, 96, 96), (2, 192, 192), 2.0),
    ("", "bicubic", False, (8, 16, 16), (8, 64, 64), 4.0),
]


class Enlarging(nn.Module):
    """One enlargement of each kind, and one that makes a map smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3, 2, 1)
        self.t = nn.ConvTranspose2d(8, 8, 2, 2)
        self.u = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        first = self.c(picture)
        maps = nn.functional.interpolate(self.u(self.t(first)), size=(96, 96))
        maps = nn.functional.pixel_shuffle(maps, 2)
        smaller = nn.functional.interpolate(maps, scale_factor=0.5)
        return nn.functional.interpolate(first, scale_factor=4.0, mode="bicubic").mean() + smaller


@pytest.fixture(scope="module")
def exported() -> bytes:
    program = torch.export.export(Enlarging().eval(), (torch.rand(1, 3, 32, 32),))
    target = io.BytesIO()
    torch.export.save(program, target)
    return target.getvalue()


@pytest.fixture(scope="module")
def onnx_file() -> bytes:
    options: Any = {"dynamo": True, "opset_version": 18, "verbose": False}
    program = torch.onnx.export(Enlarging().eval(), (torch.rand(1, 3, 32, 32),), **options)
    target = io.BytesIO()
    program.save(target)
    return target.getvalue()


def rows(sites: tuple[FileSite, ...]) -> list[tuple[object, ...]]:
    names = {"linear": "bilinear", "cubic": "bicubic"}  # as ONNX calls them
    return [
        (
            site.name if site.name in ("t", "u") else "",
            names.get(site.mode, site.mode),
            site.corners,
            site.input[1:],
            site.output[1:],
            site.scale,
        )
        for site in sites
    ]


def test_an_exported_program(exported: bytes) -> None:
    found = read_model_file(exported)
    assert found.kind == "exported program"
    assert rows(found.sites) == WANTED
    assert all(site.source.startswith("test_files.py:") for site in found.sites if site.name not in "tu")


def test_an_onnx_file(onnx_file: bytes) -> None:
    import onnx

    found = read_model_file(onnx_file)
    assert found.kind == "ONNX"
    assert rows(found.sites) == WANTED
    assert found.nodes == len(onnx.load_from_string(onnx_file).graph.node)


def test_free_sizes_have_names() -> None:
    rows_, columns = torch.export.Dim("rows", min=8, max=64), torch.export.Dim("columns", min=8, max=64)
    program = torch.export.export(
        nn.Upsample(scale_factor=2), (torch.rand(1, 3, 16, 24),), dynamic_shapes=({2: rows_, 3: columns},)
    )
    target = io.BytesIO()
    torch.export.save(program, target)
    (site,) = read_model_file(target.getvalue()).sites
    assert site.scale == 2.0
    assert all(isinstance(size, str) for size in site.input[2:])


def test_nodes_by_the_onnx_package() -> None:
    """Opset 10, whose scales are the second input, a loop with a graph of its own, and no shapes."""
    from onnx import TensorProto, helper

    inner = helper.make_graph(
        [helper.make_node("ConvTranspose", ["a", "w"], ["b"], name="inside", strides=[3, 3])], "body", [], []
    )
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1.0, 1.0, 3.0, 3.0])
    half = helper.make_tensor("half", TensorProto.FLOAT, [4], [1.0, 1.0, 0.5, 0.5])
    nodes = [
        helper.make_node("Resize", ["x", "scales"], ["y"], name="up", mode="linear"),
        helper.make_node("Resize", ["x", "half"], ["z"], name="down"),
        helper.make_node("Loop", [], [], body=inner),
        helper.make_node("ConvTranspose", ["x", "w"], ["q"], name="same", strides=[1, 1]),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], [scales, half]))
    found = read_model_file(model.SerializeToString())
    assert found.nodes == 5
    assert [(site.name, site.mode, site.scale) for site in found.sites] == [
        ("up", "linear", 3.0),
        ("inside", "learned", None),
    ]
    assert "? to ?" in str(found)


def test_nothing_is_unpickled(exported: bytes, tmp_path: Path) -> None:
    """Pickles in the archive, which torch.export.load reads, are left alone."""
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
            return open, (str(trap), "w")

    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(exported)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = pickle.dumps(Trap()) if name.endswith(".pt") else old.read(name)
            new.writestr(name, content)
    assert rows(read_model_file(target.getvalue()).sites) == WANTED
    assert not trap.exists()


def archive(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return target.getvalue()


def graph(nodes: int) -> bytes:
    node = {"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": []}
    return json.dumps({"graph_module": {"graph": {"nodes": [node] * nodes, "tensor_values": {}}}}).encode()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"hello, I am no model", "must be an ONNX file, or a .pt2 file"),
        (b"\x89PNG\r\n\x1a\n", "must be an ONNX file, or a .pt2 file"),
        (b"PK\x03\x04 and no more", "the file is damaged"),
        (archive(a__data_dot_pkl=b"x"), "holds pickles, and to open them is to run code"),
        (archive(readme_dot_txt=b"x"), "holds no exported program"),
        (archive(m__models__model_dot_json=b"{"), "its graph is no JSON"),
        (archive(m__models__model_dot_json=b"[" * 100_000), "its graph is no JSON"),
        (archive(m__models__model_dot_json=b"{}"), "the file is damaged"),
        (archive(m__models__model_dot_json=b"[1]"), "the file is damaged"),
        (archive(m__models__model_dot_json=b" " * (files.MOST_GRAPH + 1)), "at most 32 MiB"),
        (b"\x08\x08", "must be an ONNX file"),
    ],
)
def test_every_bad_file_is_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_model_file(data)


def test_too_many_operations_are_refused(monkeypatch: pytest.MonkeyPatch, onnx_file: bytes) -> None:
    monkeypatch.setattr(files, "MOST_NODES", 5)
    with pytest.raises(ValueError, match="at most 5 operations, this has 6"):
        read_model_file(archive(m__models__model_dot_json=graph(6)))
    with pytest.raises(ValueError, match="at most 5 operations, this has more"):
        read_model_file(onnx_file)


@pytest.mark.parametrize("kind", ["exported", "onnx_file"])
def test_damaged_files_are_read_or_refused_in_a_sentence(kind: str, request: pytest.FixtureRequest) -> None:
    whole: bytes = request.getfixturevalue(kind)
    chance, refused = random.Random(0), list[str]()
    if kind == "exported":  # the archive's checksums catch all else: damage the graph itself
        with zipfile.ZipFile(io.BytesIO(whole)) as opened:
            whole = next(opened.read(name) for name in opened.namelist() if name.endswith("model.json"))
    for _ in range(300):
        part = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            part[chance.randrange(len(part))] = chance.randrange(256)
        data = bytes(part[: chance.randint(1, len(part))] if chance.random() < 0.3 else part)
        try:
            print(read_model_file(archive(m__models__model_dot_json=data) if kind == "exported" else data))
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 0
    assert all(sentence and "\n" not in sentence for sentence in refused)


def test_the_command_reads_files(exported: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.pt2").write_bytes(exported)
    assert main(["audit", "--model", str(tmp_path / "net.pt2")]) == 0
    assert "bilinear, corners aligned" in capsys.readouterr().out
    assert main(["audit", "--model", str(tmp_path / "gone.onnx")]) == 2
    assert "gone.onnx cannot be read: No such file or directory" in capsys.readouterr().err
    assert main(["swap", "--model", str(tmp_path / "net.pt2")]) == 2
    assert "files of models are only read, by audit" in capsys.readouterr().err
