"""What the interpreter tells of running code: which code begins, and which function it calls.

Python 3.12 and later tell it by `sys.monitoring`, once for each place; earlier ones by `sys.setprofile`, at
every call and return, which costs more than tracing itself. There, listening rests while Rushlight's own ops
are written down.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.capture.words import is_own_code
from rushlight.core.op import REGISTRY, Op
from rushlight.core.state import MAKERS

__all__ = ["Listener", "listener"]

Begun = Callable[[Any], None]
Called = Callable[[Any, Any], None]


class Listener:
    """Has ``begun(frame)`` called when a code object begins to run for the first time in this thread, and
    ``called(frame, function)`` when code calls one of the functions `sought`, which are not Python's. What a
    module does when it is loaded, it does once, and so do MAKERS: that is left out."""

    def __init__(self, begun: Begun, called: Called, sought: frozenset[Any]) -> None:
        self._begun, self._called, self._sought = begun, called, sought
        self._once: Any = None
        """The frame of what runs once, while it does."""
        self._hears = False

    def start(self) -> bool:
        """Begin to listen; False where somebody else does who would not hear any more, and where Python tells
        nothing: in what a debugger or a profiler runs while it is called itself."""
        if not self._begin():
            return False
        _sound()
        if not self._hears:
            self.stop()
        return self._hears

    def stop(self) -> bool:
        """Listen no more; gives whether all was heard until now."""
        raise NotImplementedError

    def _begin(self) -> bool:
        raise NotImplementedError

    def _seeks(self, what: Any) -> bool:
        """Whether a function is one of those sought, or the same method of a class below its own."""
        if what in self._sought:
            return True
        owner = getattr(what, "__self__", None)
        if not isinstance(owner, type):
            return False
        return any(getattr(base, what.__name__, None) in self._sought for base in owner.__mro__[1:-1])

    def aside(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """``run(op, inputs, attrs)``, which is not listened to for ops and tensors of Rushlight's own."""
        return run


def _sound() -> None:
    """What a listener hears first."""


_SOUND = _sound.__code__


def _runs_once(code: Any) -> bool:
    return code in MAKERS or code.co_filename.startswith("<frozen importlib")


