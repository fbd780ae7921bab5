"""What a model enlarges, read from its file: an exported program (.pt2) or an ONNX file.

Nothing in the file is run. `torch.export.load` would unpickle tensors, so the graph of an exported program,
which is JSON, is read by itself; of an ONNX file, the few fields that are needed.
"""

import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dysample.markdown import to_table
from dysample.text import one_line

FileKind = Literal["exported program", "ONNX"]
Size = int | str  # the name of a size that is free
MOST_GRAPH = 32 << 20  # bytes of the graph of an exported program
MOST_NODES = 200_000
_MOST_CONSTANT = 64  # bytes: eight scales or sizes
_MOST_SIZE = 1 << 63
_DEEPEST = 8  # graphs within graphs
_ZIP = b"PK\x03\x04"
_GRAPH = re.compile(r"(?:.*/)?(?:models/[^/]+\.json|serialized_exported_program\.json)")
_FRAME = re.compile(r'File "([^"]*)", line (\d+)')
_DAMAGED = "the file is damaged, or no model that can be read here"
_NO_MODEL = f"{_DAMAGED}: it must be an ONNX file, or a .pt2 file of torch.export.save"
# What `interpolate` is called in exported programs, with the mode.
_INTERPOLATIONS = re.compile(
    r"_?upsample_(nearest_exact|nearest|linear|bilinear|trilinear|bicubic)[123]d(_aa)?"
)


@dataclass(frozen=True, slots=True)
class FileSite:
    """A place in a file where a map is enlarged.

    Attributes:
        name: Path of the module, or name of the node where that is not written down.
        source: File and line of the call; empty where that is not written down.
        kind: Operation, as the file calls it.
        mode: Interpolation mode; "learned", "shuffle", "unpool", or "points".
        corners: Whether the interpolation aligns corners.
        input: Shape of the map; empty if unknown.
        output: Shape of the enlarged map; empty if unknown.
        scale: How many times it is enlarged; None if unknown, or if rows and columns differ.
    """

    name: str
    source: str
    kind: str
    mode: str
    corners: bool
    input: tuple[Size, ...]
    output: tuple[Size, ...]
    scale: float | None


