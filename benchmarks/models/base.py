"""What every model says: parameters, batches, and a loss, once for Rushlight and PyTorch and once in JAX."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

__all__ = ["Classifier", "Model", "Weights", "entropy", "linear"]

Generator = np.random.Generator


class Weights(dict[str, Any]):
    """Arrays by name: weights (out, in, ...) and biases within 1 / sqrt(fan-in), scales of norms 1."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def linear(self, name: str, fan_in: int, fan_out: int) -> None:
        """``name.w`` (out, in) and ``name.b``."""
        self.within(f"{name}.w", fan_in, (fan_out, fan_in))
        self.within(f"{name}.b", fan_in, (fan_out,))

    def conv(self, name: str, channels: int, filters: int, size: int) -> None:
        """``name.w`` (filters, channels, size, size) and ``name.b``."""
        self.within(f"{name}.w", channels * size * size, (filters, channels, size, size))
        self.within(f"{name}.b", channels * size * size, (filters,))

    def norm(self, name: str, width: int) -> None:
        """Ones and zeros."""
        self[f"{name}.w"] = np.ones(width, np.float32)
        self[f"{name}.b"] = np.zeros(width, np.float32)

    def within(self, name: str, fan_in: int, shape: tuple[int, ...]) -> None:
        """Uniform within 1 / sqrt(fan_in)."""
        self[name] = self.rng.uniform(-(fan_in**-0.5), fan_in**-0.5, shape).astype(np.float32)

    def normal(self, name: str, deviation: float, shape: tuple[int, ...]) -> None:
        """Normal about zero."""
        self[name] = self.rng.normal(0, deviation, shape).astype(np.float32)


class Model(ABC):
    """One model. ``Workload.widths`` says how large it is; its class says in which order.

    For Rushlight and PyTorch, ``use`` is called once; ``loss`` reads ``L`` (the library), ``F`` and ``p``. In
    JAX parameters are an argument, weights of linear layers lie as (in, out), filters and pictures with the
    channels last, as JAX's users have them.
    """

    L: Any
    F: Any
    p: dict[str, Any]

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.widths = workload.widths

    @abstractmethod
    def fill(self, new: Weights) -> None:
        """Make the parameters."""

    @abstractmethod
    def batch(self, rng: Generator) -> tuple[Any, ...]:
        """What a step is given."""

    @abstractmethod
    def loss(self, *batch: Any) -> Any:
        """In the words that Rushlight and PyTorch share."""

    @abstractmethod
    def jax_loss(self, p: Any, *batch: Any) -> Any:
        """In JAX."""

    def parameters(self) -> dict[str, Any]:
        """Arrays by name, the same in every process."""
        new = Weights(self.workload.seed)
        self.fill(new)
        return dict(new)

    def kept(self) -> dict[str, Any]:
        """What a step updates beside the parameters, as running statistics."""
        return {}

    def batches(self) -> list[tuple[Any, ...]]:
        """The same in every process."""
        rng = np.random.default_rng(self.workload.data_seed)
        return [self.batch(rng) for _ in range(self.workload.batches)]

    def use(self, library: Any, p: dict[str, Any]) -> None:
        """Take a library that looks like PyTorch; `p` are its parameters, and what is kept."""
        self.L, self.F, self.p = library, library.nn.functional, p

    def linear(self, name: str, x: Any) -> Any:
        """The layer of that name."""
        return self.F.linear(x, self.p[f"{name}.w"], self.p[f"{name}.b"])

    def outputs(self, x: Any) -> Any:
        """What inference gives."""
        raise NotImplementedError(f"{type(self).__name__} is only trained")

    def jax_outputs(self, p: Any, x: Any) -> Any:
        """What inference gives, in JAX."""
        raise NotImplementedError(f"{type(self).__name__} is only trained")

    def jax_step(self, p: Any, kept: Any, *batch: Any) -> tuple[Any, Any]:
        """The loss, and the new values of what is kept."""
        return self.jax_loss(p, *batch), kept

    def jax_weight(self, name: str, array: Any) -> Any:
        """A parameter as it lies in JAX."""
        if not name.endswith(".w"):
            return array
        axes = (*range(2, array.ndim), 1, 0) if array.ndim > 1 else (0,)
        return np.ascontiguousarray(array.transpose(axes))

    def jax_batch(self, *batch: Any) -> tuple[Any, ...]:
        """A batch as it lies in JAX."""
        return batch


class Classifier(Model):
    """Cross-entropy of its outputs, whatever the axes before the classes."""

    def loss(self, x: Any, y: Any) -> Any:
        out = self.outputs(x)
        return self.F.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))

    def jax_loss(self, p: Any, x: Any, y: Any) -> Any:
        return entropy(self.jax_outputs(p, x), y)


def linear(p: Any, name: str, x: Any) -> Any:
    """The layer of that name, in JAX."""
    return x @ p[f"{name}.w"] + p[f"{name}.b"]


def entropy(out: Any, y: Any) -> Any:
    """Mean cross-entropy of the classes `y`, in JAX."""
    import jax
    import jax.numpy as jnp

    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[..., None], axis=-1))
