"""Reads the pickles of PyTorch's files without running any code: a machine that knows a closed list of names.

A pickle is a program for a machine with a stack. What makes pickles dangerous is that they may call anything
that can be imported. This machine imports nothing: a name is looked up in a table, and one that does not
stand there is refused. The steps are those of Python's `pickletools`, which parses them.
"""

from __future__ import annotations

import pickletools
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.placement import device
from rushlight.core.size import Size
from rushlight.core.tensor import Parameter, Tensor
from rushlight.device.bfloat16 import bfloat16
from rushlight.interop.numpy_pickles import numpy_array, numpy_dtype, numpy_scalar, set_array, set_dtype
from rushlight.interop.storages import DTYPES, STORAGES, Kind, Storage

__all__ = ["Machine", "RefusedError"]

FACTORIES = {"list": list, "dict": dict, "set": set, "int": int, "float": float, "str": str}
PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, device, Tensor)
PUSHED = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
))  # fmt: skip
"""Steps that push their argument."""
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, type] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set, "EMPTY_TUPLE": tuple}


class RefusedError(Exception):
    """A name that is not on the list; its text is that name."""


class Maker:
    """What stands for a function or class of the list: `call` makes the value of its arguments."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


class Machine:
    """Runs pickles.

    storage  gives the storage that a persistent id, a tuple, names.
    """

    def __init__(self, storage: Callable[[tuple[Any, ...]], Storage]) -> None:
        self.storage = storage
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: Any) -> Any:
        """The value of the pickle that begins here in `stream`, which then stands behind it.

        Raises RefusedError for a name that is not known, and ValueError, TypeError, LookupError or
        OverflowError for a pickle that is damaged.
        """
        self.stack, self.below, self.memo = [], [], {}
        for code, arg, _ in pickletools.genops(stream):
            name = code.name
            if name in PUSHED:
                self.stack.append(arg)
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name])
            elif name in EMPTY:
                self.stack.append(EMPTY[name]())
            elif name == "STOP":
                break
            elif name not in STEPS:
                raise ValueError(f"the step {name}, which no file of tensors has")
            else:
                STEPS[name](self, arg)
        (value,) = self.stack
        if self.below:
            raise ValueError("a mark that is left over")
        return value

    # The steps

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def above_mark(self) -> list[Any]:
        """What was pushed since the last mark, which is taken away."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def collect(self, make: Callable[[list[Any]], Any]) -> None:
        """What was pushed since the last mark becomes one value."""
        items = self.above_mark()
        self.stack.append(make(items))

    def put(self, index: Any) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def take(self, count: int) -> list[Any]:
        """The last `count` values, which are taken away."""
        if len(self.stack) < count:
            raise ValueError("a step that finds nothing on the stack")
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return items

    def drop(self, _: Any) -> None:
        self.take(1)

    def drop_mark(self, _: Any) -> None:
        self.above_mark()

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("items appended to what is no list")
        self.stack[-1].extend(items)

    def add(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not set:
            raise TypeError("items added to what is no set")
        self.stack[-1].update(map(key, items))

    def set_items(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict) or len(items) % 2:
            raise TypeError("entries set in what is no dict")
        self.stack[-1].update(pairs(items))

    def find(self, name: str) -> None:
        """A name, as ``module name``, becomes what the list has for it."""
        if name not in NAMES:
            raise RefusedError(name.replace(" ", "."))
        self.stack.append(NAMES[name])

    def find_on_stack(self, _: Any) -> None:
        module, name = self.take(2)
        self.find(f"{module} {name}")

    def reduce(self, _: Any) -> None:
        maker, args = self.take(2)
        if not isinstance(maker, Maker) or type(args) is not tuple:
            raise TypeError("a call of what cannot be called")
        self.stack.append(maker.call(*args))

    def build(self, _: Any) -> None:
        """The state of an object that was just made."""
        (state,) = self.take(1)
        target = self.stack[-1]
        if type(target) is np.ndarray:
            set_array(target, state)
        elif isinstance(target, np.dtype):
            set_dtype(target, state)
        elif type(target) is OrderedDict and isinstance(state, dict) and state.keys() <= {"_metadata"}:
            vars(target).update(state)
        elif type(target) is namespace_class() and isinstance(state, dict):
            vars(target).update({str(name): value for name, value in state.items()})
        else:
            raise TypeError(f"a state for a {type(target).__name__}")

    def persistent(self, _: Any) -> None:
        (named,) = self.take(1)
        if type(named) is not tuple or len(named) < 5 or named[0] != "storage":
            raise ValueError("a persistent id that names no storage")
        self.stack.append(self.storage(named))


def key(value: Any) -> Any:
    """`value`, if it can be a key: hashing tuples within tuples may take for ever."""
    flat = isinstance(value, tuple | frozenset) and all(isinstance(item, PLAIN) for item in value)
    if not flat and not isinstance(value, PLAIN):
        raise TypeError(f"a {type(value).__name__} as a key")
    return value


def pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    """Keys and values in turn, as pairs."""
    return [(key(k), v) for k, v in zip(items[::2], items[1::2], strict=True)]


def namespace_class() -> type:
    """argparse.Namespace: programs save their options with their weights."""
    from argparse import Namespace

    return Namespace


STEPS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda machine, arg: None),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Machine.get),
    "MARK": Machine.mark,
    "POP_MARK": Machine.drop_mark,
    "POP": Machine.drop,
    "DUP": lambda machine, arg: machine.stack.append(machine.stack[-1]),
    "LIST": lambda machine, arg: machine.collect(list),
    "TUPLE": lambda machine, arg: machine.collect(tuple),
    "DICT": lambda machine, arg: machine.collect(lambda items: dict(pairs(items))),
    "FROZENSET": lambda machine, arg: machine.collect(lambda items: frozenset(map(key, items))),
    "TUPLE1": lambda machine, arg: machine.stack.append(tuple(machine.take(1))),
    "TUPLE2": lambda machine, arg: machine.stack.append(tuple(machine.take(2))),
    "TUPLE3": lambda machine, arg: machine.stack.append(tuple(machine.take(3))),
    "APPEND": lambda machine, arg: machine.append(machine.take(1)),
    "APPENDS": lambda machine, arg: machine.append(machine.above_mark()),
    "ADDITEMS": lambda machine, arg: machine.add(machine.above_mark()),
    "SETITEM": lambda machine, arg: machine.set_items(machine.take(2)),
    "SETITEMS": lambda machine, arg: machine.set_items(machine.above_mark()),
    "GLOBAL": Machine.find,
    "STACK_GLOBAL": Machine.find_on_stack,
    "REDUCE": Machine.reduce,
    "NEWOBJ": Machine.reduce,
    "BUILD": Machine.build,
    "BINPERSID": Machine.persistent,
}