@dataclass(frozen=True, slots=True)
class FileAudit:
    """All enlargements in a file, in the order of the graph; prints as a table.

    Attributes:
        kind: What the file is.
        nodes: Number of operations in it.
        sites: The enlargements.
    """

    kind: FileKind
    nodes: int
    sites: tuple[FileSite, ...]

    def __str__(self) -> str:
        """Return a table with one row per site, or a sentence where there is none."""
        if not self.sites:
            return f"Nothing in this {self.kind} enlarges a map ({self.nodes:,} operations)."
        columns = self.columns()
        return to_table(tuple(columns), list(zip(*columns.values(), strict=True)))

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Return the table by columns."""
        sites = self.sites
        return {
            "No.": tuple(map(str, range(len(sites)))),
            "Where": tuple(site.name for site in sites),
            "Line": tuple(site.source for site in sites),
            "Kind": tuple(site.kind for site in sites),
            "Map": tuple(f"{_shape(site.input)} to {_shape(site.output)}" for site in sites),
            "Scale": tuple("" if site.scale is None else f"×{site.scale:g}" for site in sites),
            "Mode": tuple(f"{site.mode}{', corners aligned' if site.corners else ''}" for site in sites),
        }


def _shape(shape: Sequence[Size]) -> str:
    return "×".join(map(str, shape[1:])) if shape else "?"


def read_model_file(data: bytes) -> FileAudit:
    """Find the enlargements in a file, without running or unpickling anything in it.

    Args:
        data: Content of a .pt2 file of `torch.export.save`, or of an .onnx file.

    Raises:
        ValueError: The file is something else, too large, or damaged; the message is a sentence.
    """
    if not data:
        raise ValueError("the file is empty")
    try:
        return _exported(data) if data.startswith(_ZIP) else _onnx(data)
    except ValueError:
        raise
    except Exception as error:  # a damaged file may break any assumption about it
        raise ValueError(f"{_DAMAGED} ({type(error).__name__})") from error


# --- Exported programs ---


def _exported(data: bytes) -> FileAudit:
    graph = _graph_of(data)["graph_module"]["graph"]
    nodes, shapes = graph["nodes"], {name: _sizes(value) for name, value in graph["tensor_values"].items()}
    if len(nodes) > MOST_NODES:
        raise ValueError(f"a graph may have at most {MOST_NODES:,} operations, this has {len(nodes):,}")
    sites = [site for node in nodes if (site := _exported_site(node, shapes)) is not None]
    return FileAudit("exported program", len(nodes), tuple(filter(_enlarges, sites)))


def _graph_of(data: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = next((name for name in archive.namelist() if _GRAPH.fullmatch(name)), None)
            if name is None:
                raise ValueError(_no_program(archive.namelist()))
            with archive.open(name) as opened:
                text = opened.read(MOST_GRAPH + 1)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"{_DAMAGED} (the archive: {error})") from error
    if len(text) > MOST_GRAPH:
        raise ValueError(f"the graph in a file may have at most {MOST_GRAPH >> 20} MiB")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{_DAMAGED} (its graph is no JSON)") from error


def _no_program(names: Sequence[str]) -> str:
    if any(name.endswith(("data.pkl", ".pkl")) for name in names):
        return (
            "this is a file of torch.save or TorchScript: it holds pickles, and to open them is to run code. "
            "Export the model with torch.export.save, or to ONNX"
        )
    return "this archive holds no exported program: make one with torch.export.save"


def _exported_site(node: Mapping[str, Any], shapes: Mapping[str, tuple[Size, ...]]) -> FileSite | None:
    operation = str(node["target"]).removeprefix("torch.ops.").removeprefix("aten.")
    kind = operation.split(".")[0]
    arguments = {str(each["name"]): _value(each["arg"]) for each in node["inputs"]}
    mode = _exported_mode(kind, arguments)
    if mode is None:
        return None
    before = shapes.get(str(next(iter(arguments.values()), "")), ())
    after = shapes.get(str(_value(next(iter(node["outputs"]), {}))), ())
    factors = arguments.get("scale_factors")
    named = {float(factor) for factor in factors} if isinstance(factors, list) else set[float]()
    scale = named.pop() if len(named) == 1 else _ratio(before, after)
    metadata = node.get("metadata") or {}
    return FileSite(
        name=one_line(_module(str(metadata.get("nn_module_stack", ""))) or str(node.get("name") or kind)),
        source=_source(str(metadata.get("stack_trace", ""))),
        kind=kind,
        mode=mode,
        corners=arguments.get("align_corners") is True,
        input=before,
        output=after,
        scale=scale,
    )


def _exported_mode(kind: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the mode of an operation that may enlarge; None for all others."""
    if found := _INTERPOLATIONS.fullmatch(kind):
        return found[1].replace("_", "-")
    if kind.startswith("conv_transpose") or (kind == "convolution" and arguments.get("transposed") is True):
        stride = arguments.get("stride")
        return "learned" if isinstance(stride, list) and max(stride, default=1) > 1 else None
    return {"pixel_shuffle": "shuffle", "max_unpool2d": "unpool", "grid_sampler_2d": "points"}.get(
        kind, "points" if kind.startswith("dysample.") else None
    )


def _value(argument: Mapping[str, Any]) -> Any:
    """Return an argument: the name of a tensor, a number, a list of numbers, a truth value, or None."""
    for key, value in argument.items():
        if key == "as_tensor":
            return value["name"]
        if key in ("as_int", "as_float", "as_ints", "as_floats", "as_bool", "as_string"):
            return value
    return None


def _sizes(value: Mapping[str, Any]) -> tuple[Size, ...]:
    return tuple(_size(size) for size in value.get("sizes", ()))


def _size(size: Mapping[str, Any]) -> Size:
    number = size.get("as_int")
    if isinstance(number, int):
        return number if abs(number) < _MOST_SIZE else "?"
    return str((size.get("as_expr") or {}).get("expr_str", "?"))[:20]


def _module(stack: str) -> str:
    """Return the path of the innermost module, such as ``decoder.up``; empty for the model's own."""
    return stack.split(";")[-1].split(",")[1].split("@")[0] if stack.count(",") else ""


def _source(trace: str) -> str:
    """Return file and line of the innermost call outside of PyTorch."""
    frames = [found for found in _FRAME.findall(trace) if "/torch/" not in found[0].replace("\\", "/")]
    if not frames:
        return ""
    file, line = frames[-1]
    name = file.replace("\\", "/").rpartition("/")[2]
    return one_line(f"{name}:{line}")


def _ratio(before: Sequence[Size], after: Sequence[Size]) -> float | None:
    """Return by how much rows and columns are enlarged, if both are by the same known scale."""
    pairs = list(zip(before[2:], after[2:], strict=False))
    ratios = {new / old for old, new in pairs if isinstance(old, int) and isinstance(new, int) and old}
    return ratios.pop() if len(ratios) == 1 and len(before) == len(after) else None


