"""`rl.compile`: a Python function as one native call."""

from __future__ import annotations

import copy
import functools
import itertools
import os
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rushlight.compile import host
from rushlight.compile.capture.arguments import Everything, Flat, difference, flatten
from rushlight.compile.capture.makes import same
from rushlight.compile.capture.ran import Ran
from rushlight.compile.capture.record import UnseenError
from rushlight.compile.capture.trace import tracing
from rushlight.compile.entry import Entry
from rushlight.compile.steps import as_tensor, check_scan, item, one_by_one
from rushlight.core.anomaly import warn
from rushlight.core.atomic import Undo
from rushlight.core.autocast import lower_dtype
from rushlight.core.spec import default
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError, message

if TYPE_CHECKING:
    from rushlight.compile.explain.table import Explanation

__all__ = ["MODES", "CompiledFunction", "compile"]

MODES = ("full", "nofuse", "interpret", "off")
PATIENCE = 3
"""How often a function may change what it can read before it runs eager."""
MANY, MOST = 8, 64
"""How many programs one function may have for arguments of the same kind, and how many in all."""

_clock = itertools.count(1)


class CompiledFunction:
    """A function that runs as native code; made by `rl.compile`."""

    def __init__(self, function: Callable[..., Any], mode: str, strict: bool = False) -> None:
        self.function: Callable[..., Any] = (
            function.function if isinstance(function, CompiledFunction) else function
        )
        self.mode = mode
        self._entries: dict[Any, list[Entry]] = {}
        self._free: set[int] = set()
        self._moving: set[Any] = set()
        self._given: dict[Any, list[Any]] = {}
        self._traced = 0
        self._missed = 0
        self._shapes: list[Any] = []
        self._last_key: Any = None
        self._strict = strict
        self._refused = 0
        self._eager: str | None = None
        self._told = False
        self._ran: Ran | None = None
        self._name = ""
        self._latest: tuple[Callable[[tuple[Any, ...]], bool], Entry] | None = None
        self._module = hasattr(self.function, "named_modules")
        functools.update_wrapper(self, function, updated=())

    # A compiled Module is a Module still: it has the attributes of the one inside, whose state it shares.

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.function) if self.__dict__.get("_module") else CompiledFunction

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not self.__dict__.get("_module"):
            raise AttributeError(f"a compiled function has no attribute {name!r}", name=name, obj=self)
        return getattr(self.function, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_module") and not name.startswith("__") and name not in self.__dict__:
            setattr(self.function, name, value)
        else:
            object.__setattr__(self, name, value)

    def _wants_gradient(self, args: tuple[Any, ...]) -> bool:
        """Whether a backward may come through the output of a compiled Module."""
        if any(a.requires_grad for a in args if isinstance(a, Tensor)):
            return True
        return any(p.requires_grad for p in self.function.parameters())  # type: ignore[attr-defined]

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> CompiledFunction:
        """As a method: each instance has a compiled function of its own, made when it is first asked for."""
        if instance is None:
            return self
        own = getattr(instance, "__dict__", None)
        # Not under the method's own name: super() finds another of that name, and a copy of the instance
        # another instance.
        key = f"_compiled_{id(self)}"
        method = types.MethodType(self.function, instance)
        bound = None if own is None else own.get(key)
        if bound is None or bound.function.__self__ is not instance or bound.function != method:
            bound = CompiledFunction(method, self.mode, self._strict)
            if own is not None:
                own[key] = bound
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction:
        return CompiledFunction(copy.deepcopy(self.function, memo), self.mode, self._strict)

    def __reduce__(self) -> Any:
        module, name = (getattr(self, part, "") for part in ("__module__", "__qualname__"))
        if getattr(sys.modules.get(module), name, None) is self:
            return name  # a decorated function: found again by its name, as functions are
        return CompiledFunction, (self.function, self.mode, self._strict)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if self.mode == "off" or state.run is not None or self._eager is not None:
            # A part of another traced function; or eager, because anomalies are looked for, or for good.
            return self.function(*args, **options)
        if self._module and state.grad_enabled and self._wants_gradient(args):
            self._warn_of_gradients()
            return self.function(*args, **options)
        latest = self._latest
        if latest is not None and not options and latest[0](args):
            entry = latest[1]
            if not entry.reads_numbers:
                if entry.guards.hold():
                    return entry.call(args)  # type: ignore[arg-type]
            elif (ready := entry.ready()) is not None:
                return entry.call(args, ready)  # type: ignore[arg-type]
        flat = flatten(args, options, self._free)
        try:
            entry, ready, flat = self._entry(flat, args, options)
        except UnseenError as error:
            return self._as_python(error, args, options)
        if not options and all(a.__class__ is Tensor and a.node is None for a in args):
            self._latest = entry.like(args), entry
        return entry.call(flat.tensors, ready)

    def entry(self, *args: Any) -> Entry:
        """The program that a call with these arguments would run, traced and compiled if it is a new one."""
        return self._entry(flatten(args, {}, self._free), args, {})[0]

    def _entry(self, flat: Flat, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Entry, Any, Flat]:
        """The program that applies now, an earlier one or a new one; what its numbers are; the arguments."""
        found = self._known(flat)
        if found is None:
            with tracing:
                if self._note_numbers(args, options):
                    flat = flatten(args, options, self._free)
                found = self._known(flat) or self._make(flat)
        return *found, flat

    def _known(self, flat: Flat) -> tuple[Entry, Any] | None:
        """An earlier program that applies. What was used last is looked at first."""
        entries = self._entries.get((flat.key, state.grad_enabled, default.dtype, lower_dtype()), ())
        for entry in reversed(entries):
            ready = entry.ready(flat.numbers)
            if ready is not None:
                entry.used = next(_clock)
                self._missed = 0
                return entry, ready
        return None

    def _make(self, flat: Flat) -> tuple[Entry, Any]:
        """A new program."""
        entries = self._entries.setdefault((flat.key, state.grad_enabled, default.dtype, lower_dtype()), [])
        shapes = [(t.array.shape, t.array.dtype) for t in flat.tensors]
        again = shapes == self._shapes
        # A new program for arguments of the same shapes, once more: an object is made for each call, say.
        self._missed = self._missed + 1 if again else 0
        why = _what_changed(entries, flat, self._last_key if again else None)
        self._shapes, self._last_key = shapes, flat.key
        for entry in entries:
            self._moving |= entry.moving | entry.guards.moved()
        if len(entries) >= MANY or self._missed >= MOST:
            raise UnseenError(f"is traced and compiled again and again. What changed last: {why}")
        self._warn_of_many(why)
        entry = Entry(self.function, self.mode, flat, self._moving, self._ran)
        self._moving |= entry.moving
        ready = entry.ready(flat.numbers)
        if ready is None:
            raise UnseenError("changes what it can read while it is compiled", passing=True)
        entry.used = next(_clock)
        entries.append(entry)
        self._forget()
        return entry, ready

    def _forget(self) -> None:
        """Let go of the program that was used longest ago, where there are too many."""
        kept = [(entry.used, key) for key, group in self._entries.items() for entry in group]
        if len(kept) > MOST:
            used, key = min(kept, key=lambda pair: pair[0])
            self._entries[key] = [e for e in self._entries[key] if e.used != used]
            if not self._entries[key]:
                del self._entries[key]

    def _note_numbers(self, args: tuple[Any, ...], options: dict[str, Any]) -> bool:
        """Numbers among the arguments that were others the last time are read in each call from now on;
        gives whether there are new ones."""
        all_numbers = flatten(args, options, Everything())
        before = self._given.get(all_numbers.key)
        self._given[all_numbers.key] = now = all_numbers.numbers
        if before is None:
            return False
        moved = {i for i, (a, b) in enumerate(zip(before, now, strict=True), 1) if not same(a, b)}
        new = moved - self._free
        self._free |= new
        return bool(new)

    def _as_python(self, error: UnseenError, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """A call that has to run as Python. Where nobody knows yet what it reads, that is noted."""
        if not error.early:
            self._refuse(error)
            return self.function(*args, **options)
        ran = Ran()
        undo = Undo(ran.end, failed=False)
        with undo, undo, undo:
            ran.begin()
            found = self.function(*args, **options)
        if not ran.complete:
            self._refuse(error)
        self._ran = ran
        return found

    def _refuse(self, error: UnseenError) -> None:
        """Note that a call has to run as Python, and when that becomes the rule."""
        self._refused += 1
        if error.passing and self._refused < PATIENCE:
            return  # it made something ready, perhaps, and finds it ready the next time
        if self._strict:
            raise error
        self._eager = error.reason
        warn(f"{self!r} runs eager from now on, not compiled: it {error.reason}.")

    def _warn_of_gradients(self) -> None:
        if not self._told:
            self._told = True
            warn(
                f"{self!r} runs eager where gradients are wanted, so that backward() reaches its parameters. "
                "Under rl.no_grad() it runs compiled; to train, compile the whole step."
            )

    def _warn_of_many(self, why: str) -> None:
        """Tracing takes much longer than a call: say when it happens again and again, and why."""
        self._traced += 1
        if self._traced == MANY + 1:
            warn(
                f"{self!r} is traced and compiled again and again, for the {self._traced}th time now. What "
                f"changed last: {why}. Pass what changes as a tensor: a number as one without axes, what has "
                "many shapes padded to one."
            )

    def scan(self, *sources: Any, index: Any = None) -> Any:
        """Many calls in one: each argument is a stack of batches, and so is each result.

        sources  tensors of shape (steps, ...), whose items are the arguments of one call each; or with
        index    integers of shape (steps, batch): tensors of shape (samples, ...), of which each call
                 gets the rows that its line of the index names.

        Arrays of NumPy will do as well.

        Raises ShapeError when the sources do not fit together and for no steps, IndexingError for an index
        outside them. When a step fails, all are taken back.

        >>> import rushlight as rl
        >>> from rushlight.compile.function import compile
        >>> total = rl.zeros(2)
        >>> @compile
        ... def add(x):
        ...     total.add_(x)
        ...     return total.sum()
        >>> add.scan(rl.ones(3, 2)), total
        (tensor([2., 4., 6.]), tensor([3., 3.]))
        """
        sources = tuple([as_tensor(source) for source in sources])
        index = None if index is None else as_tensor(index)
        steps = check_scan(sources, index)
        if not steps:
            raise ShapeError(message("scan", "no steps", "at least one", "Leave the call out."))
        if self.mode == "off" or state.tracing or self._eager is not None:
            return one_by_one(self.function, sources, index, steps)
        first = tuple(item(t, index, 0) for t in sources)
        try:
            entry, ready, _ = self._entry(flatten(first, {}, self._free), first, {})
        except UnseenError as error:
            if not error.early:
                self._refuse(error)
                return one_by_one(self.function, sources, index, steps)
            return one_by_one(self, sources, index, steps)
        if entry.steps_apart:
            return one_by_one(self, sources, index, steps)
        return entry.scan(list(sources), index, steps, ready)

    def explain(self) -> Explanation:
        """The kernels of the program that ran last: their work, their times, and how near they come to the
        machine's limits. Printed it is a table. It runs the program many times, on copies of its data.

        Raises NotSupportedError where there is no program: before the first call, or in other modes.

        >>> import rushlight as rl
        >>> from rushlight.compile.function import compile
        >>> double = compile(lambda x: 2 * x)
        >>> double(rl.ones(3))
        tensor([2., 2., 2.])
        >>> [row.name for row in double.explain().kernels]
        ['mul']
        """
        from rushlight.compile.explain.table import explain

        return explain(self._explained())

    def stages(self) -> dict[str, str]:
        """What each stage of the compiler made of the program that ran last, as text.

        The keys are "graph" (as traced), "simplified", "kernels" (that graph cut into loops, with rows fused
        and layouts chosen), "memory" (where every value lives), "llvm" (as written), "optimized" (after
        LLVM's passes) and "assembly".

        >>> import rushlight as rl
        >>> from rushlight.compile.function import compile
        >>> double = compile(lambda x: 2 * x)
        >>> double(rl.ones(3))
        tensor([2., 2., 2.])
        >>> print(double.stages()["kernels"])  # doctest: +ELLIPSIS
        k0: map over [3]; 1 part; function ...
            read %in0: float32[3], strides [1]
            %0 = mul(%in0, 2)
            write %0: float32[3], strides [1]
        """
        from rushlight.compile.explain.stages import stages

        return stages(self._explained())

    def _explained(self) -> Entry:
        entries = [e for group in self._entries.values() for e in group]
        entry = self._latest[1] if self._latest is not None else entries[-1] if entries else None
        if entry is None and self._eager is not None:
            got = f"{self!r}, which runs eager: it {self._eager}"
            raise NotSupportedError(message("explain", got, "a function that is compiled"))
        if entry is None or entry.program is None:
            compiles = self.mode in ("full", "nofuse")
            raise NotSupportedError(
                message(
                    "explain",
                    f"{self!r} without a compiled program",
                    'a function that has run in the mode "full" or "nofuse"',
                    "Call it once before." if compiles else "Compile it in one of these.",
                )
            )
        return entry

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"<compiled {name}, mode {self.mode!r}>"


def compile(
    function: Callable[..., Any] | None = None, *, mode: str | None = None, strict: bool = False
) -> Any:
    """`function` as native code; `rl.compile` says all about it. With `strict` what has to run as Python is
    an error, for callers that do that themselves."""
    if function is None:
        return lambda f: compile(f, mode=mode, strict=strict)
    named = os.environ.get("RUSHLIGHT_COMPILE")
    chosen = named or mode or "full"
    if chosen not in MODES:
        got = f"RUSHLIGHT_COMPILE={named!r} in the environment" if named else f"mode={chosen!r}"
        raise ArgumentError(message("compile", got, f"one of {', '.join(MODES)}"))
    if not callable(function):
        raise DTypeError(message("compile", f"a {type(function).__name__}", "a function or a Module"))
    if chosen in ("full", "nofuse") and not host.available():
        raise host.missing()
    return CompiledFunction(function, chosen, strict)


_told: list[str] = []
PYTORCH_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def pass_over(mode: str | None, others: dict[str, Any]) -> str | None:
    """The mode that PyTorch's mode and options ask for: they choose in a compiler that is not this one, of
    which the first program that uses them is told."""
    given = [f"{name}={value!r}" for name, value in others.items() if value]
    if mode in PYTORCH_MODES:
        given.append(f"mode={mode!r}")
        mode = None
    if given and not _told:
        _told.extend(given)
        warn(f"compile passes over {', '.join(given)}: these choose in PyTorch's compiler.")
    return mode


def _what_changed(entries: list[Entry], flat: Flat, last: Any) -> str:
    """Why none of the programs for such arguments applies, in words. `last`: the key of the newest, if it is
    for arguments of these shapes."""
    if not entries:
        if last is not None and (found := difference(flat.key, last)):
            return f"an argument: {found}"
        shapes = ", ".join(str(tuple(t.shape)) for t in flat.tensors[:4])
        more = ", ..." if len(flat.tensors) > 4 else ""
        return f"the shapes ({shapes}{more} now), dtypes or numbers of the arguments"
    if entries[-1].reads_numbers and entries[-1].guards.hold():
        return "a number that decides a shape, a range() or an if, or that an operation takes as it is"
    return entries[-1].guards.broken()
