"""Modules over several devices, of which there is one: these pass everything on to the module inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rushlight.errors import NotSupportedError, message
from rushlight.nn.module import Module

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
    """`DataParallel` among one process: there is nobody to share gradients with.

    >>> import rushlight as rl
    >>> net = rl.nn.parallel.DistributedDataParallel(rl.nn.Linear(2, 1))
    >>> net.module
    Linear(in_features=2, out_features=1, bias=True)
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0, **options: Any
    ) -> None:
        super().__init__(module, device_ids, output_device, dim)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A context in which gradients are not shared, as they never are."""
        yield


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
