"""Files of weights that take few bytes and lose nothing.

Trained weights are noise to a packer, but for two things: large values are rare, and the networks of a
table are alike, since they began with the same values and saw the same pictures. So a file may rest on
another, its base: a tensor that the base has in the same shape is kept as the difference to it, in steps of
its own precision. What is left goes by type into planes of bytes, and each plane is packed by DEFLATE,
which unpacks a network in a few hundredths of a second.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer, UInt

SCALE = "@scale"  # follows the name of a matrix in 8 bits; no parameter of a module can be called so
_MAGIC = b"dysample weights 1\n"
_LENGTH = 4  # bytes of the length of the header
_TYPES = ("float32", "float16", "int8", "int64")  # scales come before the integers that they belong to
_STEPS = 127  # the largest integer of 8 bits

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Base:
    """The file that another one rests on.

    Attributes:
        file: Path inside the folder of weights.
        sha256: Checksum of the file.
    """

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Packed:
    """One tensor of a file.

    Attributes:
        name: Name of the tensor.
        type: Name of its type in NumPy.
        shape: Its shape.
        differs: Whether the difference to the base's tensor is kept.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Attributes:
        base: File that this one rests on; None if it stands alone.
        tensors: Its tensors.
        planes: Bytes of each packed plane.
    """

    base: Base | None
    tensors: tuple[Packed, ...]
    planes: tuple[int, ...]


def pack(arrays: Arrays, *, base: Base | None = None, known: Arrays | None = None) -> bytes:
    """Return weights as the content of a file.

    Args:
        arrays: Tensors by name; those in 8 bits with their scales, as `dysample.models.weights` makes them.
        base: File to rest on; None for none.
        known: Tensors of that file.

    Raises:
        ValueError: A tensor has a type that no weights have.
    """
    known = known or {}
    tensors: list[Packed] = []
    codes: dict[str, np.ndarray] = {}
    for name, values in sorted(arrays.items()):  # the same bytes for the same weights
        if values.dtype.name not in _TYPES:
            raise ValueError(f"weights must be {', '.join(_TYPES)}, and {name} is {values.dtype.name}")
        plain, difference = _plain(values), _difference(name, arrays, known)
        differs = difference is not None and _amount(difference) < _amount(plain)
        codes[name] = plain if difference is None or not differs else difference
        tensors.append(Packed(name, values.dtype.name, values.shape, differs))
    planes = [
        _deflated(plane)
        for group in _groups(tensors)
        for plane in _split(np.concatenate([codes[tensor.name].ravel() for tensor in group]))
    ]
    rows = [(tensor.name, tensor.type, tensor.shape, tensor.differs) for tensor in tensors]
    words = (base and (base.file, base.sha256), rows, list(map(len, planes)))
    head = zlib.compress(json.dumps(words, separators=(",", ":")).encode(), 9)
    return b"".join((_MAGIC, len(head).to_bytes(_LENGTH, "little"), head, *planes))


def base_of(data: bytes) -> Base | None:
    """Return the file that a packed one rests on; None for one that stands alone.

    Raises:
        ValueError: The data are no such file.
    """
    return _header(data)[0].base


def unpack(data: bytes, read_base: Callable[[Base], Arrays]) -> dict[str, np.ndarray]:
    """Return the tensors that `pack` was given, in another order.

    Args:
        data: Content of the file.
        read_base: Returns the tensors of the file that this one rests on.

    Raises:
        ValueError: The data are no such file.
    """
    header, start = _header(data)
    known = {} if header.base is None else read_base(header.base)
    planes: list[bytes] = []
    try:
        for size in header.planes:
            planes.append(zlib.decompress(data[start : start + size]))
            start += size
    except zlib.error as error:
        raise ValueError(str(error)) from error
    arrays: dict[str, np.ndarray] = {}
    rest = iter(planes)
    for group in _groups(header.tensors):
        width = np.dtype(group[0].type).itemsize
        codes = np.stack([np.frombuffer(next(rest), np.uint8) for _ in range(width)], -1).view(f"<u{width}")[
            :, 0
        ]
        sizes = np.cumsum([int(np.prod(tensor.shape, dtype=np.int64)) for tensor in group])
        for tensor, code in zip(group, np.split(codes, sizes[:-1]), strict=True):
            arrays[tensor.name] = _restored(tensor, code.reshape(tensor.shape), arrays, known)
    return arrays


def _header(data: bytes) -> tuple[Contents, int]:
    """Return the header of a file, and where its planes begin."""
    if not data.startswith(_MAGIC):
        raise ValueError("it is no file of packed weights")
    start = len(_MAGIC) + _LENGTH
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    try:
        base, rows, planes = json.loads(zlib.decompress(data[start:end]))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    tensors = tuple(Packed(name, kind, tuple(shape), differs) for name, kind, shape, differs in rows)
    return Contents(base and Base(*base), tensors, tuple(planes)), end


def _groups(tensors: "tuple[Packed, ...] | list[Packed]") -> list[list[Packed]]:
    """Return the tensors of each type, differences first: what is alike is packed together."""
    groups = [[tensor for tensor in tensors if tensor.type == kind] for kind in _TYPES]
    return [sorted(group, key=lambda tensor: not tensor.differs) for group in groups if group]


def _split(codes: UInt[np.ndarray, " n"]) -> list[bytes]:
    octets = np.ascontiguousarray(codes).view(np.uint8).reshape(len(codes), codes.itemsize)
    return [octets[:, index].tobytes() for index in range(codes.itemsize)]


def _deflated(plane: bytes) -> bytes:
    """Pack a plane with or without a search for repetitions, whichever takes less."""
    bare = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    return min(bare.compress(plane) + bare.flush(), zlib.compress(plane, 9), key=len)


# --- Tensors as unsigned integers of their width ---


def _bits(values: np.ndarray) -> UInt[np.ndarray, "..."]:
    return np.asarray(values, order="C").view(_unsigned(values.dtype))


def _unsigned(kind: np.dtype) -> np.dtype:
    return np.dtype(f"<u{kind.itemsize}")


def _plain(values: np.ndarray) -> UInt[np.ndarray, "..."]:
    """Return the integers of a tensor for itself."""
    return _folded(_bits(values)) if values.dtype == np.int8 else _bits(values)


def _difference(name: str, arrays: Arrays, known: Arrays) -> UInt[np.ndarray, "..."] | None:
    """Return the difference to the base's tensor; None if there is none."""
    values = arrays[name]
    expected = _expected(name, values.dtype, values.shape, arrays, known)
    return None if expected is None else _folded(_ascending(values) - _ascending(expected))


