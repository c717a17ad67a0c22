"""A variational autoencoder. Its noise is part of the batch, so that all draw the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.models.base import Generator, Model, Weights, linear

__all__ = ["VAE"]


class VAE(Model):
    """Nats a picture: how badly it is drawn again, how far its code is from N(0, 1).

    Widths: pixels, hidden, code.
    """

    def fill(self, new: Weights) -> None:
        pixels, hidden, code = self.widths
        new.linear("seen", pixels, hidden)
        new.linear("code", hidden, 2 * code)
        new.linear("told", code, hidden)
        new.linear("drawn", hidden, pixels)

    def batch(self, rng: Generator) -> tuple[Any, ...]:
        pixels, _, code = self.widths
        x = rng.random((self.workload.batch, pixels)) * (rng.random(pixels) < 0.2)
        return x.astype(np.float32), rng.normal(size=(self.workload.batch, code)).astype(np.float32)

    def loss(self, x: Any, noise: Any) -> Any:
        L, F = self.L, self.F
        mean, log_var = self.linear("code", F.relu(self.linear("seen", x))).chunk(2, 1)
        code = mean + noise * L.exp(0.5 * log_var)
        logits = self.linear("drawn", F.relu(self.linear("told", code)))
        drawn = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        apart = -0.5 * L.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return (drawn + apart) / len(x)

    def jax_loss(self, p: Any, x: Any, noise: Any) -> Any:
        import jax
        import jax.numpy as jnp

        mean, log_var = jnp.split(linear(p, "code", jax.nn.relu(linear(p, "seen", x))), 2, 1)
        code = mean + noise * jnp.exp(0.5 * log_var)
        logits = linear(p, "drawn", jax.nn.relu(linear(p, "told", code)))
        drawn = jnp.sum(jax.nn.softplus(logits) - x * logits)
        apart = -0.5 * jnp.sum(1 + log_var - mean**2 - jnp.exp(log_var))
        return (drawn + apart) / len(x)
