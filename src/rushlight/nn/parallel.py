"""Modules over several devices, of which there is one, and over several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rushlight.core.composite import Composite
from rushlight.core.state import add_final, is_grad_enabled, no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.distributed.collectives import broadcasted, reduced
from rushlight.distributed.groups import group as groups
from rushlight.distributed.objects import all_gather_object
from rushlight.distributed.reduction import ReduceOp
from rushlight.errors import ArgumentError, GradError, NotSupportedError, message
from rushlight.nn.module import Module
from rushlight.ops.join import cat, split

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]

__path__: list[str] = []
"""PyTorch has a package of this name, whose files are aliases of this one (`rushlight/aliases.py`)."""


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> Any:
    """The inputs in as many parts as there are devices. Raises NotSupportedError: there is only the CPU."""
    expected = "the CPU, which is one device"
    raise NotSupportedError(message("scatter", f"devices {target_gpus}", expected, "Leave the call out."))


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """The parts as one. Raises NotSupportedError: there is only the CPU."""
    expected = "the CPU, which is one device"
    raise NotSupportedError(message("gather", f"the device {target_device}", expected, "Leave the call out."))


class DataParallel(Module):
    """`module`, under the name `module`: calls go to it. Its state_dict's names begin with "module.".

    The other arguments say on which devices PyTorch would put copies, and are passed over.

    >>> import rushlight as rl
    >>> net = rl.nn.DataParallel(rl.nn.Linear(2, 1))
    >>> net(rl.ones(3, 2)).shape, list(net.state_dict())
    (Size([3, 1]), ['module.weight', 'module.bias'])
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The module's result."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(DataParallel):
    """`module`, trained by all processes of a group alike: each has its own part of every batch, and when a
    backward has come to its end, every gradient becomes its mean over the processes.

    ::

        rl.distributed.init_process_group("mpi")          # in a program that mpiexec started
        net = nn.parallel.DistributedDataParallel(net)    # parameters and buffers are those of rank 0
        loss_function(net(inputs), targets).backward()    # gradients are means

    The gradients of one dtype go in one message, in compiled steps, too. Where the loss is a mean and the
    parts are equally large, the step is that of one process with the whole batch, up to rounding.

    broadcast_buffers       before each forward in training mode, buffers become those of rank 0.
    process_group           the whole one if left out; without any there is nobody to share gradients with.
    find_unused_parameters  whether the loss may leave out parameters, otherwise in each process perhaps. Then
                            steps are not compiled.

    The other options tune PyTorch's own messages, and are passed over. Calls have to go through this module,
    not through `module`, and all processes have to make the same ones.

    Raises ArgumentError where the processes' modules are not alike; at the end of a backward GradError for
    parameters that it left out.

    >>> import rushlight as rl
    >>> net = rl.nn.parallel.DistributedDataParallel(rl.nn.Linear(2, 1))
    >>> net.module
    Linear(in_features=2, out_features=1, bias=True)
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(module, device_ids, output_device, dim)
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.require_backward_grad_sync = True
        self.process_group: Any = process_group or groups.WORLD
        if self.process_group is not None and self.process_group.size() > 1:
            _check_alike(module, self.process_group)
            if init_sync:
                _take_first(self.process_group, [*module.parameters(), *module.buffers()])

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The module's result."""
        group = self.process_group
        if group is None or group.size() == 1 or not is_grad_enabled() or not self.require_backward_grad_sync:
            return self.module(*inputs, **kwargs)
        if self.broadcast_buffers and self.training:
            _take_first(group, list(self.module.buffers()))
        found = self.module(*inputs, **kwargs)
        for tensor in _tensors(found):
            if (node := tensor.node) is not None and not node.is_leaf:
                node.hooks = (*node.hooks, self._seen)
        return found

    def _seen(self, g: Tensor) -> None:
        """A backward came by: when it has come to its end, share what it found."""
        add_final(self._share)

    def _share(self) -> None:
        """Make every gradient its mean over the processes."""
        named = [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]
        if self.find_unused_parameters:
            used = _used_by_any(self.process_group, [p for _, p in named])
            named = [pair for pair, one in zip(named, used, strict=True) if one]
        elif missing := [name for name, p in named if p.grad is None]:
            got = f"a backward without gradients for {', '.join(missing[:5])}"
            remedy = "Pass find_unused_parameters=True."
            raise GradError(message("DistributedDataParallel", got, "gradients for all parameters", remedy))
        with no_grad():
            for held in _by_dtype([p for _, p in named]):
                grads = [p.new_zeros(p.shape) if p.grad is None else p.grad for p in held]
                for p, mean in zip(held, _in_one(grads, self._mean), strict=True):
                    p.grad = mean

    def _mean(self, flat: Tensor) -> Tensor:
        return reduced(flat, ReduceOp.AVG, self.process_group)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A context in which gradients are not shared: they add up in each process, until a backward of a
        forward outside shares their sums."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before


