"""Networks within equations: a PINN, and a neural ODE whose loss goes through the solver."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.models.base import Generator, Model, Weights, linear

__all__ = ["PINN", "NeuralODE"]


class PINN(Model):
    """Mean square of what is left of Burgers' equation, u_t + u u_x - 0.01 / pi u_xx. Widths: its layers'."""

    def fill(self, new: Weights) -> None:
        for i, (fan_in, fan_out) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            new.linear(str(i), fan_in, fan_out)

    def batch(self, rng: Generator) -> tuple[Any, ...]:
        x = rng.uniform(-1, 1, (self.workload.batch, 1)).astype(np.float32)
        return x, rng.random((self.workload.batch, 1)).astype(np.float32)

    def loss(self, x: Any, t: Any) -> Any:
        L = self.L
        x, t = x.detach().requires_grad_(), t.detach().requires_grad_()
        u = L.cat([x, t], 1)
        layers = len(self.widths) - 1
        for i in range(layers):
            u = self.linear(str(i), u)
            u = u if i == layers - 1 else u.tanh()
        u_x, u_t = L.autograd.grad(u.sum(), (x, t), create_graph=True)
        (u_xx,) = L.autograd.grad(u_x.sum(), (x,), create_graph=True)
        return ((u_t + u * u_x - 0.01 / math.pi * u_xx) ** 2).mean()

    def jax_loss(self, p: Any, x: Any, t: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def u(x: Any, t: Any) -> Any:
            out = jnp.stack([x, t])
            layers = len(self.widths) - 1
            for i in range(layers):
                out = linear(p, str(i), out)
                out = out if i == layers - 1 else jnp.tanh(out)
            return out[0]

        def left(x: Any, t: Any) -> Any:
            u_x, u_t = jax.grad(u, (0, 1))(x, t)
            return u_t + u(x, t) * u_x - 0.01 / math.pi * jax.grad(jax.grad(u))(x, t)

        return jnp.mean(jax.vmap(left)(x[:, 0], t[:, 0]) ** 2)


class NeuralODE(Model):
    """y' = f(y) by Runge and Kutta's method of order 4, in JAX by ``lax.scan``. Widths: steps, then f's."""

    TIME = 1.0

    def fill(self, new: Weights) -> None:
        for i, (fan_in, fan_out) in enumerate(zip(self.widths[1:], self.widths[2:], strict=False)):
            new.linear(str(i), fan_in, fan_out)

    def batch(self, rng: Generator) -> tuple[Any, ...]:
        y = rng.uniform(-1, 1, (self.workload.batch, self.widths[1])).astype(np.float32)
        return y, np.roll(y, 1, 1) * np.float32(0.7)

    def loss(self, y: Any, target: Any) -> Any:
        def f(y: Any) -> Any:
            for i in range(len(self.widths) - 3):
                y = self.linear(str(i), y).tanh()
            return self.linear(str(len(self.widths) - 3), y)

        h = self.TIME / self.widths[0]
        for _ in range(self.widths[0]):
            y = rk4(f, y, h)
        return self.F.mse_loss(y, target)

    def jax_loss(self, p: Any, y: Any, target: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def f(y: Any) -> Any:
            for i in range(len(self.widths) - 3):
                y = jnp.tanh(linear(p, str(i), y))
            return linear(p, str(len(self.widths) - 3), y)

        h = self.TIME / self.widths[0]
        y, _ = jax.lax.scan(lambda y, _: (rk4(f, y, h), None), y, length=self.widths[0])
        return jnp.mean((y - target) ** 2)


def rk4(f: Any, y: Any, h: float) -> Any:
    """One step of size h."""
    k1 = f(y)
    k2 = f(y + h / 2 * k1)
    k3 = f(y + h / 2 * k2)
    k4 = f(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