def _restored(tensor: Packed, code: UInt[np.ndarray, "..."], arrays: Arrays, known: Arrays) -> np.ndarray:
    kind = np.dtype(tensor.type)
    if not tensor.differs:
        return _unfolded(code).view(kind) if kind == np.int8 else code.view(kind)
    expected = _expected(tensor.name, kind, tensor.shape, arrays, known)
    if expected is None:
        raise ValueError(f"its base has no {tensor.name} of the shape {tensor.shape}")
    return _descended(_unfolded(code) + _ascending(expected), kind)


def _expected(
    name: str, kind: np.dtype, shape: tuple[int, ...], arrays: Arrays, known: Arrays
) -> np.ndarray | None:
    """Return the base's tensor in the precision of another, in 8 bits as multiples of the other's scale."""
    if name not in known or known[name].shape != shape or kind == np.int64:
        return None
    if known[name].dtype == kind != np.int8:
        return known[name]
    values = _values(known[name], known.get(name + SCALE))
    if kind != np.int8:
        with np.errstate(over="ignore"):
            return values.astype(kind)
    if name + SCALE not in arrays:
        return None
    steps = np.rint(values / _rows(arrays[name + SCALE], values))
    return np.clip(steps, -_STEPS, _STEPS).astype(np.int8)


def _values(tensor: np.ndarray, scale: np.ndarray | None) -> Float64[np.ndarray, "..."]:
    values = tensor.astype(np.float64)
    return values if scale is None else values * _rows(scale, values)


def _rows(scale: np.ndarray, values: np.ndarray) -> Float64[np.ndarray, "..."]:
    return scale.astype(np.float64).reshape(-1, *[1] * (values.ndim - 1))


def _ascending(values: np.ndarray) -> UInt[np.ndarray, "..."]:
    """Return integers in the order of the values, neighbours for neighbouring values."""
    bits, kind = _bits(values), _unsigned(values.dtype)
    if values.dtype == np.int8:
        return bits
    top = kind.type(1 << (8 * kind.itemsize - 1))
    return np.where(bits & top, ~bits, bits | top)


def _descended(codes: UInt[np.ndarray, "..."], kind: np.dtype) -> np.ndarray:
    """Return the values of `_ascending`."""
    if kind == np.int8:
        return codes.view(kind)
    top = codes.dtype.type(1 << (8 * codes.itemsize - 1))
    return np.where(codes & top, codes ^ top, ~codes).view(kind)


def _folded(difference: UInt[np.ndarray, "..."]) -> UInt[np.ndarray, "..."]:
    """Return small integers for small differences of either sign: 0, -1, 1, -2 become 0, 1, 2, 3."""
    sign = difference >> difference.dtype.type(8 * difference.itemsize - 1)
    return (difference << difference.dtype.type(1)) ^ (~sign + sign.dtype.type(1))


def _unfolded(code: UInt[np.ndarray, "..."]) -> UInt[np.ndarray, "..."]:
    one = code.dtype.type(1)
    return (code >> one) ^ (~(code & one) + one)


def _amount(code: Integer[np.ndarray, "..."]) -> float:
    """Return about how many bits the integers need."""
    return float(np.log2(1.0 + code.astype(np.float64)).sum())
