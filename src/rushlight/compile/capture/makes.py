"""What an object is made of, found out without running any of its code.

Nothing here calls `getattr`, `len`, `iter` or `==` on an object of the user's: its class may define them.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import functools
import gc
import math
import operator
import random
import re
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

from rushlight.device import outside

__all__ = [
    "MISSING",
    "PLAIN",
    "AttributesOf",
    "class_dict",
    "content",
    "contents",
    "filled",
    "functions_of",
    "home",
    "in_slot",
    "is_opaque",
    "is_record",
    "own_dict",
    "same",
    "same_items",
    "slots",
]

PLAIN = (bool, int, float, complex, str, bytes, type(None))
FIXED = (
    *PLAIN, type, tuple, type(...), type(NotImplemented), range, slice, types.CodeType, types.ModuleType,
    types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType,
    types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.MappingProxyType, types.GenericAlias,
    types.UnionType, types.CellType, types.SimpleNamespace, property, classmethod, staticmethod, super,
    BaseException, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo,
    re.Pattern, re.Match, operator.attrgetter, operator.itemgetter, operator.methodcaller,
    functools.partial, functools.partialmethod, type(functools.lru_cache(len)), weakref.ref,
    type(threading.Lock()), type(threading.RLock()), threading.local, random.Random, random.Random.__base__,
    collections.defaultdict, type(vars(collections.namedtuple("_", "x"))["x"]), *outside.FIXED,
)  # fmt: skip
"""Built-in types whose objects cannot change, or whose parts the walk knows, or that hold no numbers."""


class _Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING: Any = _Missing()
"""What stands for an attribute that is not there."""


def _pairs(items: Any) -> tuple[Any, ...]:
    return tuple([x for pair in items for x in pair])


CONTENTS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    collections.OrderedDict: lambda v: _pairs(collections.OrderedDict.items(v)),
    dict: lambda v: (*dict.keys(v), *dict.values(v)),
    list: lambda v: tuple(list.__iter__(v)),
    tuple: lambda v: tuple(tuple.__iter__(v)),
    set: lambda v: tuple(set.__iter__(v)),
    frozenset: lambda v: tuple(frozenset.__iter__(v)),
    collections.deque: lambda v: tuple(collections.deque.__iter__(v)),
    bytearray: lambda v: (bytes(v),),
    array.array: lambda v: (v.typecode, array.array.tobytes(v)),
    memoryview: lambda v: (v.format, memoryview.tobytes(v)),
    outside.ARRAY: outside.fingerprint,
}
"""How to read what a container of each built-in type holds."""


def home(kind: type) -> str:
    """The package that a class comes from."""
    found = type.__getattribute__(kind, "__module__")
    return found.split(".")[0] if type(found) is str else ""


def class_dict(kind: type) -> Any:
    """The attributes of a class itself."""
    return type.__dict__["__dict__"].__get__(kind)


def own_dict(value: Any) -> Any:
    """The attributes of an instance; None where it keeps them in no dict."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return found if issubclass(type(found), dict) else None


def _is_native(kind: type) -> bool:
    """Whether a class is not written in Python: then it has methods in C of its own."""
    if not kind.__flags__ & 1 << 9:  # no heap type
        return True
    return any(
        type(value) in (types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType)
        and name not in ("__dict__", "__weakref__")
        and value.__objclass__ is kind
        for name, value in class_dict(kind).items()
    )


@functools.lru_cache(4096)
def is_opaque(kind: type) -> bool:
    """Whether objects of a class may hold what nobody can see: iterators, files, objects of C extensions."""
    known: Any = (*FIXED, *CONTENTS)
    return any(b is not object and _is_native(b) and not issubclass(b, known) for b in kind.__mro__)


@functools.lru_cache(4096)
def contents(kind: type) -> Callable[[Any], tuple[Any, ...]] | None:
    """The reader of what containers of a class hold; None for what is no container."""
    return next((CONTENTS[b] for b in kind.__mro__ if b in CONTENTS), None)


@functools.lru_cache(4096)
def slots(kind: type) -> tuple[tuple[str, Any], ...]:
    """The slots of a class's instances: names and descriptors."""
    bases = [b for b in kind.__mro__ if b is not object and not _is_native(b)]
    return tuple(
        (name, d) for b in bases for name, d in class_dict(b).items() if type(d) is types.MemberDescriptorType
    )


def is_record(value: Any) -> bool:
    """Whether a value is of a dataclass, whose attributes are its fields and nothing else."""
    kind: Any = type(value)
    fields, own = getattr(kind, "__dataclass_fields__", None), own_dict(value)
    return fields is not None and own is not None and own.keys() <= fields.keys() and not slots(kind)


def same(a: Any, b: Any) -> bool:
    """Equal and of one type, for 1, 1.0, True and -0.0 freeze differently; of other things the same one."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is tuple:
        return same_items(a, b)
    if kind is float:
        return (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (a != a and b != b)
    if kind is complex:
        return repr(a) == repr(b)
    if kind is types.MethodType:  # made anew at each look
        return a.__self__ is b.__self__ and a.__func__ is b.__func__
    return kind in PLAIN and bool(a == b)


def same_items(now: Any, then: Any) -> bool:
    """The same of two sequences, element by element."""
    return len(now) == len(then) and (all(map(operator.is_, now, then)) or all(map(same, now, then)))


class AttributesOf:
    """The attributes of a class, read afresh."""

    __slots__ = ("get", "kind")

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.get = class_dict(kind).get


def content(cell: Any) -> Any:
    """What a closure's cell holds; MISSING while it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def in_slot(descriptor: Any, value: Any) -> Any:
    try:
        return descriptor.__get__(value)
    except AttributeError:
        return MISSING


def filled(cache: Any) -> tuple[Any, ...]:
    """The entries of an lru_cache, which only the garbage collector can see."""
    own = own_dict(cache)
    return tuple(x for d in gc.get_referents(cache) if type(d) is dict and d is not own for x in d.values())


def functions_of(value: Any) -> list[Any]:
    """The Python functions behind an attribute of a class."""
    kind = type(value)
    if kind is types.FunctionType:
        return [value]
    if issubclass(kind, property):
        return [f for f in (value.fget, value.fset) if type(f) is types.FunctionType]
    if issubclass(kind, (classmethod, staticmethod)):
        return functions_of(value.__func__)
    if issubclass(kind, functools.cached_property):
        return functions_of(value.func)
    return []
