"""NumPy by hand: forward, backward and update written out for one kind of network."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contenders.base import Contender, Step
from benchmarks.workloads import Problem

__all__ = ["NumpyByHand"]


class NumpyByHand(Contender):
    """The least that NumPy has to do: no graph, no module, no optimiser object, updates in place."""

    title = "NumPy by hand"
    library = "numpy"

    def setup(self, problem: Problem) -> Step:
        self.workload = problem.workload
        self.weights = [w.T.copy() for w, _ in problem.layers]
        self.biases = [b.copy() for _, b in problem.layers]
        self.params = self.weights + self.biases
        self.velocities = [np.zeros_like(p) for p in self.params]
        self.rows = np.arange(self.workload.batch)
        self.batches = problem.batches
        return self.infer if self.workload.kind == "infer" else self.train

    def infer(self, x: Any) -> Any:
        """The outputs for one batch."""
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = np.maximum(x @ w + b, 0)
        return x @ self.weights[-1] + self.biases[-1]

    def train(self, x: Any, y: Any) -> Any:
        """One step of gradient descent with momentum; the loss before it."""
        tanh = self.workload.activation == "tanh"
        hidden = [x]
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = hidden[-1] @ w
            z += b
            hidden.append(np.tanh(z, out=z) if tanh else np.maximum(z, 0, out=z))
        out = hidden[-1] @ self.weights[-1] + self.biases[-1]
        loss, g = self.loss(out, y)
        grads_w, grads_b = [], []
        for i in range(len(self.weights) - 1, -1, -1):
            grads_w.append(hidden[i].T @ g)
            grads_b.append(g.sum(axis=0))
            if i:
                g = g @ self.weights[i].T
                g *= 1 - hidden[i] ** 2 if tanh else hidden[i] > 0
        self.update(grads_w[::-1] + grads_b[::-1])
        return loss

    def loss(self, out: Any, y: Any) -> tuple[Any, Any]:
        """The loss and its gradient by the network's output."""
        if self.workload.loss == "mse":
            error = out - y
            return (error * error).mean(), error * (2 / error.size)
        out -= out.max(axis=1, keepdims=True)
        p = np.exp(out)
        total = p.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - out[self.rows, y]).mean()
        p /= total
        p[self.rows, y] -= 1
        p *= 1 / len(p)
        return loss, p

    def update(self, grads: list[Any]) -> None:
        """v <- mu v + g, p <- p - lr v."""
        for p, v, g in zip(self.params, self.velocities, grads, strict=True):
            v *= self.workload.momentum
            v += g
            p -= self.workload.lr * v
