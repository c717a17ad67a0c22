"""Where a closure may keep a number: in objects of many makes, each with a way to change it."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import math
import os
import random
import types
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import rushlight as rl
from rushlight.device import xp

__all__ = ["MAKES", "number"]

Make = Callable[[random.Random], tuple[Callable[[], Any], Callable[[random.Random], None]]]
"""Builds a number's home: gives a function that reads it, and one that changes it."""
MAKES: list[Make] = []


def make(function: Make) -> Make:
    MAKES.append(function)
    return function


def number(r: random.Random) -> Any:
    return r.choice((0, 1, 2, 3, 5, -1, 0.0, -0.0, 0.5, 1.5, 2.0, -3.25, True, 7, 1e-3))


class _Plain:
    def __init__(self, k: Any) -> None:
        self.k = k


class _Slots:
    __slots__ = ("__weakref__", "k")

    def __init__(self, k: Any) -> None:
        self.k = k


class _Slotted(_Slots):
    __slots__ = ("more",)


class _Property:
    def __init__(self, k: Any) -> None:
        self._hidden = k

    @property
    def k(self) -> Any:
        return self._hidden

    @k.setter
    def k(self, value: Any) -> None:
        self._hidden = value


class _Asks:
    def __init__(self, k: Any) -> None:
        self.store = {"k": k}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["store"][name]
        except KeyError:
            raise AttributeError(name) from None

    def change(self, k: Any) -> None:
        self.store["k"] = k


class _Dict(dict[str, Any]):
    __getattr__ = dict.get
    __setattr__ = dict.__setitem__


@dataclasses.dataclass
class _Data:
    k: Any


@dataclasses.dataclass(slots=True)
class _SlottedData:
    k: Any


class _Computed:
    def __init__(self, k: Any) -> None:
        self.held = [k]

    def __call__(self) -> Any:
        return self.held[0]

    def __len__(self) -> int:
        raise AssertionError("the compiler asks for a length")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the compiler compares")

    __hash__ = None  # type: ignore[assignment]


class _Meta(type):
    level: Any = 1.0


class _Module(rl.nn.Module):
    def __init__(self, k: Any) -> None:
        self.k = k


def _holder(kind: Any) -> Make:
    def build(r: random.Random) -> Any:
        home = kind(number(r))

        def change(r: random.Random) -> None:
            home.k = number(r)

        return (lambda: home.k), change

    return build


MAKES += map(
    _holder,
    (
        _Plain,
        _Module,
        _Slots,
        _Slotted,
        _Property,
        _Data,
        _SlottedData,
        lambda k: _Dict(k=k),
        lambda k: types.SimpleNamespace(k=k),
    ),
)


@make
def nested(r: random.Random) -> Any:
    home = _Plain(_Slots(_Plain(number(r))))

    def change(r: random.Random) -> None:
        if r.random() < 0.5:
            home.k.k.k = number(r)
        else:
            home.k = _Slots(_Plain(number(r)))

    return (lambda: home.k.k.k), change


@make
def by_getattr(r: random.Random) -> Any:
    home = _Plain(number(r))
    name = r.choice(("k", "missing"))

    def change(r: random.Random) -> None:
        setattr(home, r.choice(("k", "missing")), number(r))

    return (lambda: getattr(home, name, 2.5)), change


@make
def own_getattr(r: random.Random) -> Any:
    home = _Asks(number(r))
    return (lambda: home.k), lambda r: home.change(number(r))


@make
def class_attribute(r: random.Random) -> Any:
    kind = type("Kind", (_Plain,), {"level": number(r)})
    home = kind(1)

    def change(r: random.Random) -> None:
        if r.random() < 0.7:
            kind.level = number(r)  # type: ignore[attr-defined]
        else:
            home.level = number(r)

    return (lambda: home.level), change


@make
def metaclass_attribute(r: random.Random) -> Any:
    meta = type("Meta", (_Meta,), {"level": number(r)})
    kind = meta("Kind", (), {})
    return (lambda: kind.level), lambda r: setattr(meta, "level", number(r))


@make
def long_list(r: random.Random) -> Any:
    home = [number(r) for _ in range(r.choice((1, 3, 1500)))]
    at = r.randrange(len(home))

    def change(r: random.Random) -> None:
        home[r.choice((at, 0, len(home) - 1))] = number(r)

    return (lambda: home[at]), change


@make
def sum_of_a_list(r: random.Random) -> Any:
    home = [number(r)]

    def change(r: random.Random) -> None:
        home.append(number(r)) if r.random() < 0.5 or len(home) < 2 else home.pop(0)

    return (lambda: sum(home)), change


@make
def dicts(r: random.Random) -> Any:
    home: Any = r.choice((dict, collections.OrderedDict, lambda **k: collections.defaultdict(float, k)))(
        k=number(r), j=number(r)
    )

    def change(r: random.Random) -> None:
        if r.random() < 0.6:
            home["k"] = number(r)
        else:
            home["k"] = home.pop("k")
            home[r.choice("abc")] = number(r)

    return (lambda: home["k"] + next(iter(home.values()))), change


@make
def deques(r: random.Random) -> Any:
    home = collections.deque([number(r), number(r)])
    return (lambda: home[0]), lambda r: home.rotate(1) if r.random() < 0.3 else home.appendleft(number(r))


@make
def sets(r: random.Random) -> Any:
    home = {number(r)}
    return (lambda: len(home) + max(home)), lambda r: home.add(number(r))


@make
def tuples(r: random.Random) -> Any:
    Pair = collections.namedtuple("Pair", ["a", "b"])
    home = _Plain(Pair(number(r), [number(r)]))

    def change(r: random.Random) -> None:
        if r.random() < 0.5:
            home.k = home.k._replace(a=number(r))
        else:
            home.k.b[0] = number(r)

    return (lambda: home.k.a + home.k.b[0]), change