def _enlarges(site: FileSite) -> bool:
    """Return whether a site enlarges a map, or might, as far as the file tells."""
    if site.scale is not None:
        return site.scale > 1
    pairs = list(zip(site.input[2:], site.output[2:], strict=False))
    known = [new > old for old, new in pairs if isinstance(old, int) and isinstance(new, int)]
    if known:
        return any(known)
    return site.mode != "points"  # sampling is mostly something else


# --- ONNX ---


@dataclass(slots=True)
class _Graph:
    """What is needed of an ONNX graph."""

    nodes: "list[_Node]" = field(default_factory=list["_Node"])
    shapes: dict[str, tuple[Size, ...]] = field(default_factory=dict[str, tuple[Size, ...]])
    constants: dict[str, list[float]] = field(default_factory=dict[str, list[float]])


@dataclass(slots=True)
class _Node:
    """What is needed of a node of an ONNX graph."""

    operation: str = ""
    name: str = ""
    inputs: list[str] = field(default_factory=list[str])
    outputs: list[str] = field(default_factory=list[str])
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    metadata: dict[str, str] = field(default_factory=dict[str, str])


def _onnx(data: bytes) -> FileAudit:
    graph, budget = _Graph(), [MOST_NODES]
    view, there = memoryview(data), False
    for number, value in _fields(view):
        if number == 7:  # the graph
            there = True
            _read_graph(_bytes(value), graph, budget, 0)
        elif number == 25:  # a function
            _read_nodes(_bytes(value), 7, graph, budget, 0)
    if not there or not graph.nodes:
        raise ValueError(_NO_MODEL)
    sites = [site for node in graph.nodes if (site := _onnx_site(node, graph)) is not None]
    return FileAudit("ONNX", MOST_NODES - budget[0], tuple(filter(_enlarges, sites)))


def _read_graph(data: memoryview, graph: _Graph, budget: list[int], depth: int) -> None:
    _read_nodes(data, 1, graph, budget, depth)
    for number, value in _fields(data):
        if number == 5:  # a constant
            name, numbers, shape = _tensor(_bytes(value))
            graph.constants[name] = numbers
            graph.shapes[name] = shape
        elif number in (11, 12, 13):  # inputs, outputs, values between
            name, shape = _value_info(_bytes(value))
            graph.shapes[name] = shape


def _read_nodes(data: memoryview, field_number: int, graph: _Graph, budget: list[int], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"{_DAMAGED} (graphs within graphs, more than {_DEEPEST} deep)")
    for number, value in _fields(data):
        if number != field_number:
            continue
        budget[0] -= 1
        if budget[0] < 0:
            raise ValueError(f"a graph may have at most {MOST_NODES:,} operations, this has more")
        graph.nodes.append(_node(_bytes(value), graph, budget, depth))


def _node(data: memoryview, graph: _Graph, budget: list[int], depth: int) -> _Node:
    node = _Node()
    for number, value in _fields(data):
        if number == 1:
            node.inputs.append(_text(value))
        elif number == 2:
            node.outputs.append(_text(value))
        elif number == 3:
            node.name = _text(value)
        elif number == 4:
            node.operation = _text(value)
        elif number == 5:
            name, attribute = _attribute(_bytes(value), graph, budget, depth)
            node.attributes[name] = attribute
        elif number == 9:
            pair = dict(_fields(_bytes(value)))
            node.metadata[_text(pair.get(1, b""))] = _text(pair.get(2, b""))
    if node.operation == "Constant" and node.outputs and isinstance(node.attributes.get("value"), list):
        graph.constants[node.outputs[0]] = node.attributes["value"]
    return node


def _attribute(data: memoryview, graph: _Graph, budget: list[int], depth: int) -> tuple[str, Any]:
    name, value, numbers = "", None, list[float]()
    for number, given in _fields(data):
        if number == 1:
            name = _text(given)
        elif number == 2 and isinstance(given, memoryview):
            value = struct.unpack("<f", given)[0]
        elif number == 3 and isinstance(given, int):
            value = given
        elif number == 4:
            value = _text(given)
        elif number == 5:
            value = _tensor(_bytes(given))[1]
        elif number in (6, 11):  # a graph of its own, as of a loop
            _read_graph(_bytes(given), graph, budget, depth + 1)
        elif number in (7, 8):
            numbers += _numbers(given, "f" if number == 7 else "varint")
    return name, numbers or value


