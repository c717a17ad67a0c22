"""The state of one thread: is the graph being recorded, and who computes."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, TypeVar

from rushlight.errors import NotSupportedError, message

__all__ = [
    "add_final",
    "asking_nobody",
    "asking_once",
    "changes",
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "made_ready",
    "no_grad",
    "outside_only",
    "set_grad_enabled",
    "state",
    "untraced",
]

F = TypeVar("F", bound=Callable[..., Any])


MAKERS: set[Any] = set()
"""The code of functions that make something once, when it is first asked for: what they run is no part of the
program that asked."""

READERS: set[Any] = set()
"""The code of functions, ours or NumPy's, that read files: what they give may be another the next time."""


class State(threading.local):
    """Class attributes are every thread's defaults."""

    grad_enabled: bool = True
    run: Callable[..., Any] | None = None
    """Takes (op, inputs, attrs) and gives the array in NumPy's place: a tracer, or the anomaly detector."""
    write: Callable[..., None] | None = None
    """Takes (target, array) for an in-place update while tracing."""
    rebind: Callable[..., None] | None = None
    """While tracing: takes (tensor, another) before `tensor.data = another`."""
    copy: Callable[..., Any] | None = None
    """While tracing: takes a tensor, and gives what stands for a copy of its array."""
    look: Callable[..., None] | None = None
    """While tracing: takes (tensor, word) before somebody looks at the tensor's numbers."""
    shares: Callable[..., None] | None = None
    """While tracing: takes a tensor that is a view of what it was made of, whatever the layout of that."""
    owns: Callable[..., bool] | None = None
    """While tracing: whether a tensor is one that the traced function made, which nobody else sees."""
    tracing: bool = False
    """Whether arrays are placeholders without numbers, so that nobody may look at values."""
    grads: Any = None
    """While tracing: what ``get(tensor)`` and ``set(tensor, grad)`` are asked in the place of `.grad`."""
    body: Callable[..., Any] | None = None
    """While tracing: takes (function, specs, what of it the user wrote) and gives (graph, what it reads
    besides), or None where a loop cannot run it."""
    hooked: Callable[[], None] | None = None
    """While tracing: called before a tensor gets a hook, and before a module's hooks are called."""
    sought: Callable[..., None] | None = None
    """While tracing: takes (nodes to begin at, nodes whose gradients are wanted) before a backward."""
    changed: Callable[..., None] | None = None
    """While tracing: takes (a module, tensor or optimiser's state, a name, what it had under that) after a
    change of it."""
    refused: list[Exception] | None = None
    """While tracing: the errors for what cannot be followed, also those that the program caught."""
    cast: Any = None
    """The autocast that is entered (`core/autocast.py`)."""
    inference: bool = False
    """Whether the innermost `inference_mode` is on."""
    origin: Callable[[], Any] | None = None
    """Called for every recorded node, to remember where the user created it."""
    finals: list[Callable[[], None]] | None = None
    """While gradients are accumulated: what is to be called when all of them are there (`add_final`)."""
    answers: dict[Any, Any] | Literal[False] | None = None
    """Where a step is computed several times: what other processes answered the first time, by the number of
    the question (`asking_once`). False: they are not asked (`asking_nobody`)."""
    backward_of: Any = None
    """The node whose derivative is being computed."""
    modules: tuple[str, ...] = ()
    """Names of the modules whose forward is running, outermost first; kept only while `origin` is set."""


state = State()


def outside_only(op: str, got: str, remedy: str) -> None:
    """Raise NotSupportedError in a function that is being traced: this looks at numbers."""
    if state.tracing:
        error = NotSupportedError(message(op, f"{got} inside a compiled function", "it outside", remedy))
        if state.refused is not None:
            state.refused.append(error)
        raise error


def add_final(final: Callable[[], None]) -> None:
    """In a hook of a backward that accumulates gradients: call `final` once when all of them are there."""
    if state.finals is not None and final not in state.finals:
        state.finals.append(final)


class asking_once:
    """For the length of a ``with`` operations that speak with other processes do so once for each question,
    however often the step is computed: the others compute it as often as they think fit. Entered three times,
    ``with asked, asked, asked:``, it ends whatever signals come (see `core/atomic.py`)."""

    def __init__(self) -> None:
        self._before = state.answers

    def __enter__(self) -> None:
        state.answers = {}

    def __exit__(self, *error: object) -> None:
        state.answers = self._before


