"""Adam for sparse gradients, which touches the rows alone that have one."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.composite import Composite
from rushlight.core.state import state as thread
from rushlight.core.tensor import Tensor
from rushlight.device.arrays import float64
from rushlight.errors import NotSupportedError, message
from rushlight.ops.coo import SparseTensor
from rushlight.optim.base import Optimizer, check_at_least
from rushlight.optim.group import ParamGroup
from rushlight.optim.rule import check_betas, zeros_for

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for parameters with sparse gradients, such as those of `nn.Embedding(sparse=True)`, as
    torch.optim.SparseAdam. Of the rows that were looked up, with their gradients g (minus, if ``maximize``)::

        m <- β₁ m + (1 - β₁) g            v <- β₂ v + (1 - β₂) g²
        p <- p - lr sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (sqrt(v) + eps)

    All others stay as they are, their moments too: a step costs what the batch does, however large the table.
    t counts the steps of the whole parameter. In a compiled step, where how many rows there are is not known,
    it costs what the table does.

    Raises ArgumentError for a negative option or a beta outside [0, 1), NotSupportedError for a dense
    gradient.

    >>> import rushlight as rl
    >>> table = rl.nn.Embedding(1000, 2, sparse=True)
    >>> optimizer = rl.optim.SparseAdam(table.parameters(), lr=0.1)
    >>> before = table.weight.detach().clone()
    >>> table(rl.tensor([3, 7, 3])).sum().backward()
    >>> optimizer.step()
    >>> (table.weight != before).nonzero()[:, 0].unique()
    tensor([3, 7])
    """

    sparse = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("SparseAdam", group, 0.0, "lr", "eps")
        check_betas("SparseAdam", group["betas"])
        if any(isinstance(p, Composite) for p in group["params"]):
            got = "a sparse parameter"
            raise NotSupportedError(message("SparseAdam", got, "dense ones with sparse gradients"))

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        return zeros_for(param, "exp_avg", "exp_avg_sq")

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        if not isinstance(grad, SparseTensor):
            remedy = "Use Adam, or Embedding(sparse=True)."
            raise NotSupportedError(message("SparseAdam", "a dense gradient", "a sparse one", remedy))
        state["step"].add_(1.0)
        if group["maximize"]:
            grad = grad.rebuilt((grad._indices(), -grad._values()))
        change = _of_all if thread.tracing else _of_rows
        return change(grad, state, group)


def _of_rows(grad: SparseTensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
    grad = grad.coalesce()
    places, values = grad.parts()
    rows, moments = places[0], (state["exp_avg"], state["exp_avg_sq"])
    found = _moved([moment.index_select(0, rows) for moment in moments], values, group)
    for moment, new in zip(moments, found, strict=True):
        moment.index_copy_(0, rows, new)
    return grad.rebuilt((places, _change(found, state, group)))


def _of_all(grad: SparseTensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
    """The same of the whole table: what has no gradient is put back."""
    places, values = grad.parts()
    ones = SparseTensor(places, ops.ones_like(values[:, :1]), (*grad.shape[:1], 1))
    touched = ones.to_dense() > 0
    moments = [state["exp_avg"], state["exp_avg_sq"]]
    found = _moved(moments, grad.to_dense(), group)
    for moment, new in zip(moments, found, strict=True):
        moment.copy_(ops.where(touched, new, moment))
    return ops.where(touched, _change(found, state, group), 0.0)


def _moved(moments: list[Tensor], grad: Tensor, group: ParamGroup) -> list[Tensor]:
    """Both moving averages, moved on."""
    news = (grad, grad * grad)
    return [m + (n - m) * (1 - beta) for m, n, beta in zip(moments, news, group["betas"], strict=True)]


def _change(moments: list[Tensor], state: dict[str, Tensor], group: ParamGroup) -> Tensor:
    mean, square = moments
    (beta1, beta2), t, lr = group["betas"], state["step"], group.tensor("lr", float64)
    rate = lr * ops.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    return mean / (square.sqrt() + group["eps"]) * rate.to(mean.dtype)
