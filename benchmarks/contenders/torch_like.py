"""The training loop of PyTorch's tutorials. Rushlight runs the same lines with another import."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.contenders.base import ALL, Contender, Step
from benchmarks.workloads import Problem, Workload

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

    models = ALL

    def setup(self, problem: Problem) -> Step:
        lib: Any = import_module(self.library)
        F: Any = import_module(f"{self.library}.nn.functional")
        w = problem.workload
        self.batches = [tuple(lib.from_numpy(a) for a in batch) for batch in problem.batches]
        infers = w.kind == "infer"
        forward: Any
        loss: Any
        if infers:
            lib.set_grad_enabled(False)
        if w.model != "mlp":
            model = problem.model
            params = {k: lib.nn.Parameter(lib.from_numpy(a)) for k, a in model.parameters().items()}
            model.use(lib, params | {k: lib.from_numpy(a) for k, a in model.kept().items()})
            self.params = list(params.values())
            forward, loss = model.outputs, model.loss
        else:
            forward = network(lib, problem)
            criterion: Any = F.mse_loss if w.loss == "mse" else F.cross_entropy
            self.params = list(forward.parameters())
            loss = lambda x, y: criterion(forward(x), y)  # noqa: E731
        if infers:
            return self.wrapped(forward)
        self.loss: Any = self.wrapped(loss)
        self.clip = w.clip
        self.clip_grad_norm_: Any = lib.nn.utils.clip_grad_norm_
        self.optimizer: Any = self.rule(lib, w)
        return self.train

    def wrapped(self, function: Any) -> Any:
        """The forward pass, or the loss, as it is called."""
        return function

    def rule(self, lib: Any, w: Workload) -> Any:
        """The optimiser."""
        options = self.optimizer_options()
        if w.optimizer == "sgd":
            return lib.optim.SGD(self.params, lr=w.lr, momentum=w.momentum, **options)
        rule = lib.optim.AdamW if w.optimizer == "adamw" else lib.optim.Adam
        return rule(self.params, lr=w.lr, **options)

    def optimizer_options(self) -> dict[str, Any]:
        """More options of the optimiser."""
        return {}

    def train(self, *batch: Any) -> Any:
        """One step, as a tutorial writes it."""
        self.optimizer.zero_grad()
        loss = self.loss(*batch)
        loss.backward()
        if self.clip:
            self.clip_grad_norm_(self.params, self.clip)
        self.optimizer.step()
        return loss

    def array(self, result: Any) -> Any:
        return result.detach().numpy()
