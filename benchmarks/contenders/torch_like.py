"""The training loop of PyTorch's tutorials. Rushlight runs the same lines with another import."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks import models
from benchmarks.contenders.base import Contender, Step
from benchmarks.workloads import Problem

__all__ = ["TorchLike", "network"]


def network(lib: Any, problem: Problem) -> Any:
    """The problem's network, with its weights, from modules of `lib`."""
    layers: list[Any] = []
    for weight, bias in problem.layers:
        linear = lib.nn.Linear(weight.shape[1], weight.shape[0])
        with lib.no_grad():
            linear.weight.copy_(lib.from_numpy(weight))
            linear.bias.copy_(lib.from_numpy(bias))
        layers += [linear, lib.nn.Tanh() if problem.workload.activation == "tanh" else lib.nn.ReLU()]
    return lib.nn.Sequential(*layers[:-1])


class TorchLike(Contender):
    """A network, a loss and an optimiser by PyTorch's names, taken from ``library``."""

    models = frozenset({"mlp", "gpt", "lstm", "pinn"})

    def setup(self, problem: Problem) -> Step:
        lib: Any = import_module(self.library)
        F: Any = import_module(f"{self.library}.nn.functional")
        w = problem.workload
        self.batches = [tuple(lib.from_numpy(a) for a in batch) for batch in problem.batches]
        if w.model != "mlp":
            params = {k: lib.nn.Parameter(lib.from_numpy(a)) for k, a in models.parameters(w).items()}
            self.loss: Any = lambda *batch: models.LOSSES[w.model](lib, F, params, w, *batch)
            rule: Any = lib.optim.AdamW if w.optimizer == "adamw" else lib.optim.Adam
            self.optimizer: Any = rule(params.values(), lr=w.lr)
            return self.train
        self.model: Any = network(lib, problem)
        if w.kind == "infer":
            lib.set_grad_enabled(False)
            return self.model
        criterion: Any = F.mse_loss if w.loss == "mse" else F.cross_entropy
        self.loss = lambda x, y: criterion(self.model(x), y)
        self.optimizer = lib.optim.SGD(
            self.model.parameters(), lr=w.lr, momentum=w.momentum, **self.optimizer_options()
        )
        return self.train

    def optimizer_options(self) -> dict[str, Any]:
        """More options of the optimiser."""
        return {}

    def train(self, *batch: Any) -> Any:
        """One step, as a tutorial writes it."""
        self.optimizer.zero_grad()
        loss = self.loss(*batch)
        loss.backward()
        self.optimizer.step()
        return loss

    def array(self, result: Any) -> Any:
        return result.detach().numpy()