# What the names of the list make


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor:
    """torch._utils._rebuild_tensor and its second version, which adds whether a gradient is asked for."""
    requires_grad = bool(rest and rest[0] is True)
    if not isinstance(storage, Storage):
        raise TypeError("a tensor without a storage")
    return storage.tensor(offset, size, stride, requires_grad)


def _tensor_of_dtype(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> Tensor:
    """The third version, for dtypes that have no class of storages."""
    if not isinstance(storage, Storage) or not isinstance(dtype, np.dtype):
        raise TypeError("a tensor without a storage")
    return storage.of(dtype).tensor(offset, size, stride, requires_grad is True)


def _parameter(data: Any, requires_grad: Any, hooks: Any) -> Parameter:
    if not isinstance(data, Tensor):
        raise TypeError("a parameter that is no tensor")
    return Parameter(data.detach(), requires_grad=requires_grad is True)


def _encode(text: str, encoding: str) -> bytes:
    """How bytes are written in a format that has none."""
    if encoding not in ("latin1", "latin-1") or type(text) is not str:
        raise ValueError(f"bytes as {encoding!r}")
    return text.encode("latin1")


def _sizes(sizes: Any = ()) -> Any:
    if type(sizes) not in (list, tuple) or not all(type(n) is int for n in sizes):
        raise TypeError("a Size of what are no sizes")
    return Size(sizes)


def _items(kind: Callable[[list[Any]], Any]) -> Maker:
    """A collection of the items of a list, if they may be keys."""

    def make(items: Any = ()) -> Any:
        if type(items) not in (list, tuple, set, bytes):
            raise TypeError("a collection of what are no items")
        return kind([key(item) for item in items])

    return Maker(make)


def _ordered(items: Any = ()) -> OrderedDict[Any, Any]:
    """Old versions of Python write the entries as an argument."""
    return OrderedDict((key(k), v) for k, v in items)


def _counter(counts: Any = None) -> Counter[Any]:
    if counts is not None and type(counts) is not dict:
        raise TypeError("a Counter of what is no dict")
    return Counter(counts)


def _defaultdict(factory: Any = None) -> defaultdict[Any, Any]:
    if factory is not None and not isinstance(factory, Maker):
        raise TypeError("a defaultdict that would call what is not on the list")
    return defaultdict(None if factory is None else factory.call)


def _bytearray(data: Any = b"", encoding: str = "latin1") -> bytearray:
    if type(data) not in (bytes, str):
        raise TypeError("a bytearray of what are no bytes")
    return bytearray(data if isinstance(data, bytes) else _encode(data, encoding))


def _no_bytes() -> bytes:
    """Protocol 2 writes those that are none by their class."""
    return b""


def _complex(real: Any, imag: Any) -> complex:
    return complex(float(real), float(imag))


def _namespace() -> Any:
    return namespace_class()()


NAMES: dict[str, Any] = {
    "torch._utils _rebuild_tensor": Maker(_tensor),
    "torch._utils _rebuild_tensor_v2": Maker(_tensor),
    "torch._utils _rebuild_tensor_v3": Maker(_tensor_of_dtype),
    "torch._utils _rebuild_parameter": Maker(_parameter),
    "torch Size": Maker(_sizes),
    "torch device": Maker(device),
    "collections OrderedDict": Maker(_ordered),
    "collections Counter": Maker(_counter),
    "collections defaultdict": Maker(_defaultdict),
    "argparse Namespace": Maker(_namespace),
    "_codecs encode": Maker(_encode),
    "numpy dtype": Maker(numpy_dtype),
    "numpy ndarray": np.ndarray,
    **{f"torch {name}": dtype for name, dtype in DTYPES.items()},
    "torch bfloat16": bfloat16,
    **{f"torch {name}": Kind(dtype) for name, dtype in STORAGES.items()},
    "torch.storage UntypedStorage": Kind("uint8"),
    "torch.storage _UntypedStorage": Kind("uint8"),
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    NAMES[f"{_module} _reconstruct"] = Maker(numpy_array)
    NAMES[f"{_module} scalar"] = Maker(numpy_scalar)
for _module in ("builtins", "__builtin__"):
    NAMES.update({f"{_module} {name}": Maker(kind) for name, kind in FACTORIES.items()})
    NAMES[f"{_module} set"], NAMES[f"{_module} frozenset"] = _items(set), _items(frozenset)
    NAMES[f"{_module} bytes"] = Maker(_no_bytes)
    NAMES[f"{_module} bytearray"], NAMES[f"{_module} complex"] = Maker(_bytearray), Maker(_complex)