def _take_first(group: Any, tensors: Sequence[Tensor]) -> None:
    """Put what the first process of the group has into the tensors of all."""
    with no_grad():
        for held in _by_dtype(tensors):
            first = _in_one(held, lambda flat: broadcasted(flat, 0, group))
            for tensor, found in zip(held, first, strict=True):
                tensor.detach().copy_(found)


def _by_dtype(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    found: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        found.setdefault(tensor.dtype, []).append(tensor)
    return list(found.values())


def _in_one(tensors: Sequence[Tensor], change: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """What `change` makes of the tensors, one after the other in one flat tensor."""
    if any(isinstance(t, Composite) for t in tensors):
        remedy = "Make the layer with sparse=False."
        raise NotSupportedError(message("DistributedDataParallel", "a sparse gradient", "dense ones", remedy))
    flat = change(cat([t.detach().reshape(-1) for t in tensors]))
    parts = split(flat, [t.numel() for t in tensors])
    return [part.reshape(t.shape) for part, t in zip(parts, tensors, strict=True)]


def _used_by_any(group: Any, parameters: Sequence[Tensor]) -> list[bool]:
    """Which parameters have a gradient in some process."""
    if state.tracing:
        expected = "gradients that are there in every process"
        got = "find_unused_parameters=True in a compiled step"
        raise NotSupportedError(message("DistributedDataParallel", got, expected, "Leave it eager."))
    found: list[Any] = [None] * group.size()
    all_gather_object(found, [p.grad is not None for p in parameters], group)
    return [any(one) for one in zip(*found, strict=True)]


def _check_alike(module: Module, group: Any) -> None:
    """ArgumentError unless the modules of all processes have the same parameters and buffers."""
    own = [
        (n, tuple(t.shape), str(t.dtype)) for n, t in [*module.named_parameters(), *module.named_buffers()]
    ]
    found: list[Any] = [None] * group.size()
    all_gather_object(found, own, group)
    for rank, other in enumerate(found):
        if other != found[0]:
            differ = [mine for mine in other if mine not in found[0]] or [
                f for f in found[0] if f not in other
            ]
            got = f"a module in process {rank} with another {differ[0] if differ else 'order'}"
            expected = "the module of process 0"
            raise ArgumentError(message("DistributedDataParallel", got, expected, "Build it alike in all."))


def _tensors(found: Any) -> Iterator[Tensor]:
    """The tensors in what a module gave."""
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, dict):
        for item in found.values():
            yield from _tensors(item)
    elif isinstance(found, tuple | list):
        for item in found:
            yield from _tensors(item)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """What `module` makes of `inputs`, one or a tuple of several.

    >>> import rushlight as rl
    >>> rl.nn.parallel.data_parallel(rl.nn.Identity(), rl.ones(2), range(1))
    tensor([1., 1.])
    """
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
