"""Tensor and Parameter: an array of numbers that knows how it came about.

The operations are in `rushlight.ops`, which attaches them here as operators and methods (`method`).
"""

from __future__ import annotations

import importlib
import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from rushlight.core.hooks import RemovableHandle
from rushlight.core.placement import CPU, device
from rushlight.core.size import Size, size_of
from rushlight.core.spec import Spec, as_dtype, default, normalize_axis
from rushlight.core.state import changes, state
from rushlight.device import xp
from rushlight.errors import (
    ArgumentError,
    DTypeError,
    GradError,
    NotSupportedError,
    in_pytorch,
    message,
    not_here,
)

if TYPE_CHECKING:
    from rushlight.core.graph import Leaf, Node
    from rushlight.core.op import Op
    from rushlight.core.views import Views

__all__ = [
    "Parameter",
    "Tensor",
    "attribute",
    "base_of",
    "check_dtype",
    "clock",
    "method",
    "methods_later",
    "wrap",
]

F = TypeVar("F", bound=Callable[..., Any])

INVALID = "invalid"
"""The name of the node of a view whose history was lost."""

clock = itertools.count(1)
"""Orders all that happens to tensors: nodes by when they were recorded, writes by when they overwrote."""


class Tensor:
    """An n-dimensional array with a derivative.

    Made by `rl.tensor`, `rl.zeros`, ... and by operations on tensors.

    array          the device's array (NumPy's).
    node           where the gradient goes: a `Leaf` if the tensor was asked to require grad, a `Node` if it
                   is the result of operations on such tensors, None for plain data.
    grad           the gradient that `backward` accumulated, or None.

    Of a tensor that shares memory with others, `_base` is the one whose memory it is. A view has in `_view`
    the tensor it looks at and the op that made it, and is known there (`_views`), so that an in-place update
    of one gives all their new history (`core/views.py`); `detach()` shares memory alone; where a
    traced function called it, `_inside` is of what. `_users` are the compiled programs that use the gradient
    up, `_emptied` is when it was last set to None (by `clock`).

    >>> import rushlight as rl
    >>> x = rl.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    # Class attributes are the defaults, so that making a tensor writes one attribute: the array.
    array: Any
    node: Node | Leaf | None = None
    _grad: Tensor | None = None
    _base: Tensor | None = None
    _view: tuple[Tensor, Op, dict[str, Any]] | None = None
    _views: Views | None = None
    _sealed: str | None = None
    _written: int = 0
    _retains_grad: bool = False
    _inside: Tensor | None = None
    _users: tuple[Any, ...] = ()
    _emptied: int = 0
    _after_grad: tuple[Callable[[Any], None], ...] = ()

    # NumPy leaves `array * tensor` to the tensor's own reflected operator.
    __array_priority__ = 1000

    # Facts

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated, or None."""
        return self._grad if state.grads is None else state.grads.get(self)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            own = self.array
            try:
                fits = value.array.shape == own.shape and value.array.dtype == own.dtype
            except NotSupportedError:  # a sparse one has no array
                fits = value.spec == self.spec
            if not fits:
                got = f"a .grad that is {value.spec}"
                raise GradError(message("grad", got, f"{self.spec}, as the tensor is"))
        if state.grads is None:
            self._grad = value
            if value is None and self._users:
                self._emptied = next(clock)
        else:
            state.grads.set(self, value)

    @property
    def shape(self) -> Size:
        """The sizes of the axes."""
        return size_of(self.array.shape)

    @property
    def dtype(self) -> Any:
        """The type of the elements, a NumPy dtype; or `rl.bfloat16`, which NumPy does not have."""
        dtype = self.array.dtype
        return dtype if dtype.kind != "V" else xp.bfloat16

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self.array.ndim

    @property
    def spec(self) -> Spec:
        """Shape and dtype together."""
        return Spec(self.array.shape, self.array.dtype)

    @property
    def device(self) -> device:
        """Where the array lives; only the CPU so far."""
        return CPU

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor is data or was made by the user, not by a recorded operation."""
        return self.node is None or self.node.is_leaf or not self.node.required

    @property
    def grad_fn(self) -> Node | None:
        """The node of the graph that made this tensor, or None."""
        return None if self.is_leaf else self.node  # type: ignore[return-value]

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` computes a gradient for this tensor."""
        return self.node is not None and self.node.required

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient, or no longer; floating leaves only. Returns the tensor itself."""
        from rushlight.core.graph import Leaf

        if not self.is_leaf:
            if requires_grad:
                return self
            raise GradError(
                message(
                    "requires_grad_", "a tensor that operations made", "a leaf", "Use detach() to cut it off."
                )
            )
        if requires_grad is not self.requires_grad:
            changes.note(self, "requires_grad", self.node)
        if not requires_grad:
            self.node = None
        elif not self.requires_grad:
            if self.dtype.kind != "f":
                raise DTypeError(
                    message("requires_grad_", str(self.dtype), "a floating dtype", "Use x.float().")
                )
            self.node = Leaf(self)
        return self

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return size_of(self.array.shape) if dim is None else self.array.shape[dim]

    def dim(self) -> int:
        """How many axes."""
        return self.array.ndim

    def numel(self) -> int:
        """How many elements."""
        return self.array.size

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.array.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return self.dtype.kind == "f"

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the tensor is C-contiguous: its elements lie in row-major order without gaps."""
        return self.array.flags.c_contiguous

    def stride(self, dim: int | None = None) -> Any:
        """The steps of the axes, in elements, or that of one."""
        steps = tuple(step // self.array.dtype.itemsize for step in self.array.strides)
        return steps if dim is None else steps[normalize_axis("stride", dim, len(steps))]

    # Numbers out

    def numpy(self, *, force: bool = False) -> Any:
        """The numbers as a NumPy array that shares the tensor's memory.

        Raises GradError when the tensor requires grad: `detach()` first, so that it is plain to see that
        what happens to the array has no derivative; `force` does so.
        """
        if self.requires_grad and not force:
            raise GradError(
                message("numpy", "a tensor that requires grad", "plain data", "Use x.detach().numpy().")
            )
        array = self._seen()
        if array.dtype.kind == "V":
            raise DTypeError(message("numpy", "bfloat16", "a dtype that NumPy has", "Use x.float().numpy()."))
        return array

    def _seen(self) -> Any:
        """The array, for eyes outside."""
        if state.look is None:
            return xp.asarray(self.array)
        state.look(self, "numpy")
        seen = xp.asarray(self.array).view()
        seen.flags.writeable = False  # what is written while tracing would be written once
        return seen

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.array.size != 1:
            raise ArgumentError(
                message(
                    "item",
                    f"a tensor of shape {self.shape}",
                    "one element",
                    "Use tolist(), or reduce it first.",
                )
            )
        if state.look is not None:
            state.look(self, "item")
        return self.array.item()

    def tolist(self) -> Any:
        """The numbers as nested lists."""
        if state.look is not None:
            state.look(self, "tolist")
        return self.array.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return (
            self.numpy().__array__(dtype, copy=copy)
            if dtype is not None
            else self.numpy().__array__(copy=copy)
        )

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        """What NumPy's functions give for tensors: a Tensor too; of truth values, uint8, as in PyTorch."""
        array = xp.asarray(array)
        return wrap(array.astype(xp.uint8) if array.dtype == xp.bool_ else array)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        from rushlight.core.exports import dlpack

        return dlpack(self, stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise DTypeError(
                message("bool", f"a tensor of shape {self.shape}", "one element", "Use x.any() or x.all().")
            )
        if state.look is not None:
            state.look(self, "bool")
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iu":
            raise DTypeError(message("index", str(self.dtype), "an integer tensor", "Use int(x)."))
        if self.array.size != 1:
            raise DTypeError(message("index", f"a tensor of shape {self.shape}", "one element"))
        return int(self.item())

    def __format__(self, spec: str) -> str:
        """Of a 0-d tensor, and where a format is given of one element, the number: f"{loss:.3f}"."""
        number = self.array.size == 1 if spec else not self.array.ndim and type(self) is Tensor
        if number and (spec or self.array.__class__ is xp.ndarray):
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __len__(self) -> int:
        if not self.array.ndim:
            raise DTypeError(message("len", "a 0-d tensor", "at least one axis"))
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.ndim:
            raise DTypeError(message("iter", "a 0-d tensor", "at least one axis", "Use item()."))
        return (one_of_several(self[i]) for i in range(self.array.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        from rushlight.core.printing import describe

        return describe(self)

    def _repr_html_(self) -> str:
        from rushlight.core.printing import options
        from rushlight.notebook.tensors import tensor_html

        return tensor_html(self, options.precision)

    # Life in the graph

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradient of this tensor into `.grad` of every leaf that requires grad.

        gradient      the gradient with respect to this tensor, of its shape; may be left out for one element.
        retain_graph  keep what the graph saved, for another backward; `create_graph` unless given.
        create_graph  record the backward pass too, for higher derivatives.
        inputs        accumulate into these leaves only.

        Raises GradError when the tensor does not require grad, when the graph was used up by an earlier
        backward, and when a value that a derivative needs was overwritten in place.
        """
        from rushlight.core.autograd import backward

        backward(self, None if gradient is None else [gradient], retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory without history: no gradient flows through the result."""
        out = wrap(self.array)
        out._base = base_of(self)
        if state.tracing:
            out._inside = self
        return out

    @property
    def data(self) -> Tensor:
        """The tensor without history, sharing memory. Assigning gives the tensor the other's memory, and
        leaves its history and what else looks at the old memory as they are."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if (self.array.shape, self.array.dtype) != (value.array.shape, value.array.dtype):
            changes.count += 1
        if state.rebind is not None:
            state.rebind(self, value)
        self.array = value.array
        self._written = next(clock)
        if self.node is not None and self.node.is_leaf:
            self.node.spec = (value.array.shape, value.array.dtype)

    def retain_grad(self) -> None:
        """Have `backward` keep the gradient of this tensor in `.grad`, though it is no leaf."""
        if not self.requires_grad:
            got = "a tensor that does not require grad"
            raise GradError(message("retain_grad", got, "one that does", "Use requires_grad_()."))
        if self.grad_fn is not None and not self._retains_grad:
            self._retains_grad = True
            self.register_hook(Retain(self))

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(grad)` when this tensor's gradient is known; what it returns replaces the gradient.

        Hooks run in the order in which they were registered; `retain_grad` and `.grad` see what they made of
        the gradient. Returns a handle, whose `remove()` takes the hook out again.
        """
        node = self.node
        if node is None or not node.required:
            raise GradError(message("register_hook", "a tensor that does not require grad", "one that does"))
        _count_hook()
        node.hooks = tuple(sorted((*node.hooks, hook), key=_is_last))
        # A handle that is kept must not keep the graph.
        kept = weakref.ref(node)
        return RemovableHandle(lambda: _take_out(kept(), hook))

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> RemovableHandle:
        """Call `hook(tensor)` each time `backward` has put this leaf's gradient into `.grad`.

        Raises GradError for what does not require grad, or is no leaf. Returns a handle, as `register_hook`.

        >>> import rushlight as rl
        >>> x = rl.zeros(2, requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda x: x.sub_(x.grad))
        >>> (3 * x).sum().backward()
        >>> x
        tensor([-3., -3.], requires_grad=True)
        """
        if not self.requires_grad or not self.is_leaf:
            got = "a tensor that operations made" if self.requires_grad else "a tensor that requires no grad"
            raise GradError(message("register_post_accumulate_grad_hook", got, "a leaf that requires grad"))
        _count_hook()
        self._after_grad = (*self._after_grad, hook)

        def take_out() -> None:
            _count_hook()
            self._after_grad = tuple(known for known in self._after_grad if known is not hook)

        return RemovableHandle(take_out)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GradError(
                message("deepcopy", "a tensor that operations made", "a leaf", "Use x.detach() first.")
            )
        out = _rebuild(type(self), _copied(self), self.requires_grad)
        memo[id(self)] = out
        if self.grad is not None:
            out.grad = wrap(_copied(self.grad))
        return out

    def __copy__(self) -> Tensor:
        """Another tensor over the same memory, with the same history: matplotlib makes such copies."""
        out = self.__class__.__new__(self.__class__)
        out.__dict__.update(self.__dict__)
        return out

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise GradError(
                message("pickle", "a tensor that operations made", "a leaf", "Use x.detach() first.")
            )
        return _rebuild, (type(self), self.array, self.requires_grad)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Only for what is not there; cheap, as libraries ask by `hasattr`. Python adds the nearest."""
            text = f"'{type(self).__name__}' object has no attribute {name!r}"
            if not name.startswith("_") and in_pytorch("Tensor", name):
                text += f": {not_here('Tensor', name)}".rstrip(".")
            raise AttributeError(text, name=name, obj=self)

    if TYPE_CHECKING:
        # `rushlight.ops` attaches these; mypy cannot see that.
        def __init__(self, *data: Any, device: Any = None) -> None: ...
        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]


class Parameter(Tensor):
    """A tensor that is trained: a leaf that requires grad, and that a Module registers when assigned.

    >>> import rushlight as rl
    >>> rl.nn.Parameter(rl.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __init__(self, data: Tensor, requires_grad: bool = True) -> None:
        if not isinstance(data, Tensor):
            raise DTypeError(
                message("Parameter", type(data).__name__, "a Tensor", "Wrap it: Parameter(rl.tensor(x)).")
            )
        self.array = data.array
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


def wrap(array: Any) -> Tensor:
    """A Tensor around `array` itself, whatever its dtype."""
    out = _new(Tensor)
    out.array = array
    return out


_new = Tensor.__new__


SEVERAL = "one of several views that one function gave"
NO_GRAD = "a view made under no_grad()"
"""Why a view (`_sealed`) may be no part of a history that changes in place, as in PyTorch."""


def one_of_several(view: Tensor) -> Tensor:
    """`view` itself, marked as one of several results of one function."""
    if view._view is not None and view._sealed is None:
        view._sealed = SEVERAL
    return view


def base_of(tensor: Tensor) -> Tensor:
    """The tensor whose memory `tensor` looks at: itself, unless it is a view."""
    return tensor if tensor._base is None else tensor._base


def method(*names: str) -> Callable[[F], F]:
    """Attach a function of an op module to Tensor, under its own name or under `names`."""

    def attach(function: F) -> F:
        for name in names or (function.__name__,):
            setattr(Tensor, name, function)
        return function

    return attach


def attribute(*names: str) -> Callable[[F], F]:
    """Attach a function of an op module to Tensor as an attribute that is read."""

    def attach(function: F) -> F:
        for name in names:
            setattr(Tensor, name, property(function))
        return function

    return attach


def methods_later(file: str, names: str) -> None:
    """Have Tensor load `file` when one of the methods `names`, which it attaches, is first asked for."""
    for name in names.split():
        if name not in Tensor.__dict__:
            setattr(Tensor, name, LaterMethod(name, file))


class LaterMethod:
    """Stands for a method until it is first asked for: then its file loads, which attaches the method."""

    def __init__(self, name: str, file: str) -> None:
        self.name, self.file = name, file

    def __get__(self, tensor: Tensor | None, kind: type[Tensor]) -> Any:
        importlib.import_module(self.file)
        return getattr(kind if tensor is None else tensor, self.name)


def _copied(tensor: Tensor) -> Any:
    """The array of a copy; while tracing that of an operation, whose result is another in each call."""
    return tensor.detach().clone().array if state.tracing else tensor.array.copy()


def _rebuild(kind: type[Tensor], array: Any, requires_grad: bool) -> Tensor:
    out = _new(kind)
    out.array = array
    return out.requires_grad_() if requires_grad else out


def _count_hook() -> None:
    """A tensor is about to get a hook, or to lose one."""
    if state.hooked is not None:
        state.hooked()
    changes.count += 1


def _take_out(node: Node | Leaf | None, hook: Any) -> None:
    if node is not None and hook in node.hooks:
        _count_hook()
        i = node.hooks.index(hook)
        node.hooks = (*node.hooks[:i], *node.hooks[i + 1 :])


class Retain:
    """The hook of `retain_grad`: keeps in the tensor's `.grad` what all other hooks made of the gradient."""

    def __init__(self, tensor: Tensor) -> None:
        # The node outlives no tensor: a strong reference from its hook would be a cycle.
        self.tensor = weakref.ref(tensor)

    def __call__(self, grad: Tensor) -> None:
        tensor = self.tensor()
        if tensor is not None:
            tensor.grad = grad.clone() if tensor.grad is None else tensor.grad + grad


def _is_last(hook: Any) -> bool:
    return isinstance(hook, Retain)


def check_dtype(dtype: Any) -> Any:
    """The default dtype for None, else `as_dtype(dtype)`."""
    return default.dtype if dtype is None else as_dtype(dtype)
