"""Convolutions: LeNet-5, and three layers with batch norm."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.models.base import Classifier, Generator, Weights, entropy, linear

__all__ = ["ConvNet", "LeNet"]


class Pictures(Classifier):
    """Classes differ in how bright their pictures are. In JAX the channels are the last axis."""

    SIDE: ClassVar[int]

    def batch(self, rng: Generator) -> tuple[Any, ...]:
        count, classes = self.workload.batch, self.widths[-1]
        y = rng.integers(0, classes, count)
        x = rng.random((count, self.widths[0], self.SIDE, self.SIDE)) * (y[:, None, None, None] + 1) / classes
        return x.astype(np.float32), y

    def jax_batch(self, x: Any, *y: Any) -> tuple[Any, ...]:
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)), *y

    def flat(self, name: str, array: Any, side: int) -> Any:
        """The weight of the layer behind the last picture, for channels that are the last axis."""
        parts = array.reshape(len(array), -1, side, side)
        return np.ascontiguousarray(parts.transpose(2, 3, 1, 0).reshape(-1, len(array)))


class LeNet(Pictures):
    """Widths: channels, two of convolutions (5x5, the first with a border), two of linear layers, classes."""

    SIDE = 28

    def fill(self, new: Weights) -> None:
        channels, first, second, third, fourth, classes = self.widths
        new.conv("conv1", channels, first, 5)
        new.conv("conv2", first, second, 5)
        new.linear("fc1", second * 5 * 5, third)
        new.linear("fc2", third, fourth)
        new.linear("fc3", fourth, classes)

    def outputs(self, x: Any) -> Any:
        F, p = self.F, self.p
        x = F.max_pool2d(F.relu(F.conv2d(x, p["conv1.w"], p["conv1.b"], padding=2)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2.w"], p["conv2.b"])), 2)
        x = F.relu(self.linear("fc1", x.flatten(1)))
        return self.linear("fc3", F.relu(self.linear("fc2", x)))

    def jax_outputs(self, p: Any, x: Any) -> Any:
        from jax.nn import relu

        x = pooled(relu(convolved(p, "conv1", x, 2)))
        x = pooled(relu(convolved(p, "conv2", x, 0)))
        x = relu(linear(p, "fc1", x.reshape(len(x), -1)))
        return linear(p, "fc3", relu(linear(p, "fc2", x)))

    def jax_weight(self, name: str, array: Any) -> Any:
        return self.flat(name, array, 5) if name == "fc1.w" else super().jax_weight(name, array)


class ConvNet(Pictures):
    """Widths: channels, three of 3x3 convolutions, classes. Each has batch norm, ReLU and 2x2 pooling."""

    SIDE = 32

    def fill(self, new: Weights) -> None:
        for i in range(3):
            new.conv(f"conv{i}", self.widths[i], self.widths[i + 1], 3)
            new.norm(f"norm{i}", self.widths[i + 1])
        new.linear("head", self.widths[3] * 4 * 4, self.widths[4])

    def kept(self) -> dict[str, Any]:
        kinds = {"mean": np.zeros, "var": np.ones}
        return {
            f"norm{i}.{k}": new(self.widths[i + 1], np.float32) for i in range(3) for k, new in kinds.items()
        }

    def outputs(self, x: Any) -> Any:
        F, p = self.F, self.p
        for i in range(3):
            x = F.conv2d(x, p[f"conv{i}.w"], p[f"conv{i}.b"], padding=1)
            x = F.batch_norm(x, *(p[f"norm{i}.{k}"] for k in ("mean", "var", "w", "b")), training=True)
            x = F.max_pool2d(F.relu(x), 2)
        return self.linear("head", x.flatten(1))

    def jax_step(self, p: Any, kept: Any, x: Any, y: Any) -> tuple[Any, Any]:
        import jax

        new = {}
        for i in range(3):
            x = convolved(p, f"conv{i}", x, 1)
            mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
            count = x.size // x.shape[-1]
            for name, value in (("mean", mean), ("var", var * (count / (count - 1)))):
                new[f"norm{i}.{name}"] = 0.9 * kept[f"norm{i}.{name}"] + 0.1 * value
            scale = p[f"norm{i}.w"] * jax.lax.rsqrt(var + 1e-5)
            x = pooled(jax.nn.relu((x - mean) * scale + p[f"norm{i}.b"]))
        return entropy(linear(p, "head", x.reshape(len(x), -1)), y), new

    def jax_weight(self, name: str, array: Any) -> Any:
        return self.flat(name, array, 4) if name == "head.w" else super().jax_weight(name, array)


def convolved(p: Any, name: str, x: Any, border: int) -> Any:
    """The convolution of that name, in JAX."""
    import jax

    found = jax.lax.conv_general_dilated(
        x, p[f"{name}.w"], (1, 1), [(border, border)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return found + p[f"{name}.b"]


def pooled(x: Any) -> Any:
    """The largest of each 2x2, in JAX: the derivative of ``reduce_window`` takes longer."""
    import jax.numpy as jnp

    x = jnp.maximum(x[:, ::2], x[:, 1::2])
    return jnp.maximum(x[:, :, ::2], x[:, :, 1::2])