def _onnx_site(node: _Node, graph: _Graph) -> FileSite | None:
    attributes = node.attributes
    mode = {
        "Resize": attributes.get("mode", "nearest"),
        "Upsample": attributes.get("mode", "nearest"),
        "ConvTranspose": "learned",
        "DepthToSpace": "shuffle",
        "MaxUnpool": "unpool",
        "GridSample": "points",
    }.get(node.operation)
    strides = attributes.get("strides") or [1]
    if mode is None or (mode == "learned" and max(strides) <= 1):
        return None
    before = graph.shapes.get(node.inputs[0] if node.inputs else "", ())
    after = graph.shapes.get(node.outputs[0] if node.outputs else "", ())
    return FileSite(
        name=_scope(node),
        source=_source(node.metadata.get("pkg.torch.onnx.stack_trace", "")),
        kind=node.operation,
        mode=str(mode)[:20],
        corners=attributes.get("coordinate_transformation_mode") == "align_corners",
        input=before,
        output=after,
        scale=_onnx_scale(node, graph) or _ratio(before, after),
    )


def _onnx_scale(node: _Node, graph: _Graph) -> float | None:
    """Return the scale that a node names by itself."""
    if node.operation == "DepthToSpace":
        size = node.attributes.get("blocksize")
        return float(size) if isinstance(size, int) and size > 0 else None
    if node.operation not in ("Resize", "Upsample"):
        return None
    named = node.attributes.get("scales")
    given = [graph.constants.get(name, []) for name in node.inputs[1:3]]
    scales = named if isinstance(named, list) else next((each for each in given if len(each) > 2), [])
    factors = {round(factor, 4) for factor in scales[2:]}
    return factors.pop() if len(factors) == 1 else None


def _scope(node: _Node) -> str:
    """Return the path of the module where the exporter noted it, else the node's name."""
    scopes = re.findall(r"'([^']*)'", node.metadata.get("pkg.torch.onnx.name_scopes", ""))
    return one_line((scopes[-2] if len(scopes) > 1 else "") or node.name or node.operation)


def _value_info(data: memoryview) -> tuple[str, tuple[Size, ...]]:
    name, sizes = "", list[Size]()
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for shape in _inside(_bytes(value), 1, 2):
                sizes = [_dimension(_bytes(size)) for key, size in _fields(shape) if key == 1]
    return name, tuple(sizes)


def _dimension(data: memoryview) -> Size:
    found = dict(_fields(data))
    if isinstance(found.get(1), int):
        return int(found[1])
    return (_text(found[2]) if 2 in found else "?")[:20]


def _inside(data: memoryview, *path: int) -> Iterator[memoryview]:
    """Yield the messages at the end of a path of fields."""
    for number, value in _fields(data):
        if number == path[0]:
            if len(path) == 1:
                yield _bytes(value)
            else:
                yield from _inside(_bytes(value), *path[1:])


def _tensor(data: memoryview) -> tuple[str, list[float], tuple[Size, ...]]:
    """Return a tensor's name, its numbers if they are few, and its shape."""
    name, numbers, shape, kind, raw = "", list[float](), list[float](), 0, memoryview(b"")
    for number, value in _fields(data):
        if number == 1:
            shape += _numbers(value, "varint")
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 4:
            numbers += _numbers(value, "f")
        elif number == 7:
            numbers += _numbers(value, "varint")
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = _bytes(value)
    form = {1: "f", 7: "q", 11: "d"}.get(kind)
    if form and 0 < len(raw) <= _MOST_CONSTANT and len(raw) % struct.calcsize(form) == 0:
        numbers = [float(each) for each in struct.unpack(f"<{len(raw) // struct.calcsize(form)}{form}", raw)]
    return name, numbers, tuple(int(size) for size in shape)


def _numbers(value: "int | memoryview", form: str) -> list[float]:
    """Return the numbers of a repeated field, which may be packed; of long ones, none."""
    if isinstance(value, int):
        return [float(value)]
    if len(value) > _MOST_CONSTANT:
        return []
    if form == "f":
        return [float(each) for each in struct.unpack(f"<{len(value) // 4}f", value)]
    numbers, at = list[float](), 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(float(number))
    return numbers


def _fields(data: memoryview) -> "Iterator[tuple[int, int | memoryview]]":
    """Yield the fields of a protobuf message: their numbers and values.

    Raises:
        ValueError: The message is cut off, or no message.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(_NO_MODEL)
        if not number or at + size > len(data):
            raise ValueError(_NO_MODEL)
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError(_NO_MODEL)
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _bytes(value: "int | memoryview | bytes") -> memoryview:
    if isinstance(value, int):
        raise ValueError(_NO_MODEL)
    return memoryview(value)


def _text(value: "int | memoryview | bytes") -> str:
    return bytes(_bytes(value)[:2000]).decode("utf-8", "replace")
