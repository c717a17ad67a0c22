"""One recording of a function: its graph, and the guards of all that its Python code could read.

A program may stand for a call only where Python code would do the same again. So what the code changed
besides tensors, and what it asked of the world outside, is looked at after the trace.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Any

from rushlight.compile.capture.arguments import Flat, things_in
from rushlight.compile.capture.guards import DEFAULTS, Guards, moved
from rushlight.compile.capture.makes import same
from rushlight.compile.capture.number import Number, Sheet, ThroughMath, is_number
from rushlight.compile.capture.placeholder import Placeholder, TraceError
from rushlight.compile.capture.ran import Ran
from rushlight.compile.capture.results import strange
from rushlight.compile.capture.snapshot import Handle, Snapshot, element, handles, memories
from rushlight.compile.capture.trace import REMEDY, KeptError, Traced, trace
from rushlight.compile.capture.visible import PASSING, Scope, look
from rushlight.core.atomic import Undo, at_once, struck
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.device import outside
from rushlight.errors import message

__all__ = ["Recorded", "UnseenError", "record"]

ATTEMPTS = 8


class UnseenError(TraceError):
    """The function depends on what no program can follow: it has to run as Python.

    passing  whether the next call may do better: the function changed something that it may have made ready.
    early    whether nothing ran yet: what the function can read, as far as one can see before it runs, cannot
             be put back.
    """

    def __init__(self, reason: str, passing: bool = False, early: bool = False) -> None:
        super().__init__(
            message("compile", f"a function that {reason}", "numbers from arguments, tensors and variables")
        )
        self.reason = reason
        self.passing = passing
        self.early = early


@dataclass(slots=True)
class Recorded:
    """What came of a recording.

    lines    the numbers that are read in each call: a function of them that gives the program's inputs and
             results, or None where the program does not apply; None where there are none.
    sources  where they are read, after those among the arguments.
    inputs   the tensors that hold the inputs.
    writes   what of the results the function writes, and where.
    moving   the keys of the places that they are read at.
    """

    traced: Traced
    guards: Guards
    lines: Callable[..., Any] | None = None
    sources: list[Callable[[], Any]] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    writes: list[tuple[Callable[[Any], None], int]] = field(default_factory=list)
    moving: set[Any] = field(default_factory=set)


def record(
    function: Callable[..., Any],
    flat: Flat,
    moving: set[Any],
    known: Ran | None = None,
) -> Recorded:
    """Trace `function` on the arguments of a call. The numbers at the places `moving`, and those that it
    changes itself, are read in each call. `known`: code that ran in earlier calls.

    Raises TraceError where it needs the numbers of tensors, and where it draws random numbers from elsewhere;
    UnseenError where it has to run as Python. Everything is then as it was.
    """
    things = list(things_in(list(flat.rebuild(flat.tensors, flat.numbers))))
    moving = set(moving)
    for _ in range(ATTEMPTS):
        attempt = _Attempt(function, flat, things, known, moving)
        undo = Undo(attempt.undo, failed=True)
        try:
            with undo, undo, undo:
                found = attempt.run()
        except UnseenError:
            raise
        except Exception as error:
            if not attempt.numbers() or struck(error):
                raise
            moving = NOTHING  # perhaps it was a number that could not be read anew
            continue
        if found is not None:
            return found
        attempt.undo()
        known = attempt.known()
        if moving is not NOTHING:
            moving |= attempt.moved
    raise UnseenError("reads something else whenever it runs")


NOTHING: Any = frozenset()


class _Attempt:
    """One try at a recording."""

    def __init__(self, function: Any, flat: Flat, things: list[Any], known: Ran | None, moving: Any) -> None:
        self.function, self.flat, self.things = function, flat, things
        self._known, self._may_move = known, moving is not NOTHING
        self.before = look(function, things, known)
        if self.before.opaque:
            reason = f"can read {self.before.opaque[0]}, which cannot be looked into"
            raise UnseenError(reason, early=known is None)
        if not self.before.apart_from(flat.containers()):
            raise UnseenError("is given a list, dict or dataclass that it reads from outside, too")
        self.guards, self.snapshot = Guards(self.before), Snapshot(self.before)
        self.luck = _Luck(self.before)
        self.ran = Ran()
        self.moved: set[Any] = set()
        self._noted: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        self._odd: set[int] = set()
        remembered = [m for o in self.before.optimizers.values() for m in memories(o)]
        self._there = {*self.before.modules, *map(id, self.before.parameters()), *map(id, remembered)}
        self.sheet = Sheet()
        self.given: list[Any] = [self.sheet.source(n) for n in flat.numbers]
        if not self._may_move:
            self.given = [n.settle() for n in self.given]
        self.handles = {
            k: h for k, h in _handles(self.before, moving).items() if type(h.get()) in (int, float)
        }

    def numbers(self) -> bool:
        """Whether there are numbers to be read in each call."""
        return self._may_move and bool(self.given or self.handles)

    def undo(self) -> None:
        """Make everything what it was."""
        self.sheet.open = False
        self.snapshot.restore()
        for owner, _, before in self._noted.values():
            if isinstance(owner, Tensor):
                owner.node = before
        self.snapshot.clear_caches(self.numbers())  # it may be a Number

    def known(self) -> Ran:
        """What code has run, now and before."""
        if self._known is not None:
            self.ran.add(self._known)
        return self.ran

    def run(self) -> Recorded | None:
        """The recording; None if another attempt can make it, knowing more."""
        traced, ends = self._trace()
        self.luck.refuse(self.ran)
        if self.ran.outside is not None:
            raise UnseenError(f"calls {self.ran.outside}", passing=self.ran.passing)
        if self.numbers() and self.ran.asks_types():
            raise TypeError("a Number is no float: the function has to be traced without")
        writes = self._writes(ends)
        after = look(self.function, self.things, self.ran if self.ran.complete else None)
        if after.opaque:
            raise UnseenError(f"can read {after.opaque[0]}, which cannot be looked into")
        if after.clocks and not self.ran.complete:
            raise UnseenError(f"may call {after.clocks[0]}(), which nobody hears beside a profiler")
        for found in strange(traced.result):
            if after.apart_from([id(found)]):
                raise UnseenError(f"returns an object of its own, a {type(found).__name__}")
        self._refuse_changes(after)
        if self.moved or after.places.keys() - self.before.places.keys():
            return None
        self.guards.take(after, self.handles)
        self.guards.watch_numbers(traced.looked_at)
        self.guards.watch(traced.lifted[len(self.flat.tensors) :], traced)
        if not (self.given or self.handles):
            return Recorded(traced, self.guards)
        lines = self.sheet.close()
        sources = [h.get for h in self.handles.values()]
        inputs = [t for t, _ in self.sheet.inputs]
        return Recorded(traced, self.guards, lines, sources, inputs, writes, set(self.handles))

    def _trace(self) -> tuple[Traced, dict[Any, Any]]:
        """The trace, and what it left at the places of numbers, which are then what they were."""
        held = {key: handle.get() for key, handle in self.handles.items()}
        self.sources = {key: self.sheet.source(value) for key, value in held.items()}
        watched: list[ThroughMath | Ran] = [ThroughMath(), self.ran] if self.numbers() else [self.ran]
        undo = Undo(lambda: at_once(methodcaller("end"), watched), failed=False)
        ends: dict[Any, Any] = {}
        try:
            for key, handle in self.handles.items():
                handle.put(self.sources[key])
            with undo, undo, undo:
                for each in watched:
                    each.begin()
                traced = trace(self._call, self.flat.tensors)
        except KeptError as error:
            raise UnseenError(f"{self._kept(error)}. {REMEDY.rstrip('.')}", passing=True) from None
        finally:
            for key, handle in self.handles.items():
                ends[key] = handle.get()
                if ends[key] is self.sources[key] or type(ends[key]) is Number:
                    handle.put(held[key])
        self._held = held
        return traced, ends

    def _call(self, *tensors: Any) -> Any:
        given, named = self.flat.rebuild(tensors, self.given, watch=True)
        assert state.run is not None
        state.run, state.changed = self.ran.aside(state.run), self._note
        records = state.grad_enabled
        found = self.function(*given, **named)
        self.ran.rest()
        if state.grad_enabled is not records:
            raise UnseenError("calls set_grad_enabled() for what comes after it")
        if (changed := self.flat.changed()) is not None:
            raise UnseenError(f"changes a {changed} that it is given")
        return found

    def _kept(self, error: KeptError) -> str:
        """What the function keeps, and where, in words."""
        scope = look(self.function, self.things, self.ran if self.ran.complete else None)
        modules = scope.modules.values()
        places = [(f"{type(m).__name__}.{name}", v) for m in modules for name, v in vars(m).items()]
        places += [(name, held) for _, name, held in scope.names]
        places += [(scope.called[id(c)], v) for c, _, held in scope.containers for v in held]
        kept = (name for name, v in places if isinstance(v, Tensor) and isinstance(v.array, Placeholder))
        where = next((f", in {name}" for name in kept), "")
        return f"keeps a tensor of shape {error.shape}, made at {error.line}{where}"

    def _writes(self, ends: dict[Any, Any]) -> list[tuple[Callable[[Any], None], int]]:
        """What the function writes to the places of numbers."""
        writes = []
        for key, end in ends.items():
            if end is self.sources[key]:
                continue
            if type(end) not in (int, float, bool, Number):
                raise UnseenError("makes of a number something else", passing=True)
            handle = self.handles[key]
            writes.append((handle.write or handle.put, self.sheet.result(end)))
            handle.put(self._held[key])
        return writes

    def _refuse_changes(self, after: Scope) -> None:
        """Raise UnseenError for what changed while tracing; note the numbers."""
        snapshot = self.snapshot
        if self._may_move:
            self.moved.update(snapshot.moved_options())
        options = () if self.moved else snapshot.changed_options()
        for changed in (*options, *snapshot.changed_attributes(), *self._changed(after)):
            raise UnseenError(f"changes {changed}: do that outside, between two calls", passing=True)
        containers = {id(c): c for c, _, _ in after.containers}
        for key, now in after.places.items():
            then = self.before.places.get(key, now)
            if same(then, now):
                continue
            if key in containers:
                found = moved(containers[key], then, now)
            else:
                found = [key] if is_number(then) and is_number(now) else None
            if found is None or not self._may_move:
                why = next(self.guards.differences(), "something that it can read")
                raise UnseenError(f"changes what it can read: {why}", passing=True)
            self.moved.update(found)

    def _note(self, owner: Any, name: str, then: Any) -> None:
        """Keep what a thing that was there had before its first change."""
        if id(owner) in self._there:
            self._noted.setdefault((id(owner), name), (owner, name, then))
            if isinstance(owner, Tensor):
                self._odd ^= {id(owner)}

    def _changed(self, after: Scope) -> Iterator[str]:
        """What the function changed of modules, tensors and optimisers' states, in words."""
        for optimizer in self.before.optimizers.values():
            for held in memories(optimizer):
                then = self.snapshot.held(held)
                kept = [k for k, v in held.items() if not isinstance(v, (Tensor, dict))]
                new = any(not same(held[k], then.get(k)) for k in kept)
                if new and id(held) not in self.before.places:
                    yield "what an optimiser remembers"
        for owner, name, then in self._noted.values():
            if isinstance(owner, Tensor):
                if id(owner) in self._odd:  # it was switched, and not switched back
                    yield f"requires_grad of a tensor of shape {tuple(owner.shape)}"
            elif id(owner) not in self.before.modules:
                if id(owner) in self.before.places:
                    continue  # with numbers in it, which are looked at one by one
                yield "what an optimiser remembers"
            elif name not in PASSING and (id(vars(owner)), name) not in after.places:
                default = DEFAULTS.get(name)
                if not same(vars(owner).get(name, default), default if then is None else then):
                    yield f"{type(owner).__name__}.{name}"


