"""What a traced function can read: one walk over everything that its code can come to.

The walk begins at the function, its arguments, and the globals that its code names. From there it follows
the attributes that the code names, wherever they are kept (dict, slot, class, property), and all that
containers hold, to the end. What the code does is known after it ran once; before, the walk goes by the
names in all functions that it meets.
"""

from __future__ import annotations

import builtins
import datetime
import functools
import gc
import os
import random
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rushlight.compile.capture.makes import (
    MISSING,
    PLAIN,
    AttributesOf,
    class_dict,
    content,
    contents,
    filled,
    functions_of,
    home,
    in_slot,
    is_opaque,
    own_dict,
    slots,
)
from rushlight.compile.capture.ran import CLOCKS, Ran
from rushlight.compile.capture.words import (
    globals_of,
    imports_of,
    is_own_code,
    is_standard,
    stored_by,
    words_of,
)
from rushlight.core.composite import Composite
from rushlight.core.tensor import Tensor
from rushlight.device import outside, xp

__all__ = ["PASSING", "Scope", "given_names", "look"]

OWN = "rushlight"
QUIET = ("logging", "threading", "warnings", "llvmlite", "pytest", "_pytest")
"""Packages whose objects are not looked into: they hold no numbers of a program."""
PASSING = ("_last_call",)
"""Attributes of modules that every call writes, and that no program reads."""
MOST = 50_000
"""Objects that a walk looks into, at most: with more, a look before each call would cost more than a call."""
HELD = {"array", "node", "param_groups", "state", "defaults", "stepped", "function", "mode"}
"""Attributes of tensors, optimisers and compiled functions beside those of users."""
ASKING = {"getattr", "hasattr", "vars"}
"""By which code may ask for what is not there yet."""
FUNCTIONS = (types.FunctionType, property, classmethod, staticmethod, functools.cached_property)
_CACHE = type(functools.lru_cache(len))


