"""The arguments of a call: the tensors among them, and what of the rest a program depends on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rushlight.compile.capture.makes import PLAIN, contents, is_record, same_items
from rushlight.core.autocast import casting, lower_dtype
from rushlight.core.composite import Composite
from rushlight.core.spec import default
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp

__all__ = ["Everything", "Flat", "alike", "difference", "flatten", "things_in"]

NUMBERS = (int, float)


class Flat:
    """What is in the arguments of a call.

    tensors  the tensors among them; arrays count as tensors.
    numbers  the Python numbers that are read in each call.
    key      all else that a program depends on, hashable.
    """

    __slots__ = (
        "_args", "_free", "_made", "_met", "_named", "_number", "_rebuilt", "key", "numbers", "tensors",
    )  # fmt: skip

    def __init__(self, args: tuple[Any, ...], options: Mapping[str, Any], free: Container[int]) -> None:
        self.tensors: list[Tensor] = []
        self.numbers: list[Any] = []
        self._free = free
        self._number = 0
        self._made: list[tuple[Any, tuple[Any, ...]]] = []
        self._rebuilt: dict[int, Any] = {}
        self._args, self._named = args, list(options.items())
        self._met: dict[int, int] = {}
        self.key = (
            tuple([self._enter(a) for a in args]),
            tuple([(k, self._enter(v)) for k, v in self._named]),
        )

    def rebuild(
        self, tensors: Any, numbers: Any, watch: bool = False
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with these in the places of tensors and numbers. watch: `changed` will be asked."""
        self._number = 0
        self._made, self._rebuilt = [], {}
        rest = iter(tensors), iter(numbers)
        args = tuple([self._leave(a, *rest) for a in self._args])
        named = {k: self._leave(v, *rest) for k, v in self._named}
        self._rebuilt = {}
        if not watch:
            self._made = []
        return args, named

    def containers(self) -> Iterable[int]:
        """The ids of the lists, dicts and records among the arguments, in whose places others are given."""
        return self._met.keys()

    def changed(self) -> str | None:
        """The kind of a list, dict or record among the arguments that were rebuilt last, if it was changed
        since; all are let go of."""
        rebuilt, self._made = self._made, []
        for made, held in rebuilt:
            if not same_items(_held(made), held):
                return type(made).__name__
        return None

    def _is_free(self) -> bool:
        self._number += 1
        return self._number in self._free

    def _enter(self, value: Any) -> Any:
        if isinstance(value, Composite):
            return type(value), value.facts(), tuple([self._enter(v) for v in value.parts()])
        if isinstance(value, Tensor) or _is_array(value):
            self.tensors.append(value if isinstance(value, Tensor) else wrap(value))
            tracked = isinstance(value, Tensor) and value.requires_grad
            return value.shape, value.dtype.str, tracked and (_hooks(value) or True)
        if type(value) in NUMBERS and self._is_free():
            self.numbers.append(value)
            return type(value), NUMBERS
        if isinstance(value, (list, dict)) or is_record(value):
            # Of one that is given twice the function may see that it is the same.
            if id(value) in self._met:
                return type(value), self._met[id(value)]
            self._met[id(value)] = len(self._met)
        if isinstance(value, (tuple, list)):
            return type(value), tuple([self._enter(v) for v in value])
        if isinstance(value, dict):
            return type(value), tuple([(_key(k), self._enter(v)) for k, v in value.items()])
        if is_record(value):
            return type(value), tuple([(k, self._enter(v)) for k, v in vars(value).items()])
        return _key(value)

    def _leave(self, value: Any, tensors: Any, numbers: Any) -> Any:
        if isinstance(value, Composite):
            return value.rebuilt([next(tensors) for _ in value.parts()])
        if isinstance(value, Tensor) or _is_array(value):
            return next(tensors)
        if type(value) in NUMBERS and self._is_free():
            return next(numbers)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*[self._leave(v, tensors, numbers) for v in value])
        if isinstance(value, tuple):
            return type(value)(self._leave(v, tensors, numbers) for v in value)
        if not isinstance(value, (list, dict)) and not is_record(value):
            return value
        if id(value) in self._rebuilt:
            return self._rebuilt[id(value)]
        made: Any = copy.copy(value)
        self._rebuilt[id(value)] = made
        if is_record(value):
            vars(made).update({k: self._leave(v, tensors, numbers) for k, v in vars(value).items()})
        elif isinstance(value, list):
            list.__setitem__(made, slice(None), [self._leave(v, tensors, numbers) for v in value])
        else:
            for k, v in value.items():
                dict.__setitem__(made, k, self._leave(v, tensors, numbers))
        self._made.append((made, _held(made)))
        return made