def _handles(scope: Scope, moving: Any) -> dict[Any, Handle]:
    """Those of the places that are there."""
    if not moving:
        return {}
    known = handles(scope)
    found = {key: known[key] for key in moving if key in known}
    for optimizer in scope.optimizers.values():
        for group in optimizer.param_groups:
            for name in [k[2] for k in moving if type(k) is tuple and k[:2] == (id(group), "option")]:
                found[id(group), "option", name] = Handle(
                    functools.partial(dict.get, group, name),
                    functools.partial(dict.__setitem__, group, name),
                    functools.partial(group.__setitem__, name),
                )
    for container, _, _ in scope.containers:
        for key in moving:
            if type(key) is tuple and len(key) == 3 and key[0] == id(container):
                with contextlib.suppress(LookupError):
                    handle = element(container, key[2])
                    handle.get()
                    found[key] = handle
    return found


class _Luck:
    """Random generators outside Rushlight, and their states before the trace."""

    def __init__(self, scope: Scope) -> None:
        self._reached = [(g, _state(g)) for g in scope.generators]
        self._common = [(g, _state(g)) for g in (random._inst, outside.global_random())]

    def refuse(self, ran: Ran) -> None:
        """Raise TraceError where one was drawn from, and put it back."""
        for generator, then in self._reached:
            self._check(generator, then, ran)
        for generator, then in self._common:
            # Other threads may draw from these: somebody has to have named a method.
            if ran.words is None or ran.words.intersection(dir(generator)):
                self._check(generator, then, ran)

    def _check(self, generator: Any, then: Any, ran: Ran) -> None:
        if _state(generator) == then:
            return
        if isinstance(generator, random.Random):
            generator.setstate(then)
        else:
            outside.set_random_state(generator, then)
        module = "random" if isinstance(generator, random.Random) else "numpy.random"
        line = ran.line_of(dir(generator))
        raise TraceError(
            message(
                "compile",
                f"a function that draws random numbers from {module}{f', at {line}' if line else ''}",
                "random numbers of Rushlight's, which are drawn anew in each call",
                "Use rl.rand, rl.randn or rl.randint in the function, or pass the numbers as a tensor.",
            )
        )


def _state(generator: Any) -> Any:
    return generator.getstate() if isinstance(generator, random.Random) else outside.random_state(generator)
