"""Module: the base of every layer, loss and network.

A module's parameters, buffers and children are simply its attributes: whatever Parameter or Module stands in
`__dict__` is registered. Everything else here is a walk over that tree, or the reports' protocol on top of it.
"""

from __future__ import annotations

import difflib
import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from rushlight.core.autograd import Node, observe, propagate
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, CheckpointError, DTypeError, GradError, NotSupportedError, ShapeError, message

__all__ = ["IncompatibleKeys", "Module", "RemovableHandle"]

M = TypeVar("M", bound="Module")
_hook_ids = itertools.count()


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` with ``strict=False`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class RemovableHandle:
    """Given for a registered hook; `remove()` takes the hook out again."""

    def __init__(self, hooks: dict[int, Any], number: int) -> None:
        self._hooks, self._number = hooks, number

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


class Module:
    """Base of layers, losses and networks: assign parameters and modules as attributes, write `forward`.

    Besides PyTorch's interface every module has the reports': `backward(grad_output)` propagates from the
    output of the last call to its input, and `param()` lists the pairs (parameter, gradient). Both come from
    autograd, so a module of your own has them without a line of work.

    >>> import rushlight as rl
    >>> class Scale(rl.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = rl.nn.Parameter(rl.tensor(3.0))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> scale = Scale()
    >>> y = scale(rl.tensor([1.0, 2.0]))
    >>> scale.backward(rl.tensor([1.0, 1.0]))
    tensor([3., 3.])
    >>> scale.param()
    [(Parameter containing:
    tensor(3., requires_grad=True), tensor(3.))]
    """

    training: bool = True
    _forward_hooks: dict[int, Callable[..., Any]] = {}  # noqa: RUF012  (a module gets its own with its first hook)
    _forward_pre_hooks: dict[int, Callable[..., Any]] = {}  # noqa: RUF012
    _buffers_kept: dict[str, bool] = {}  # noqa: RUF012  (name of a buffer -> is it part of state_dict)
    _backward_inputs: int | None = None
    """How many inputs `backward` gives gradients for; all by default. Losses say 1: targets are data."""

    def __init__(self) -> None:
        """Nothing to set up: a subclass may call it, as PyTorch programs do, or not."""

    def forward(self, *inputs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise NotSupportedError(
            message(type(self).__name__, "a module without forward", "a method forward(self, ...)", "Write one.")
        )

    # Calling

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if state.origin is not None:
            return self._call_named(inputs, options)
        return self._call(inputs, options)

    def _call(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        for before in tuple(self._forward_pre_hooks.values()):
            changed = before(self, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        recorded = state.grad_enabled
        if recorded:
            inputs = tuple([_observed(x) for x in inputs])
        output = self.forward(*inputs, **options)
        for hook in tuple(self._forward_hooks.values()):
            changed = hook(self, inputs, output)
            output = output if changed is None else changed
        if recorded:
            self.__dict__["_last_call"] = (_sources(inputs), _sources(output if output.__class__ is tuple else (output,)))
        return output

    def _call_named(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The call while anomalies are looked for: the layer's name is at hand for their message."""
        before = state.modules
        state.modules = (*before, _name_within(before, self))
        _running.append(self)
        try:
            return self._call(inputs, options)
        finally:
            _running.pop()
            state.modules = before

    # The reports' protocol

    def backward(self, *grad_output: Tensor) -> Any:
        """Propagate the gradient of the last call's output to the gradient of its input, which is returned.

        grad_output  the loss's gradient with respect to the output, of the output's shape, one for each output;
                     may be left out for a single number, such as a loss.

        Adds to `.grad` of every parameter on the way. Gives a tuple for several tensor inputs, None for an
        input that the output does not depend on. Raises GradError before the first call, after a call under
        `no_grad`, when the output of the last call was dropped, and for a second time after one call.
        """
        name = type(self).__name__
        last = self.__dict__.get("_last_call")
        if last is None:
            raise GradError(
                message(f"{name}.backward", "a module that has not been called", "a forward pass before it", "Call it.")
            )
        sources = [source and source() for source in last[0]][: self._backward_inputs]
        roots = _roots(name, [out and out() for out in last[1]], grad_output)
        grads = propagate(roots, sources)
        return grads[0] if len(grads) == 1 else tuple(grads)

    def param(self) -> list[tuple[Parameter, Tensor]]:
        """The pairs (parameter, gradient); the gradient is zeros where no backward has brought one yet."""
        return [(p, p.new_full(p.shape, 0.0) if p.grad is None else p.grad) for p in self.parameters()]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad = p.grad.detach().zero_()

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, Parameter) and isinstance(value, Tensor) and not isinstance(value, Parameter):
            raise DTypeError(
                message(
                    f"{type(self).__name__}.{name}", "a Tensor", "a Parameter or None", "Wrap it: nn.Parameter(tensor)."
                )
            )
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        """Only for what is not there: the error names the nearest attribute that is."""
        known = [n for n in (*self.__dict__, *dir(type(self))) if not n.startswith("_")]
        near = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else f" It has: {', '.join(self.__dict__) or 'nothing yet'}."
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{hint}", name=name, obj=self)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Assign a parameter, or None for one that this module does without."""
        if param is not None and not isinstance(param, Parameter):
            raise DTypeError(message("register_parameter", f"a {type(param).__name__}", "a Parameter or None"))
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Assign a tensor that is state but not trained; a persistent one is part of `state_dict`."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DTypeError(message("register_buffer", f"a {type(tensor).__name__}", "a Tensor or None"))
        self.__dict__["_buffers_kept"] = {**self._buffers_kept, name: persistent}
        setattr(self, name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """Assign a child module under a name that may be any text without a dot."""
        if module is not None and not isinstance(module, Module):
            raise DTypeError(message("add_module", f"a {type(module).__name__}", "a Module", "Did you forget the ()?"))
        if not name or "." in name:
            raise ArgumentError(message("add_module", f"the name {name!r}", "a name without dots"))
        if hasattr(type(self), name):
            raise ArgumentError(
                message("add_module", f"the name {name!r}", f"one that {type(self).__name__} does not use itself")
            )
        setattr(self, name, module)

    register_module = add_module

    # The tree

    @property
    def _parameters(self) -> dict[str, Parameter]:
        return {k: v for k, v in self.__dict__.items() if isinstance(v, Parameter)}

    @property
    def _modules(self) -> dict[str, Module]:
        return {k: v for k, v in self.__dict__.items() if isinstance(v, Module)}

    @property
    def _buffers(self) -> dict[str, Tensor]:
        return {k: v for k in self._buffers_kept if (v := self.__dict__.get(k)) is not None}

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, with their names."""
        yield from self._modules.items()

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        yield from self._modules.values()

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all inside it, with dotted names, each once."""
        memo = set() if memo is None else memo
        if remove_duplicate and id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, child in self._modules.items():
            yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        return (m for _, m in self.named_modules())

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        """The one walk behind parameters, buffers and state_dict."""
        seen: set[int] = set()
        tree = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in tree:
            for name, value in getattr(module, kind).items():
                if remove_duplicate and id(value) in seen:
                    continue
                seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; a shared one comes once, under its first name."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with a dotted name."""
        found: Any = self
        for part in target.split(".") if target else []:
            found = getattr(found, part)
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name."""
        path, _, name = target.rpartition(".")
        return getattr(self.get_submodule(path), name)

    # Saving and loading

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> OrderedDict[str, Tensor]:
        """Name -> tensor for all parameters and persistent buffers; the tensors share the module's memory."""
        return OrderedDict(
            (name, tensor if keep_vars else tensor.detach()) for name, tensor in self._state(prefix)
        )

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        for path, module in self.named_modules(prefix=prefix.rstrip("."), remove_duplicate=False):
            dot = f"{path}." if path else ""
            for name, tensor in module._parameters.items():
                yield dot + name, tensor
            for name, tensor in module._buffers.items():
                if module._buffers_kept[name]:
                    yield dot + name, tensor

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into parameters and buffers of the same names.

        Raises CheckpointError that lists everything missing, unexpected and misshapen at once; then nothing
        has been changed. With ``strict=False`` missing and unexpected names are returned instead.
        """
        own = dict(self._state())
        missing = [k for k in own if k not in state_dict]
        unexpected = [k for k in state_dict if k not in own]
        problems = [
            f"{k} is {_shape(state_dict[k])} there and {own[k].shape} here"
            for k in own
            if k in state_dict and _shape(state_dict[k]) != own[k].shape
        ]
        if strict:
            problems = [f"missing {k}" for k in missing] + [f"unexpected {k}" for k in unexpected] + problems
        if problems:
            raise CheckpointError(
                message(
                    f"{type(self).__name__}.load_state_dict",
                    "; ".join(problems),
                    "the names and shapes of this module",
                    "Build the module with the options it was saved with.",
                )
            )
        with no_grad():
            for k, tensor in own.items():
                if k in state_dict:
                    value = state_dict[k]
                    tensor.copy_(value if isinstance(value, Tensor) else tensor.new_tensor(value))
        return IncompatibleKeys(missing, unexpected)

    # All at once

    def train(self: M, mode: bool = True) -> M:
        """Training mode, in which Dropout drops; for all modules inside too."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Evaluation mode."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Train the parameters or freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call `fn` on every module inside, children first, and on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self: M, *args: Any, **options: Any) -> M:
        """Convert floating parameters and buffers to a dtype, in place."""
        for tensor in itertools.chain(self.parameters(), self.buffers()):
            if tensor.is_floating_point():
                tensor.data = tensor.detach().to(*args, **options)
                if tensor.grad is not None:
                    tensor.grad = tensor.grad.detach().to(*args, **options)
        return self

    def float(self: M) -> M:
        """All floating parameters and buffers as float32."""
        return self.to("float32")

    def double(self: M) -> M:
        """All floating parameters and buffers as float64."""
        return self.to("float64")

    def cpu(self: M) -> M:
        """The module itself: it is on the CPU."""
        return self

    def reset_parameters(self) -> None:
        """Draw all parameters anew: each layer by its own initialiser.

        Raises NotSupportedError, before anything has changed, for a module that has parameters of its own but
        no `reset_parameters`.
        """
        owners = [m for m in self.modules() if type(m).reset_parameters is not Module.reset_parameters]
        for name, module in self.named_modules():
            if module._parameters and type(module).reset_parameters is Module.reset_parameters:
                raise NotSupportedError(
                    message(
                        "reset_parameters",
                        f"{name or 'a module'} of type {type(module).__name__}, which has parameters of its own",
                        "a method reset_parameters(self) that draws them",
                        "Write one.",
                    )
                )
        for module in owners:
            module.reset_parameters()

    def initialize(self: M, init: Any, bias_init: Any = None) -> M:
        """Draw every weight of the net by an Initializer (or its name), and every bias by `bias_init`.

        Weights are the parameters of two axes or more. Biases follow `bias_init` if given, else what `init`
        does with biases: zeros, unless it says otherwise.
        """
        from rushlight.nn.init import as_initializer, fans

        draw = as_initializer(init)
        draw_bias = None if bias_init is None else as_initializer(bias_init)
        for module in self.modules():
            own = list(module._parameters.values())
            sizes = [fans(p) for p in own if p.ndim >= 2]
            for p in own:
                if p.ndim >= 2:
                    draw(p, *fans(p))
                elif sizes:
                    (draw_bias or draw.bias)(p, *sizes[0])
        return self

    # Hooks

    def register_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, inputs, output)`` after each forward; what it returns replaces the output."""
        return self._register("_forward_hooks", hook)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, inputs)`` before each forward; what it returns replaces the inputs."""
        return self._register("_forward_pre_hooks", hook)

    def _register(self, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
        hooks = self.__dict__.setdefault(kind, {})
        number = next(_hook_ids)
        hooks[number] = hook
        return RemovableHandle(hooks, number)

    # Text and copies

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses; layers write their own."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {_indent(repr(child))}" for name, child in self._modules.items()]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        inner = "\n  ".join([extra, *lines] if extra else lines)
        return f"{type(self).__name__}(\n  {inner}\n)"

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: all but the memory of the last call."""
        return {k: v for k, v in self.__dict__.items() if k != "_last_call"}

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__dict__})


_running: list[Module] = []
"""The modules whose forward is running while anomalies are looked for, outermost first."""


def _name_within(path: tuple[str, ...], module: Module) -> str:
    """The module's dotted name inside the one that calls it, with its type."""
    if path and _running:
        for name, inner in _running[-1].named_modules():
            if inner is module and name:
                return f"{name} ({type(module).__name__})"
    return type(module).__name__


def _observed(x: Any) -> Any:
    """Plain floating data gets an alias by which `backward` can find it; everything else stays as it is."""
    return observe(x) if isinstance(x, Tensor) and x.node is None and x.array.dtype.kind == "f" else x


def _sources(values: tuple[Any, ...]) -> list[Any]:
    """Weak references to the tensors' nodes, so that remembering a call keeps no graph alive."""
    return [None if x.node is None else weakref.ref(x.node) for x in values if isinstance(x, Tensor)]


def _roots(name: str, nodes: list[Any], grads: tuple[Tensor, ...]) -> list[tuple[Any, Tensor]]:
    """Each output's node with its gradient, after all checks."""
    where = f"{name}.backward"
    if not nodes or any(node is None for node in nodes):
        raise GradError(
            message(
                where,
                "a last call whose output is gone, or that recorded nothing",
                "the output of the last call to be alive",
                "Keep it in a variable, and do not call under no_grad().",
            )
        )
    if not grads and len(nodes) == 1:
        grads = (_one_for(where, nodes[0]),)
    if len(grads) != len(nodes):
        raise GradError(message(where, f"{len(grads)} gradients for {len(nodes)} outputs", "one for each"))
    for node, g in zip(nodes, grads, strict=True):
        if not isinstance(g, Tensor):
            raise DTypeError(message(where, f"a {type(g).__name__}", "a Tensor", "Wrap it with rl.tensor()."))
        if g.shape != node.spec[0]:
            raise ShapeError(message(where, f"a gradient of shape {g.shape}", f"the output's shape {node.spec[0]}"))
    return [(n, g if g.dtype == n.spec[1] else g.to(n.spec[1])) for n, g in zip(nodes, grads, strict=True)]


def _one_for(where: str, node: Node) -> Tensor:
    from rushlight.ops import ones

    shape, dtype = node.spec
    if shape not in ((), (1,)):
        raise GradError(message(where, f"no gradient for an output of shape {shape}", "the gradient of that shape"))
    return ones(shape, dtype=dtype)


def _shape(value: Any) -> Any:
    return tuple(getattr(value, "shape", ()))


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
