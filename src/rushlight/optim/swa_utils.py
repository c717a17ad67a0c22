"""Averages of a model's weights over training (Izmailov et al., 2018), as in ``torch.optim.swa_utils``."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message, namespace
from rushlight.nn.module import Module
from rushlight.optim.base import Optimizer
from rushlight.optim.lr_scheduler import LRScheduler

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An exponential moving average: decay · average + (1 - decay) · new."""
    _check_decay(decay)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return ema_param * decay + current_param * (1.0 - decay)

    return ema_update


def get_swa_avg_fn() -> Average:
    """The mean of all: average + (new - average) / (n + 1)."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def _each(average: Average) -> Callable[..., None]:
    def update(averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        for old, new in zip(averaged, current, strict=True):
            old.copy_(average(old, new, num_averaged))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """`get_ema_avg_fn` for lists of parameters, which are updated in place."""
    return no_grad()(_each(get_ema_avg_fn(decay)))


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """`get_swa_avg_fn` for lists of parameters, which are updated in place."""
    return no_grad()(_each(get_swa_avg_fn()))


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(message("get_ema_avg_fn", f"decay={decay}", "a number between 0 and 1"))


class AveragedModel(Module):
    """A copy of `model` whose weights are the mean of those that ``update_parameters(model)`` saw; `avg_fn`
    or `multi_avg_fn` average otherwise. With ``use_buffers`` buffers are averaged too, else copied.

    >>> import rushlight as rl
    >>> net = rl.nn.Linear(1, 1)
    >>> mean = rl.optim.swa_utils.AveragedModel(net)
    >>> for value in (1.0, 3.0):
    ...     with rl.no_grad():
    ...         _ = net.weight.fill_(value)
    ...     mean.update_parameters(net)
    >>> mean.module.weight.item()
    2.0
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError(message("AveragedModel", "avg_fn and multi_avg_fn", "one of them"))
        super().__init__()
        check_device(device)
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", ops.tensor(0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def _averaged(self, module: Module) -> list[Tensor]:
        return [*module.parameters(), *(module.buffers() if self.use_buffers else ())]

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the weights of `model` into the mean."""
        own, new = self._averaged(self.module), [t.detach() for t in self._averaged(model)]
        # A compiled step does not know how many there were: it computes both, and takes the one that counts.
        first = self.n_averaged == 0 if state.tracing else int(self.n_averaged) == 0
        if first is not True:
            update = self.multi_avg_fn or _each(self.avg_fn or get_swa_avg_fn())
            update(own, new, self.n_averaged)
        if first is not False:
            for old, value in zip(own, new, strict=True):
                old.copy_(value if first is True else ops.where(first, value, old))
        if not self.use_buffers:
            for old, value in zip(self.module.buffers(), model.buffers(), strict=True):
                old.copy_(value)
        self.n_averaged.add_(1)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of batch normalisation anew, from the batches of `loader`."""
    check_device(device)
    norms = {
        m: m.momentum for m in model.modules() if hasattr(m, "running_mean") and m.running_mean is not None
    }
    if not norms:
        return
    was_training = model.training
    try:
        model.train()
        for module in norms:
            module.reset_running_stats()
            module.momentum = None
        for batch in loader:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    finally:
        for module, momentum in norms.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` in `anneal_epochs` epochs, along a cosine or linearly; then it stays.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> scheduler = rl.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(2):
    ...     optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(message("SWALR", f"anneal_strategy={anneal_strategy!r}", "'cos' or 'linear'"))
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(optimizer.param_groups)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _part(self, epoch: int) -> float:
        t = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self.anneal_strategy == "cos" else t

    def get_lr(self) -> list[float]:
        epoch = self._step_count - 1
        if self.anneal_epochs == 0:
            epoch = max(1, epoch)
        before, now = self._part(max(0, epoch - 1)), self._part(epoch)
        found = []
        for group in self.optimizer.param_groups:
            target, lr = group["swa_lr"], group["lr"]
            start = target if before == 1 else (lr - before * target) / (1 - before)
            found.append(target * now + start * (1 - now))
        return found


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
