"""Writes values as pickles of the names of a closed list, which PyTorch reads with ``weights_only=True``."""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.core.placement import device
from rushlight.core.size import Size
from rushlight.core.tensor import Parameter, Tensor
from rushlight.device.bfloat16 import bfloat16
from rushlight.errors import DTypeError, NotSupportedError, message
from rushlight.interop.layout import Layout
from rushlight.interop.pickles import FACTORIES, namespace_class
from rushlight.interop.storages import DTYPES, STORAGES

__all__ = ["Writer"]

CLASSES = {dtype: name for name, dtype in STORAGES.items()}


@dataclass(frozen=True)
class Global:
    """A name of the list, as ``module name``."""

    name: str


@dataclass(frozen=True)
class Call:
    """A value as what makes it: a function of the list, its arguments, and a state to set."""

    function: str
    args: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True)
class Named:
    """A persistent id: a storage, which lies elsewhere in the file."""

    id: tuple[Any, ...]


class Writer:
    """One pickle of protocol 2.

    layout  says in which storage, and where in it, each tensor lies.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.out = bytearray(b"\x80\x02")
        self.memo: dict[int, int] = {}
        self.kept: list[Any] = []
        self.names: dict[str, int] = {}

    def write(self, value: Any) -> bytes:
        """The pickle of `value`. Raises DTypeError, or NotSupportedError, for what is not on the list."""
        try:
            self.put(value)
        except RecursionError:
            remedy = "Save a flatter value."
            raise DTypeError(message("save", "a value nested too deeply", "fewer levels", remedy)) from None
        return bytes(self.out + b".")

    def put(self, value: Any) -> None:
        """Steps that leave `value` on the stack."""
        kind = type(value)
        if kind in PLAIN:
            PLAIN[kind](self, value)
        elif id(value) in self.memo:
            self.get(self.memo[id(value)])
        elif kind in CONTAINERS:
            CONTAINERS[kind](self, value)
        elif kind is Global:
            self.put_name(value.name)
        elif kind is Named:
            self.put(value.id)
            self.out += b"Q"
        elif kind is Call:
            self.put_call(value)
        else:
            self.put_call(self.call_for(value))
            self.remember(value)

    def put_call(self, call: Call) -> None:
        self.put_name(call.function)
        self.put(call.args)
        self.out += b"R"
        if call.state is not None:
            self.put(call.state)
            self.out += b"b"

    def put_name(self, name: str) -> None:
        if name in self.names:
            self.get(self.names[name])
            return
        module, attribute = name.split(" ")
        self.out += f"c{module}\n{attribute}\n".encode()
        self.names[name] = self.index()

    def index(self) -> int:
        """Have the machine remember what lies on the stack; the number under which it does."""
        number = len(self.memo) + len(self.names)
        self.out += b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)
        return number

    def remember(self, value: Any) -> None:
        number = self.index()
        self.memo[id(value)] = number
        self.kept.append(value)  # its id is to stay its own

    def get(self, number: int) -> None:
        self.out += b"h" + bytes([number]) if number < 256 else b"j" + struct.pack("<I", number)

    # Plain values and containers

    def put_int(self, value: int) -> None:
        if 0 <= value < 256:
            self.out += b"K" + bytes([value])
        elif -(2**31) <= value < 2**31:
            self.out += b"J" + struct.pack("<i", value)
        else:
            data = pickle.encode_long(value)
            head = b"\x8a" + bytes([len(data)]) if len(data) < 256 else b"\x8b" + struct.pack("<i", len(data))
            self.out += head + data

    def put_str(self, value: str) -> None:
        if id(value) in self.memo:
            self.get(self.memo[id(value)])
            return
        data = value.encode("utf-8", "surrogatepass")
        self.out += b"X" + struct.pack("<I", len(data)) + data
        self.remember(value)

    def put_tuple(self, value: tuple[Any, ...]) -> None:
        if len(value) > 3:
            self.out += b"("
        for item in value:
            self.put(item)
        self.out += (b")", b"\x85", b"\x86", b"\x87", b"t")[min(len(value), 4)]
        self.remember(value)

    def put_list(self, value: list[Any]) -> None:
        self.out += b"]"
        self.remember(value)
        self.out += b"("
        for item in value:
            self.put(item)
        self.out += b"e"

    def put_dict(self, value: dict[Any, Any]) -> None:
        self.out += b"}"
        self.remember(value)
        self.put_entries(value)

    def put_entries(self, value: dict[Any, Any]) -> None:
        self.out += b"("
        for key, item in value.items():
            self.put(key)
            self.put(item)
        self.out += b"u"

    def put_ordered(self, value: OrderedDict[Any, Any]) -> None:
        """An OrderedDict; that of a state_dict has `_metadata`, the versions of its modules."""
        self.put_call(Call("collections OrderedDict", ()))
        self.remember(value)
        self.put_entries(value)
        state = vars(value)
        if state.keys() - {"_metadata"}:
            got = f"an OrderedDict with attributes {', '.join(state)}"
            raise DTypeError(message("save", got, "none but _metadata", "Save dict(x)."))
        if state:
            self.put(dict(state))
            self.out += b"b"

    def put_default(self, value: defaultdict[Any, Any]) -> None:
        factory = value.default_factory
        names = [name for name, known in FACTORIES.items() if factory is known]
        if factory is not None and not names:
            got = f"a defaultdict of {factory!r}"
            raise DTypeError(message("save", got, "one of a built-in type", "Save dict(x)."))
        self.put_call(Call("collections defaultdict", tuple(Global(f"__builtin__ {n}") for n in names)))
        self.remember(value)
        self.put_entries(value)

    # Values that a call makes

    def call_for(self, value: Any) -> Call:
        """What makes `value`. Raises DTypeError, or NotSupportedError, for what is not on the list."""
        if isinstance(value, Parameter):
            hooks = Call("collections OrderedDict", ())
            data = value.detach()
            return Call("torch._utils _rebuild_parameter", (data, value.requires_grad, hooks))
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, np.ndarray | np.generic | np.dtype):
            return _numpy(value)
        if isinstance(value, device):
            place = (value.type,) if value.index is None else (value.type, value.index)
            return Call("torch device", place)
        if type(value) is Size:
            return Call("torch Size", (tuple(value),))
        if type(value) is namespace_class():
            return Call("argparse Namespace", (), dict(vars(value)))
        raise _refused(value)

    def tensor(self, value: Tensor) -> Call:
        """A tensor as a part of a storage."""
        array = value.detach()._seen()
        place = self.layout.place(array)
        name = array.dtype.name
        kind = f"torch {CLASSES[name]}" if name in CLASSES else "torch.storage UntypedStorage"
        count = place.count if name in CLASSES else place.count * array.itemsize
        storage = Named(("storage", Global(kind), str(place.storage), "cpu", count))
        hooks = Call("collections OrderedDict", ())
        facts = (storage, place.offset, tuple(array.shape), place.strides, value.requires_grad, hooks)
        if name in CLASSES:
            return Call("torch._utils _rebuild_tensor_v2", facts)
        return Call("torch._utils _rebuild_tensor_v3", (*facts, Global(f"torch {name}")))


def _numpy(value: Any) -> Call:
    """Arrays, scalars and dtypes of NumPy, as NumPy itself does."""
    if isinstance(value, np.dtype):
        order = "|" if value.byteorder == "|" or value.itemsize == 1 else value.str[0]
        sizes = (value.itemsize, value.alignment, 8) if value.kind in "SU" else (-1, -1, 0)
        if value.kind not in "biufcSU":
            raise DTypeError(message("save", f"the dtype {value}", "numbers, bools or text"))
        return Call("numpy dtype", (value.str[1:], False, True), (3, order, None, None, None, *sizes))
    dtype = _numpy(value.dtype)
    if isinstance(value, np.generic):
        return Call("numpy._core.multiarray scalar", (dtype, value.tobytes()))
    state = (1, value.shape, dtype, False, value.tobytes())
    start = (Global("numpy ndarray"), (0,), b"b")
    return Call("numpy._core.multiarray _reconstruct", start, state)


def _refused(value: Any) -> Exception:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if hasattr(value, "state_dict"):
        remedy = "Save x.state_dict(), and load it into one that is made anew with load_state_dict()."
        return NotSupportedError(message("save", f"a whole {name}", "its state", remedy))
    remedy = "A file holds values, and no code: turn it into a dict of them."
    expected = "tensors, arrays, numbers, strings, and lists, tuples, sets and dicts of them"
    return DTypeError(message("save", f"a {name}", expected, remedy))


def _put_dtype(writer: Writer, value: Any) -> None:
    known = DTYPES.get(value.name)
    ours = value is bfloat16 or known == value
    writer.put(Global(f"torch {value.name}") if ours else _numpy(value))


PLAIN: dict[type, Any] = {
    type(None): lambda writer, value: writer.out.extend(b"N"),
    bool: lambda writer, value: writer.out.extend(b"\x88" if value else b"\x89"),
    int: Writer.put_int,
    float: lambda writer, value: writer.out.extend(b"G" + struct.pack(">d", value)),
    str: Writer.put_str,
    **{type(dtype): _put_dtype for dtype in (*DTYPES.values(), bfloat16)},
}
CONTAINERS: dict[type, Any] = {
    tuple: Writer.put_tuple,
    list: Writer.put_list,
    dict: Writer.put_dict,
    OrderedDict: Writer.put_ordered,
    defaultdict: Writer.put_default,
}


def _by_call(kind: type, make: Any) -> None:
    """Enter a class whose values a call makes."""

    def put(writer: Writer, value: Any) -> None:
        writer.put_call(make(value))
        writer.remember(value)

    CONTAINERS[kind] = put


_by_call(bytes, lambda x: Call("_codecs encode", (x.decode("latin1"), "latin1")))
_by_call(bytearray, lambda x: Call("__builtin__ bytearray", (bytes(x),)))
_by_call(complex, lambda x: Call("__builtin__ complex", (x.real, x.imag)))
_by_call(set, lambda x: Call("__builtin__ set", (list(x),)))
_by_call(frozenset, lambda x: Call("__builtin__ frozenset", (list(x),)))
_by_call(Counter, lambda x: Call("collections Counter", (dict(x),)))