class asking_nobody(asking_once):
    """The same, where the others do not compute the step: what this process has stands for the answer."""

    def __enter__(self) -> None:
        state.answers = False


class Changes:
    """How often an attribute of any module was set, or a tensor asked to require grad or not.

    A compiled program that took such things for granted looks at the count, and only if it has moved at each.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def note(self, owner: Any, name: str, before: Any) -> None:
        """Count a change of what `owner` has under a name."""
        self.count += 1
        if state.changed is not None and state.tracing:
            state.changed(owner, name, before)


changes = Changes()


class untraced:
    """Compute at once, also while tracing: for state that is to exist before the traced program runs.

    Not a generator: one that an exception left behind would be closed later, and then go back to tracing.
    """

    _hooks = ("run", "write", "rebind", "copy", "look", "shares", "owns", "body", "hooked", "sought")

    def __enter__(self) -> None:
        self._before = {name: getattr(state, name) for name in (*self._hooks, "tracing")}
        for name in self._hooks:
            setattr(state, name, None)
        state.tracing = False

    def __exit__(self, *error: object) -> None:
        for name, value in self._before.items():
            setattr(state, name, value)


def made_ready(inside: bool) -> Any:
    """`untraced`, for state; but not for that of what a traced function itself makes (`inside`): each
    call makes that anew."""
    return contextlib.nullcontext() if inside else untraced()


class set_grad_enabled:
    """Record the graph or not, as a context manager, a decorator, or at once.

    >>> import rushlight as rl
    >>> x = rl.ones(2, requires_grad=True)
    >>> with rl.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self._before: list[bool] = [state.grad_enabled]
        self.mode = bool(mode)
        state.grad_enabled = self.mode

    def __enter__(self) -> None:
        state.grad_enabled = self.mode

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        state.grad_enabled = self._before[-1]

    def __call__(self, function: F) -> F:
        state.grad_enabled = self._before[-1]
        return _in_mode(self.mode, function)

    def __repr__(self) -> str:
        return f"set_grad_enabled({self.mode})"


def _in_mode(mode: bool, function: F) -> F:
    """`function`, run with the graph recorded or not."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        before, state.grad_enabled = state.grad_enabled, mode
        try:
            return function(*args, **kwargs)
        finally:
            state.grad_enabled = before

    return wrapped  # type: ignore[return-value]


class _GradMode:
    """A context manager and decorator that sets whether the graph is recorded."""

    mode: bool
    _before: list[bool]

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """`@no_grad` without parentheses decorates at once."""
        self = super().__new__(cls)
        self._before = []
        return self if function is None else self(function)

    def __enter__(self) -> None:
        self._before.append(state.grad_enabled)
        state.grad_enabled = self.mode

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        state.grad_enabled = self._before.pop()

    def __call__(self, function: F) -> F:
        return _in_mode(self.mode, function)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class no_grad(_GradMode):
    """Do not record the graph: for inference and for updates of parameters.

    >>> import rushlight as rl
    >>> x = rl.ones(2, requires_grad=True)
    >>> with rl.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    mode = False


class enable_grad(_GradMode):
    """Record the graph again, inside `no_grad`.

    >>> import rushlight as rl
    >>> x = rl.ones(2, requires_grad=True)
    >>> with rl.no_grad(), rl.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    mode = True


def is_grad_enabled() -> bool:
    """Whether the graph is being recorded in this thread."""
    return state.grad_enabled


class inference_mode(_GradMode):
    """`no_grad` under PyTorch's newer name; with False, what `enable_grad` is. A tensor made inside is a
    tensor like any other: it may be part of a graph later.

    >>> import rushlight as rl
    >>> x = rl.ones(2, requires_grad=True)
    >>> with rl.inference_mode():
    ...     (x * 2).requires_grad, rl.is_inference_mode_enabled()
    (False, True)
    """

    def __new__(cls, mode: Any = True) -> Any:
        """`@inference_mode` without parentheses decorates at once."""
        self = object.__new__(cls)
        self._before, self._outer = [], []
        self.mode = not mode if isinstance(mode, bool) else False
        return self(mode) if callable(mode) else self

    def __init__(self, mode: Any = True) -> None:
        self._outer: list[bool]

    def __enter__(self) -> None:
        super().__enter__()
        self._outer.append(state.inference)
        state.inference = not self.mode

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        state.inference = self._outer.pop()
        super().__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


def is_inference_mode_enabled() -> bool:
    """Whether the program is inside `inference_mode`."""
    return state.inference