@make
def enums(r: random.Random) -> Any:
    class Level(enum.Enum):
        LOW = 1
        HIGH = 2.5

    home = _Plain(Level.LOW)
    return (lambda: home.k.value), lambda r: setattr(home, "k", r.choice(list(Level)))


@make
def arrays(r: random.Random) -> Any:
    home = xp.asarray([float(number(r)), 2.0])

    def change(r: random.Random) -> None:
        home[0] = float(number(r))

    return r.choice(((lambda: float(home[0])), (lambda: home[0]), (lambda: home.sum().item()))), change


@make
def bytes_and_arrays(r: random.Random) -> Any:
    home: Any = r.choice((bytearray(b"abc"), array("d", [1.0, 2.0])))

    def change(r: random.Random) -> None:
        home[1] = r.randrange(200)

    return (lambda: home[1]), change


@make
def tensors(r: random.Random) -> Any:
    home = rl.tensor(float(number(r)))

    def change(r: random.Random) -> None:
        home.fill_(float(number(r)))

    return r.choice(((lambda: home.item()), (lambda: home))), change


@make
def shapes(r: random.Random) -> Any:
    home = rl.ones(2)

    def change(r: random.Random) -> None:
        home.data = rl.ones(r.randrange(1, 6))

    return (lambda: home.shape[0]), change


@make
def nonlocals(r: random.Random) -> Any:
    k = number(r)

    def change(r: random.Random) -> None:
        nonlocal k
        k = number(r)

    return (lambda: k), change


@make
def globals_(r: random.Random) -> Any:
    space: dict[str, Any] = {"K": number(r), "__name__": "elsewhere"}
    exec("def inner():\n    return K\ndef outer():\n    return inner() + 1", space)
    return space["outer"], lambda r: space.update(K=number(r))


@make
def defaults(r: random.Random) -> Any:
    def reads(k: Any = 1, *, j: Any = 2.0) -> Any:
        return k + j

    def change(r: random.Random) -> None:
        if r.random() < 0.5:
            reads.__defaults__ = (number(r),)
        else:
            reads.__kwdefaults__ = {"j": number(r)}

    return (lambda: reads()), change


@make
def partials(r: random.Random) -> Any:
    home = _Plain(number(r))

    def read(h: Any, scale: Any) -> Any:
        return h.k * scale

    return functools.partial(read, home, scale=number(r)), lambda r: setattr(home, "k", number(r))


@make
def methods(r: random.Random) -> Any:
    home = _Computed(number(r))

    def change(r: random.Random) -> None:
        home.held[0] = number(r)

    return r.choice((home, home.__call__, (lambda: home()))), change


@make
def cached(r: random.Random) -> Any:
    home = _Plain(number(r))

    @functools.lru_cache
    def read() -> Any:
        return home.k

    def change(r: random.Random) -> None:
        home.k = number(r)
        if r.random() < 0.5:
            read.cache_clear()

    return (lambda: read()), change


@make
def environment(r: random.Random) -> Any:
    name = f"RUSHLIGHT_FUZZ_{id(r)}"
    os.environ[name] = "1"
    get = r.choice(((lambda: float(os.environ[name])), (lambda: float(os.getenv(name, "0")))))
    return get, lambda r: os.environ.__setitem__(name, str(r.randrange(9)))


@make
def dynamic(r: random.Random) -> Any:
    home = _Plain(number(r))
    data = _Data(home.k)
    reads = (
        lambda: vars(home)["k"],
        lambda: getattr(home, "".join(["k"])),
        lambda: home.__dict__["k"],
        lambda: dataclasses.asdict(data)["k"],
        lambda: data.__dict__.get("k"),
    )

    def change(r: random.Random) -> None:
        home.k = data.k = number(r)

    return r.choice(reads), change


@make
def whole_objects(r: random.Random) -> Any:
    home = _Plain(number(r))

    def change(r: random.Random) -> None:
        way = r.randrange(3)
        if way == 0:
            home.__dict__ = {"k": number(r)}
        elif way == 1:
            home.__class__ = type("_Other", (_Plain,), {"k": number(r)})
        else:
            home.k = number(r)

    return (lambda: home.k), change


@make
def iterators(r: random.Random) -> Any:
    home = iter([float(i) for i in range(100)])
    return (lambda: next(home)), lambda r: None


@make
def generators(r: random.Random) -> Any:
    def count() -> Iterator[int]:
        yield from range(100)

    home = count()
    return (lambda: next(home)), lambda r: None


@make
def counters(r: random.Random) -> Any:
    home = r.choice((_Plain, _Slots, _Property, _Data))(0)

    def read() -> Any:
        home.k += 1
        return home.k * 0.5 if home.k % 3 else home.k

    return read, lambda r: setattr(home, "k", home.k + r.randrange(2))


@make
def schedules(r: random.Random) -> Any:
    home = [0, 0.5]

    def read() -> Any:
        home[0] += 1
        home[1] = 0.9 * home[1] + 0.1
        return 0.5 * (1 + math.cos(math.pi * home[0] / 10)) * home[1] + min(home[0], 4)

    return read, lambda r: home.__setitem__(1, float(number(r)))


@make
def memories(r: random.Random) -> Any:
    home: dict[str, Any] = {}

    def read() -> Any:
        if "k" not in home:
            home["k"] = 3.0
        return home["k"]

    return read, lambda r: home.clear() if r.random() < 0.3 else home.update(k=number(r))


@make
def growing(r: random.Random) -> Any:
    home: list[int] = []

    def read() -> Any:
        home.append(1)
        return len(home)

    return read, lambda r: None