class Everything:
    """Contains every position."""

    def __contains__(self, position: object) -> bool:
        return True


def flatten(args: tuple[Any, ...], options: Mapping[str, Any], free: Container[int] = ()) -> Flat:
    """What is in the arguments of a call. The numbers at the positions in `free`, counted from 1, are read in
    each call; others freeze into the program."""
    return Flat(args, options, free)


def alike(tensors: Sequence[Tensor]) -> Callable[[tuple[Any, ...]], bool]:
    """What says whether the arguments of a call are plain tensors without history, of the shapes and dtypes
    of these, and the modes of the thread those of now. It is asked before every call, so it is written out,
    argument by argument.

    >>> import rushlight as rl
    >>> like = alike([rl.ones(2, 3)])
    >>> like((rl.zeros(2, 3),)), like((rl.zeros(3, 2),)), like((1.0,)), like(())
    (True, False, False, False)
    """
    lower = lower_dtype()
    known: dict[str, Any] = {
        "Tensor": Tensor, "casting": casting, "default": default, "lower_dtype": lower_dtype, "state": state,
        "dtype": default.dtype, "grad_enabled": state.grad_enabled, "lower": lower,
    }  # fmt: skip
    terms = ["state.grad_enabled is grad_enabled", "default.dtype is dtype"]
    none = "not casting.active or lower_dtype() is None"
    terms.append(f"({none})" if lower is None else "lower_dtype() is lower")
    for i, tensor in enumerate(tensors):
        known[f"shape{i}"], known[f"dtype{i}"] = tensor.array.shape, tensor.array.dtype
        terms.append(
            f"a{i}.__class__ is Tensor and a{i}.node is None and (x := a{i}.array).shape == shape{i} "
            f"and x.dtype is dtype{i}"
        )
    names = ", ".join(f"a{i}" for i in range(len(tensors)))
    exec(ALIKE.format(count=len(tensors), names=names, terms=" and ".join(terms)), known)
    found: Callable[[tuple[Any, ...]], bool] = known["alike"]
    return found


ALIKE = """
def alike(args):
    if len(args) != {count}:
        return False
    [{names}] = args
    return {terms}
"""


def things_in(value: Any) -> Iterator[Any]:
    """What in an argument is neither tensor nor plain: modules, functions, the user's own objects."""
    if is_record(value):
        yield type(value)
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for v in value:
            yield from things_in(v)
    elif not isinstance(value, (Tensor, xp.ndarray, *PLAIN)):
        yield value


class _Same:
    """A thing in a key: equal to nothing but itself."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.thing is self.thing


def _held(container: Any) -> tuple[Any, ...]:
    """What a list, dict or record holds."""
    held: Any = vars(container) if is_record(container) else container
    kind: Any = type(held)
    reader = contents(kind)
    assert reader is not None
    return reader(held)


def difference(key: Any, other: Any) -> str:
    """What of the arguments differs between two keys that begin alike, in words; "" for nothing."""
    if isinstance(key, _Same) and isinstance(other, _Same):
        return "" if key == other else f"another {type(key.thing).__name__} object"
    if not (isinstance(key, tuple) and isinstance(other, tuple) and len(key) == len(other)):
        return "" if key == other else f"{other!r}, now {key!r}"
    return next((found for a, b in zip(key, other, strict=True) if (found := difference(a, b))), "")


def _hooks(tensor: Tensor) -> tuple[_Same, ...]:
    """Who waits for a tensor's gradient."""
    assert tensor.node is not None
    return tuple([_Same(hook) for hook in (*tensor.node.hooks, *tensor._after_grad)])


def _is_array(value: Any) -> bool:
    return isinstance(value, xp.ndarray) and xp.known(value.dtype).kind in "biuf"


def _key(value: Any) -> Any:
    if isinstance(value, (float, complex)):
        return type(value), repr(value)  # 0.0 and -0.0 are equal, and differ; a NaN is one
    if isinstance(value, xp.generic):
        return type(value), value.tobytes()
    if isinstance(value, slice):
        return slice, _key(value.start), _key(value.stop), _key(value.step)
    return (type(value), value) if isinstance(value, PLAIN) else _Same(value)