class Profile(Listener):
    """Listens by `sys.setprofile`."""

    def __init__(self, begun: Begun, called: Called, sought: frozenset[Any]) -> None:
        super().__init__(begun, called, sought)
        self._seen: set[Any] = set()
        self._on = False
        self._whole = True
        self._hook = self._note
        self._ops: dict[Op, bool] = {}
        self._classes: set[type] = set()

    def _begin(self) -> bool:
        if sys.getprofile() is not None:
            return False
        self._on = True
        sys.setprofile(self._hook)
        return True

    def stop(self) -> bool:
        """Listen no more; a profiler that took the place in the meantime keeps it."""
        if self._on:
            if sys.getprofile() is self._hook:
                sys.setprofile(None)
            else:
                self._whole = False
            self._on = False
        return self._whole

    def aside(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """`run`, not listened to where it runs no code but Rushlight's own."""
        ops, classes = self._ops, self._classes

        def unheard(op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
            # Loops and tests in place of calls: each call is an event more.
            own = self._on and (ops[op] if op in ops else self._is_own(op))
            if own:
                for given in inputs:
                    if given.__class__ not in classes and not self._is_known(type(given)):
                        own = False
            if not own:
                return run(op, inputs, attrs)
            if sys.getprofile() is not self._hook:
                self._whole = self._on = False  # the program brought a profiler of its own
                return run(op, inputs, attrs)
            sys.setprofile(None)
            self._on = False
            try:
                return run(op, inputs, attrs)
            finally:
                self._on = True
                sys.setprofile(self._hook)

        return unheard

    def _is_own(self, op: Op) -> bool:
        parts = (op.formula, op.infer, op.decompose, op.put)
        own = REGISTRY.get(op.name) is op and all(map(_is_own_part, parts))
        self._ops[op] = own
        return own

    def _is_known(self, kind: type) -> bool:
        known = kind.__module__.split(".")[0] in ("rushlight", "numpy", "builtins")
        if known:
            self._classes.add(kind)
        return known

    def _note(self, frame: Any, event: str, what: Any) -> None:
        if self._once is not None:
            if event == "return" and frame is self._once:
                self._once = None
            return
        if event == "call":
            code = frame.f_code
            if code in self._seen:
                return
            if code is _SOUND:
                self._hears = True
            elif _runs_once(code):
                self._once = frame
            else:
                self._seen.add(code)
                self._begun(frame)
        elif event == "c_call" and self._seeks(what):
            self._called(frame, what)


def _is_own_part(function: Any) -> bool:
    """Whether a function of an op's is Rushlight's, or None; others' may be objects of any kind."""
    while type(function) is functools.partial:
        function = function.func
    return function is None or is_own_code(getattr(function, "__globals__", {}))


class Monitor(Listener):
    """Listens by `sys.monitoring`, which leaves out what it was told to."""

    def __init__(self, begun: Begun, called: Called, sought: frozenset[Any], tool: int) -> None:
        super().__init__(begun, called, sought)
        self._tool, self._name = tool, f"rushlight {id(self):x}"
        self._thread = threading.get_ident()

    def _begin(self) -> bool:
        try:
            _monitoring.use_tool_id(self._tool, self._name)
        except ValueError:  # another thread's, since `listener` looked
            return False
        self._register(self._start, self._call, self._return)
        self._ask()
        _monitoring.restart_events()
        return True

    def stop(self) -> bool:
        """Listen no more."""
        if _monitoring.get_tool(self._tool) == self._name:
            _monitoring.set_events(self._tool, 0)
            self._register(None, None, None)
            _monitoring.free_tool_id(self._tool)
        return True

    def _register(self, start: Any, call: Any, end: Any) -> None:
        events = _monitoring.events
        for event in (events.PY_START, events.PY_RESUME, events.PY_THROW):
            _monitoring.register_callback(self._tool, event, start)
        _monitoring.register_callback(self._tool, events.CALL, call)
        for event in (events.PY_RETURN, events.PY_UNWIND):
            _monitoring.register_callback(self._tool, event, end)

    def _ask(self) -> None:
        """Ask for calls; while something runs that is left out, for the end of it."""
        events = _monitoring.events
        wanted = events.PY_START | events.PY_RESUME | events.PY_THROW | events.CALL
        if self._once is not None:
            wanted = events.PY_RETURN | events.PY_UNWIND
        _monitoring.set_events(self._tool, wanted)

    def _start(self, code: Any, offset: int, *thrown: Any) -> Any:
        if self._once is not None or threading.get_ident() != self._thread:
            return None
        frame = sys._getframe(1)
        if code is _SOUND:
            self._hears = True
            return None
        if _runs_once(code):
            self._once = frame
            self._ask()
            return None
        self._begun(frame)
        return None if thrown else _monitoring.DISABLE  # which an exception cannot be

    def _call(self, code: Any, offset: int, what: Any, first: Any) -> Any:
        if self._once is not None or threading.get_ident() != self._thread:
            return None
        frame = sys._getframe(1)
        if is_own_code(frame.f_globals):
            return _monitoring.DISABLE
        if type(what) is types.BuiltinFunctionType and self._seeks(what):
            self._called(frame, what)
        return None

    def _return(self, code: Any, offset: int, what: Any) -> None:
        if self._once is not None and sys._getframe(1) is self._once:
            self._once = None
            self._ask()


_monitoring: Any = getattr(sys, "monitoring", None)


def listener(begun: Begun, called: Called, sought: frozenset[Any]) -> Listener:
    """What listens in this Python, and calls these."""
    for tool in (4, 3) if _monitoring is not None else ():  # the numbers that no kind of tool has of its own
        if _monitoring.get_tool(tool) is None:
            return Monitor(begun, called, sought, tool)
    return Profile(begun, called, sought)
