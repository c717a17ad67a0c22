"""The tree of modules: what is registered, how it is walked, saved, loaded and changed as a whole.

A module's parameters, buffers and children are simply its attributes: whatever Parameter or Module stands in
`__dict__` is registered. Everything here is a walk over that tree.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rushlight.core.placement import check_device
from rushlight.core.state import changes
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message, nearest
from rushlight.nn.buffer import Buffer
from rushlight.nn.registered import Registered, replace
from rushlight.nn.saving import IncompatibleKeys, Saved
from rushlight.ops.convert import wanted_dtype

if TYPE_CHECKING:
    from rushlight.nn.module import Module

__all__ = ["IncompatibleKeys", "ModuleTree"]

T = TypeVar("T", bound="ModuleTree")


class ModuleTree(Saved):
    """The attributes of a module as a tree of parameters, buffers and modules."""

    training: bool = True
    _buffers_kept: dict[str, bool] = {}  # noqa: RUF012  (name of a buffer -> is it part of state_dict)
    _results_kept: frozenset[str] = frozenset()
    """Parameters that are tensors of another kind: results, see `Registered`."""

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, Parameter) and isinstance(value, Tensor) and not isinstance(value, Parameter):
            raise DTypeError(
                message(
                    f"{type(self).__name__}.{name}",
                    "a Tensor",
                    "a Parameter or None",
                    "Wrap it: nn.Parameter(tensor).",
                )
            )
        if value.__class__ is Buffer:
            self.__dict__["_buffers_kept"] = {**self._buffers_kept, name: value.persistent}
        object.__setattr__(self, name, value)
        changes.note(self, name, held)

    def __delattr__(self, name: str) -> None:
        held = self.__dict__.get(name)
        object.__delattr__(self, name)
        changes.note(self, name, held)

    def __getattr__(self, name: str) -> Any:
        """Only for what is not there: the error names the nearest attribute that is."""
        if name.startswith("__"):  # a question that Python or a library asks, and no misspelling
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name, obj=self)
        known = [n for n in (*self.__dict__, *dir(type(self))) if not n.startswith("_")]
        near = nearest(name, known, 1)
        hint = (
            f" Did you mean {near[0]!r}?"
            if near
            else f" It has: {', '.join(self.__dict__) or 'nothing yet'}."
        )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{hint}", name=name, obj=self)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Assign a parameter, or None for one that this module does without."""
        if param is not None and not isinstance(param, Parameter):
            raise DTypeError(
                message("register_parameter", f"a {type(param).__name__}", "a Parameter or None")
            )
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Assign a tensor that is state but not trained; a persistent one is part of `state_dict`."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DTypeError(message("register_buffer", f"a {type(tensor).__name__}", "a Tensor or None"))
        self.__dict__["_buffers_kept"] = {**self._buffers_kept, name: persistent}
        setattr(self, name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """Assign a child module under a name that may be any text without a dot."""
        if module is not None and not isinstance(module, ModuleTree):
            raise DTypeError(
                message("add_module", f"a {type(module).__name__}", "a Module", "Did you forget the ()?")
            )
        if not name or "." in name:
            raise ArgumentError(message("add_module", f"the name {name!r}", "a name without dots"))
        if hasattr(type(self), name):
            raise ArgumentError(
                message(
                    "add_module", f"the name {name!r}", f"one that {type(self).__name__} does not use itself"
                )
            )
        setattr(self, name, module)

    register_module = add_module

    # The tree

    @property
    def _parameters(self) -> dict[str, Parameter]:
        kept = self._results_kept
        found = {k: v for k, v in self.__dict__.items() if isinstance(v, Parameter) or k in kept}
        return Registered(self, "_parameters", found)

    @_parameters.setter
    def _parameters(self, entries: dict[str, Any]) -> None:
        replace(self, "_parameters", entries)

    @property
    def _modules(self) -> dict[str, Module]:
        found = {k: v for k, v in self.__dict__.items() if isinstance(v, ModuleTree)}
        return Registered(self, "_modules", found)

    @_modules.setter
    def _modules(self, entries: dict[str, Any]) -> None:
        replace(self, "_modules", entries)

    @property
    def _buffers(self) -> dict[str, Tensor]:
        found = {k: v for k in self._buffers_kept if (v := self.__dict__.get(k)) is not None}
        return Registered(self, "_buffers", found)

    @_buffers.setter
    def _buffers(self, entries: dict[str, Any]) -> None:
        replace(self, "_buffers", entries)

    def _held(self) -> Iterator[tuple[str, Module]]:
        """The children that are there, as `_modules` has them: lists and dicts of modules may hold None."""
        # Every walk over the tree comes by here: no Registered is made for it.
        own = self.__dict__.items()
        return iter([(name, cast("Module", v)) for name, v in own if isinstance(v, ModuleTree)])

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, with their names."""
        yield from self._held()

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        return (child for _, child in self._held())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all inside it, with dotted names, each once."""
        memo = set() if memo is None else memo
        if remove_duplicate and id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, cast("Module", self)
        for name, child in self._held():
            yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all inside it, each once."""
        return (m for _, m in self.named_modules(remove_duplicate=remove_duplicate))

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        """The one walk behind parameters, buffers and state_dict."""
        seen: set[int] = set()
        tree = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
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
        return self._get(target, "_parameters", "parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a dotted name."""
        return self._get(target, "_buffers", "buffer")

    def _get(self, target: str, kind: str, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        value = getattr(module, name)
        if name not in getattr(module, kind):
            raise AttributeError(f"{name!r} of {type(module).__name__} is no {what}", name=name, obj=module)
        return value

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` where a dotted name says; `strict` refuses a name that is not there yet."""
        if not isinstance(module, ModuleTree):
            raise DTypeError(message("set_submodule", f"a {type(module).__name__}", "a Module"))
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if not name or (strict and name not in parent._modules):
            raise AttributeError(f"{type(parent).__name__} has no module {name!r}", name=name, obj=parent)
        setattr(parent, name, module)

    # All at once

    def train(self: T, mode: bool = True) -> T:
        """Training mode, in which Dropout drops; for all modules inside too."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: T) -> T:
        """Evaluation mode."""
        return self.train(False)

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """Train the parameters or freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self: T, fn: Callable[[Module], Any]) -> T:
        """Call `fn` on every module inside, children first, and on this one."""
        for child in self.children():
            child.apply(fn)
        fn(cast("Module", self))
        return self

    def cuda(self: T, device: Any = None) -> T:
        """Refused: there is only the CPU."""
        check_device("cuda")
        return self  # not reached

    def to(self: T, *args: Any, **options: Any) -> T:
        """Convert floating parameters and buffers to a floating dtype; a device changes nothing.

        Parameters, and their gradients, stay the same objects with other numbers in them, so that an
        optimiser goes on with them; views of them keep the old numbers. Buffers become other tensors. Raises
        DTypeError for a dtype that is not floating.
        """
        dtype = wanted_dtype(args, options)
        if dtype is None:
            return self
        if dtype.kind != "f":
            raise DTypeError(message(f"{type(self).__name__}.to", str(dtype), "a floating dtype"))
        for tensor in self.parameters():
            if tensor.dtype != dtype and tensor.is_floating_point():
                grad = tensor.grad
                tensor.data = tensor.detach().to(dtype)
                if grad is not None:
                    grad.data = grad.detach().to(dtype)
        made: dict[int, Tensor] = {}
        for module in self.modules():
            for name, buffer in module._buffers.items():
                if buffer.dtype == dtype or not buffer.is_floating_point():
                    continue
                if type(buffer) is not Tensor:  # it has no numbers yet, or is of a kind of its own
                    buffer.data = buffer.detach().to(dtype)
                else:
                    setattr(module, name, made.setdefault(id(buffer), buffer.detach().to(dtype)))
        return self

    def float(self: T) -> T:
        """All floating parameters and buffers as float32."""
        return self.to("float32")

    def double(self: T) -> T:
        """All floating parameters and buffers as float64."""
        return self.to("float64")

    def half(self: T) -> T:
        """All floating parameters and buffers as float16."""
        return self.to("float16")

    def bfloat16(self: T) -> T:
        """All floating parameters and buffers as bfloat16."""
        return self.to("bfloat16")

    def type(self: T, dst_type: Any) -> T:
        """All floating parameters and buffers as a floating dtype."""
        return self.to(dst_type)

    def to_empty(self: T, *, device: Any, recurse: bool = True) -> T:
        """Parameters and buffers with new numbers, whatever the memory holds: before they are loaded."""
        check_device(device)
        for tensor in itertools.chain(self.parameters(recurse), self.buffers(recurse)):
            tensor.data = tensor.detach().clone()
        return self

    def share_memory(self: T) -> T:
        """Move parameters and buffers into memory that other processes see: `Tensor.share_memory_`."""
        for tensor in itertools.chain(self.parameters(), self.buffers()):
            tensor.share_memory_()
        return self

    def cpu(self: T) -> T:
        """The module itself: it is on the CPU."""
        return self

    def reset_parameters(self) -> None:
        """Draw all parameters anew: each layer by its own initialiser.

        Raises NotSupportedError, before anything has changed, for a module that has parameters of its own but
        no `reset_parameters`.
        """
        owners = [m for m in self.modules() if type(m).reset_parameters is not ModuleTree.reset_parameters]
        for name, module in self.named_modules():
            if module._parameters and type(module).reset_parameters is ModuleTree.reset_parameters:
                raise NotSupportedError(
                    message(
                        "reset_parameters",
                        f"{name or 'a module'} ({type(module).__name__}), which has parameters of its own",
                        "a method reset_parameters(self) that draws them",
                        "Write one.",
                    )
                )
        for module in owners:
            module.reset_parameters()

    def initialize(self: T, init: Any, bias_init: Any = None) -> T:
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