class Scope:
    """Everything that a function can read.

    cells       (cell, name, value): closures.
    names       (namespace, name, value): globals, and attributes of objects and classes.
    reads       (getter, name, value): slots, and other things that a call of the getter gives.
    containers  (container, reader, what it held).
    modules     neural networks, with all modules inside them.
    optimizers  objects with parameter groups.
    functions, classes   those that are not Rushlight's.
    objects     (object, its class, its dict, the names in there).
    generators  random generators.
    opaque      what cannot be looked into, in words.
    clocks      the names of functions that answer anew each time.
    """

    def __init__(self, ran: Ran | None = None, words: frozenset[str] = frozenset()) -> None:
        self.cells: list[tuple[Any, str, Any]] = []
        self.names: list[tuple[Any, str, Any]] = []
        self.reads: list[tuple[Callable[[], Any], str, Any]] = []
        self.containers: list[tuple[Any, Callable[[Any], Any], Any]] = []
        self.modules: dict[int, Any] = {}
        self.optimizers: dict[int, Any] = {}
        self.tensors: dict[int, Tensor] = {}
        self.called: dict[int, str] = {}
        """By what names containers were come to."""
        self.given: list[dict[str, Any]] = []
        """The attributes of objects of ours, some of which users may have given."""
        self.functions: list[types.FunctionType] = []
        self.classes: list[type] = []
        self.objects: list[tuple[Any, type, Any, Any]] = []
        self.generators: list[Any] = []
        self.opaque: list[str] = []
        self.clocks: list[str] = []
        self.places: dict[Any, Any] = {}
        """What each place held, by what the place is."""
        self.codes: set[types.CodeType] = set()
        self._ran = ran
        self._words: frozenset[str] | None = words if ran is None else ran.words
        self._mentioned = words if ran is None else ran.mentioned
        self._seen: set[Any] = set()
        self._kept: list[Any] = []
        self._todo: list[tuple[Any, str]] = []
        self._root: Any = None
        self._classes: dict[type, set[str]] = {}

    def parameters(self) -> Iterator[Tensor]:
        """The tensors that may have gradients, some of them more than once."""
        yield from self.tensors.values()
        for module in self.modules.values():
            for v in vars(module).values():
                if isinstance(v, Composite):
                    yield from v.parts()
                elif isinstance(v, Tensor):
                    yield v
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                yield from group["params"]

    def apart_from(self, ids: Iterable[int]) -> bool:
        """Whether the walk came to none of these objects."""
        return self._seen.isdisjoint(ids)

    # The walk

    def enter(self, value: Any, name: str) -> None:
        """Follow what a value leads to; `name` is for messages."""
        self._todo.append((value, name))
        self._drain()

    def enter_ran(self) -> None:
        """Follow what the code that ran names in its globals, and in functions that nothing else led to."""
        assert self._ran is not None
        inner = {c for code in self._ran.codes for c in code.co_consts if type(c) is types.CodeType}
        lost = []
        for code, space in self._ran.codes.items():
            if is_standard(code.co_filename):
                if os.path.basename(code.co_filename) == "os.py":
                    self.enter(os.environ, "os.environ")
                continue
            self._globals(code, space)
            if code not in self.codes and code not in inner:
                lost.append(code)
        self._drain()
        if lost:
            for function in gc.get_referrers(*lost):
                if type(function) is types.FunctionType:
                    self.enter(function, function.__name__)

    def _drain(self) -> None:
        while self._todo:
            if len(self._kept) > MOST:
                self.opaque.append(f"more than {MOST} objects")
                self._todo.clear()
                return
            self._visit(*self._todo.pop())

    def _visit(self, value: Any, name: str) -> None:
        kind: Any = type(value)
        if kind in PLAIN or id(value) in self._seen:
            return
        self._seen.add(id(value))
        self._kept.append(value)
        if issubclass(kind, Tensor) and not issubclass(kind, Composite):
            self._tensor(value)
        elif kind is types.FunctionType:
            self._function(value)
        elif kind is types.MethodType:
            self._later(value.__self__, name)
            self._later(value.__func__, name)
        elif kind is types.ModuleType:
            package = value.__name__.split(".")[0]
            if package in sys.stdlib_module_names:
                self._standard(value, name)
            elif package not in (OWN, "numpy", *QUIET):
                self._space(vars(value), self._mentioned, name)
        elif issubclass(kind, type):
            if issubclass(value, datetime.date):
                self.clocks += [f"{value.__name__}.{w}" for w in ("now", "utcnow", "today") if self._names(w)]
            self._class(value)
            self._class(kind)
        elif kind is types.BuiltinFunctionType or kind is types.MethodWrapperType:
            if kind is types.BuiltinFunctionType and value in CLOCKS:
                self.clocks.append(name)
            if type(value.__self__) is not types.ModuleType:
                self._later(value.__self__, name)
        elif home(kind) not in QUIET:
            self._object(value, kind, name)

    def _tensor(self, tensor: Tensor) -> None:
        """Its hooks, and the attributes that the user gave it; what it holds is read anew in each call."""
        self.tensors[id(tensor)] = tensor
        hooks = tensor.node.hooks if tensor.node is not None and tensor.is_leaf else ()
        for hook in (*hooks, *tensor._after_grad):
            self._later(hook, "a hook")
        own = own_dict(tensor)
        if own is not None:
            self._given(own, "tensor", False)

    def _given(self, own: Any, owner: str, asked: bool = True) -> None:
        """What users gave to an object of ours. asked: whether that may be looked for before it is there."""
        self.given.append(own)
        given = set(given_names(own))
        if given:
            self._space(own, given if self._words is None else given & self._words, owner)
        if asked:
            self._names_of(own, owner, given_names)

    def _names_of(
        self, space: Any, owner: str, names: Callable[[Any], tuple[str, ...]] = tuple, key: int | None = None
    ) -> None:
        """Which names there are, where code may ask for what is not there yet. key: what the place is, for a
        space that is made anew at each look."""
        if self._words is None or self._words & ASKING:
            place = id(space) if key is None else key, "names"
            self._read(functools.partial(names, space), place, f"the attributes of {owner}")

    def _standard(self, module: Any, name: str) -> None:
        """A module of the standard library: what the code names in it, but not what its tables hold, of which
        `sys.modules` alone leads to everything."""
        space = vars(module)
        for word in dict.keys(space) & self._mentioned:
            held = space[word]
            if type(held) in (dict, list, set, types.ModuleType):
                self._seen.add(id(held))
                self._kept.append(held)
            self._place(space, (id(space), word), word, held, name)

    def _later(self, value: Any, name: str) -> None:
        if type(value) not in PLAIN:
            self._todo.append((value, name))

    def _object(self, value: Any, kind: Any, name: str) -> None:
        """An instance: what it holds, its attributes, its class."""
        own = own_dict(value)
        if own is not None and "param_groups" in own:
            self.optimizers[id(value)] = self.places[id(value), "optimizer"] = value
            if home(kind) != OWN:  # written by the user: it may have numbers of its own
                known = dict.keys(own) if self._words is None else self._words
                self._space(own, set(known) - {"param_groups", "state"}, kind.__name__, kind)
                self._class(kind)
                self._names_of(own, kind.__name__)
            else:
                self._given(own, kind.__name__)
                if self._words is None or "defaults" in self._words:
                    self._later(own.get("defaults"), "defaults")
            states = None if getattr(kind, "looks_at_numbers", False) else own.get("state")
            for held in dict.values(states) if isinstance(states, dict) else ():
                if isinstance(held, dict) and not all(isinstance(v, Tensor) for v in held.values()):
                    self._later(held, "an optimiser's state")  # of a rule of the user's, that counts, say
            return
        if any("named_modules" in class_dict(b) for b in kind.__mro__):
            self._module(value, kind)
            return
        if home(kind) == OWN and own is not None and "_entries" in own:  # a compiled function
            self._given(own, name)
            self._later(own["function"], name)
            return
        if issubclass(kind, random.SystemRandom):
            return  # it asks the system each time, which is heard
        if issubclass(kind, (random.Random, *outside.GENERATORS)):
            self.generators.append(value)
            self.places[id(value), "generator"] = value
            return
        if is_opaque(kind):
            self.opaque.append(f"{name}, a {kind.__name__}")
            return
        self._parts(value, kind, name)
        reader = contents(kind)
        if reader is not None:
            held = reader(value)
            if not issubclass(kind, (tuple, frozenset)):
                self.containers.append((value, reader, held))
                self.called[id(value)] = name
                self.places[id(value)] = held
            if not issubclass(kind, (xp.ndarray, bytearray)):
                for v in held:
                    self._later(v, name)
        words = None if home(kind) == OWN else self._words
        if own is not None:
            keys = tuple(dict.keys(own))
            self.objects.append((value, kind, own, keys))
            self.places[id(own), "keys"] = keys
            self._space(own, words, kind.__name__, kind)
        for word, descriptor in slots(kind):
            if words is None or word in words:
                self._read(
                    functools.partial(in_slot, descriptor, value),
                    (id(value), word),
                    f"{kind.__name__}.{word}",
                )
        if home(kind) not in (OWN, "builtins", "numpy"):
            self._class(kind)

    def _parts(self, value: Any, kind: type, name: str) -> None:
        """What some built-in types keep where only they know."""
        if issubclass(kind, functools.partial):
            if type(value.func) is types.BuiltinFunctionType and value.func in CLOCKS:
                self.opaque.append(f"a clock behind {name}")  # C code calls it: nobody hears that
            for part in (value.func, value.args, value.keywords):
                self._later(part, name)
        elif issubclass(kind, weakref.ref):
            self._read(functools.partial(weakref.ref.__call__, value), (id(value), "referent"), name)
        elif kind is _CACHE:
            self._later(value.__wrapped__, name)
            self._read(functools.partial(filled, value), (id(value), "cache"), f"the cache of {name}")
        elif issubclass(kind, FUNCTIONS):
            for function in functions_of(value):
                self._later(function, name)
        elif kind is types.MappingProxyType:
            self._later(dict(value), name)
        elif kind is types.CellType:
            self._cell(value, name)

    def _module(self, module: Any, kind: type) -> None:
        for m in module.modules():
            if id(m) in self.modules:
                continue
            self.modules[id(m)] = self.places[id(m), "module"] = m
            self._seen.add(id(m))
            kind = type(m)
            if home(kind) != OWN:
                self._class(kind)
                self._space(vars(m), self._words, kind.__name__, kind)
            for key, v in list(vars(m).items()):
                own = home(type(v)) == OWN and not hasattr(type(v), "named_modules")  # an initialiser, say
                if key not in PASSING and (not own or isinstance(v, Tensor)):
                    self._later(v, f"{kind.__name__}.{key}")

    def _class(self, kind: type) -> None:
        """A class: its attributes that the code names, and its functions. Those of a class made of one of
        Rushlight's are called from there, under names that no code of the user's mentions."""
        called = any(home(base) == OWN for base in kind.__mro__)
        for base in kind.__mro__:
            if home(base) in (OWN, "builtins", *QUIET) or (id(base), "class") in self._seen:
                continue
            self._seen.add((id(base), "class"))
            self._kept.append(base)
            self.classes.append(base)
            self._names_of(class_dict(base), base.__name__, key=id(base))
            for word, value in list(class_dict(base).items()):
                functions = functions_of(value)
                if self._names(word) if not functions else self._runs(word, functions, called):
                    self._place(AttributesOf(base), (id(base), word), word, value, base.__name__)
                    for f in functions:
                        self._later(f, word)

    def _names(self, word: str) -> bool:
        if word.startswith("__") and word.endswith("__"):
            return False
        return self._words is None or word in self._words

    def _runs(self, word: str, functions: list[Any], called: bool) -> bool:
        """Whether a function of a class is called, as far as one can see."""
        if self._ran is None:
            return called or word.startswith("__") or self._names(word)
        return self._names(word) or any(f.__code__ in self._ran.codes for f in functions)

    def _function(self, function: Any) -> None:
        """A function: its globals, closure, defaults. Of Rushlight's own only the closure."""
        code = function.__code__
        own = is_own_code(function.__globals__) and function is not self._root
        if not own:
            if vars(function):
                self._space(vars(function), self._words, function.__name__)
            self._names_of(vars(function), function.__name__)
        if not own and self._ran is not None and code not in self._ran.codes and function is not self._root:
            return  # it did not run
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self._cell(cell, name)
        if own:
            return
        self.codes.add(code)
        self.functions.append(function)
        if not is_standard(code.co_filename):
            self._globals(code, function.__globals__)
        elif os.path.basename(code.co_filename) == "os.py":
            self._later(os.environ, "os.environ")
        for part in ("__defaults__", "__kwdefaults__"):
            if getattr(function, part):  # where there are none, every call gives all its arguments
                name = f"{function.__name__}.{part}"
                self._read(functools.partial(getattr, function, part), (id(function), part), name)

    def _globals(self, code: types.CodeType, space: Mapping[str, Any]) -> None:
        self._space(space, globals_of(code), "globals")
        absent = stored_by(code) if "globals" in code.co_names else globals_of(code)
        for word in absent:
            if word not in space and not hasattr(builtins, word):
                self._place(space, (id(space), word), word, MISSING, "globals")
        for name in imports_of(code):
            self._later(sys.modules[name], name)
        if self._ran is None:
            for constant in code.co_consts:
                if type(constant) is types.CodeType:
                    self._globals(constant, space)

    def _cell(self, cell: Any, name: str) -> None:
        if id(cell) not in self.places:
            held = content(cell)
            self._kept.append(cell)
            self.places[id(cell)] = held
            self.cells.append((cell, name, held))
            self._later(held, name)

    def _read(self, getter: Callable[[], Any], key: Any, name: str) -> None:
        if key not in self.places:
            held = getter()
            self.places[key] = held
            self.reads.append((getter, name, held))
            if type(getter) is not functools.partial or getter.func is not filled:
                self._later(held, name)

    def _space(self, space: Any, words: Any, owner: str, kind: type | None = None) -> None:
        """The names of a dict that the code mentions, all of them for `words` None; of an instance's also
        those that its class has, and that it may get for itself."""
        self._kept.append(space)
        keys = dict.keys(space)
        for word in list(keys) if words is None else words.intersection(keys):
            if type(word) is str:
                self._place(space, (id(space), word), word, dict.__getitem__(space, word), owner)
        if kind is not None and words is not None:
            for word in (self._attributes(kind) & words) - keys:
                self._place(space, (id(space), word), word, MISSING, owner)

    def _attributes(self, kind: type) -> set[str]:
        """The names that a class and its bases have."""
        found = self._classes.get(kind)
        if found is None:
            names = {n for b in kind.__mro__[:-1] for n in class_dict(b) if not n.startswith("__")}
            found = self._classes[kind] = names
        return found

    def _place(self, space: Any, key: Any, word: str, held: Any, owner: str) -> None:
        if key not in self.places and word != "__builtins__":
            self.places[key] = held
            self.names.append((space, word, held))
            self._later(held, word)

    def ask(self) -> frozenset[str]:
        """The names that all code in reach mentions."""
        return frozenset().union(*map(_all_words, self.codes))


def look(function: Any, arguments: Any = (), ran: Ran | None = None) -> Scope:
    """What `function` can read, its arguments included: by the code that ran, or by all code in reach, whose
    names are gathered first, then followed."""
    words: frozenset[str] = frozenset()
    while True:
        scope = Scope(ran, words)
        scope._root = function.__func__ if type(function) is types.MethodType else function
        scope.enter(function, getattr(function, "__name__", "the function"))
        for value in arguments:
            scope.enter(value, "an argument")
        if ran is not None:
            scope.enter_ran()
            return scope
        found = scope.ask()
        if found == words or len(scope._kept) > MOST:  # of a walk that broke off the names need not settle
            return scope
        words = found


def given_names(own: Mapping[str, Any]) -> tuple[str, ...]:
    """The names among the attributes of an object of ours that users gave."""
    return tuple([name for name in own if not name.startswith("_") and name not in HELD])


@functools.lru_cache(8192)
def _all_words(code: types.CodeType) -> frozenset[str]:
    inner = [_all_words(c) for c in code.co_consts if type(c) is types.CodeType]
    return words_of(code).union(*inner)
