"""How large the gradients are, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rushlight.core.random import fork_rng
from rushlight.train.callbacks.base import Callback
from rushlight.train.steps import run

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["GradientNorms"]


class GradientNorms(Callback):
    """After each epoch the norm of each parameter's gradient on one batch, and that of its weights.

    batch  ``(*inputs, target)``: the same for all epochs, so that they can be compared.

    `rows` has a dict for each epoch: "epoch", and for each parameter ``name.grad`` and ``name.weight``, their
    Euclidean norms. The gradients are computed apart from training, which they leave as it is: the gradients
    of a compiled step are used up inside it.

    >>> import rushlight as rl
    >>> x = rl.linspace(-1, 1, 8).reshape(8, 1)
    >>> norms = rl.train.callbacks.GradientNorms((x, 2 * x))
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.5)
    >>> options = {"progress": False, "callbacks": [norms]}
    >>> _ = rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), **options).fit((x, 2 * x), epochs=20)
    >>> norms.rows[-1]["weight.grad"] < norms.rows[0]["weight.grad"]
    True
    """

    def __init__(self, batch: tuple[Any, ...]) -> None:
        self.batch = tuple(batch)
        self.rows: list[dict[str, Any]] = []

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        from rushlight import autograd

        *inputs, target = self.batch
        with fork_rng():
            loss = trainer.loss(run(trainer.model, inputs), target)
        named = [(name, p) for name, p in trainer.model.named_parameters() if p.requires_grad]
        found = autograd.grad(loss, [p for _, p in named], allow_unused=True)
        line: dict[str, Any] = {"epoch": row["epoch"]}
        for (name, parameter), gradient in zip(named, found, strict=True):
            line[f"{name}.grad"] = 0.0 if gradient is None else gradient.norm().item()
            line[f"{name}.weight"] = parameter.detach().norm().item()
        self.rows.append(line)
