"""An LSTM as a loop over its steps, and as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.models.base import Classifier, Generator, Weights, linear

__all__ = ["LSTMLayer", "LSTMLoop"]


class LSTMLoop(Classifier):
    """Widths: inputs, hidden, steps, classes. A loop in Python; in JAX ``lax.scan``, as all write it."""

    def fill(self, new: Weights) -> None:
        inputs, hidden, _, classes = self.widths
        new.linear("gates", inputs + hidden, 4 * hidden)
        new.linear("head", hidden, classes)

    def batch(self, rng: Generator) -> tuple[Any, ...]:
        inputs, _, steps, classes = self.widths
        y = rng.integers(0, classes, self.workload.batch)
        x = rng.random((steps, self.workload.batch, inputs)) * (y[:, None] + 1) / classes
        return x.astype(np.float32), y

    def outputs(self, x: Any) -> Any:
        h = c = self.L.zeros(x.shape[1], self.widths[1])
        for i in range(self.widths[2]):
            take, forget, new, show = self.linear("gates", self.L.cat([x[i], h], 1)).chunk(4, 1)
            c = forget.sigmoid() * c + take.sigmoid() * new.tanh()
            h = show.sigmoid() * c.tanh()
        return self.linear("head", h)

    def jax_outputs(self, p: Any, x: Any) -> Any:
        import jax.numpy as jnp

        last = last_state(lambda now, h: linear(p, "gates", jnp.concatenate([now, h], 1)), x, self.widths[1])
        return linear(p, "head", last)


class LSTMLayer(LSTMLoop):
    """The same by ``nn.LSTM``. In JAX the products with the inputs come before the loop."""

    def fill(self, new: Weights) -> None:
        inputs, hidden, _, classes = self.widths
        new.within("of.w", hidden, (4 * hidden, inputs))
        new.within("on.w", hidden, (4 * hidden, hidden))
        new.within("of.b", hidden, (4 * hidden,))
        new.within("on.b", hidden, (4 * hidden,))
        new.linear("head", hidden, classes)

    def use(self, library: Any, p: dict[str, Any]) -> None:
        super().use(library, p)
        self.lstm = library.nn.LSTM(*self.widths[:2])
        names = {"weight_ih_l0": "of.w", "weight_hh_l0": "on.w", "bias_ih_l0": "of.b", "bias_hh_l0": "on.b"}
        for name, own in names.items():
            setattr(self.lstm, name, p[own])

    def outputs(self, x: Any) -> Any:
        return self.linear("head", self.lstm(x)[0][-1])

    def jax_outputs(self, p: Any, x: Any) -> Any:
        given = linear(p, "of", x) + p["on.b"]
        return linear(p, "head", last_state(lambda now, h: now + h @ p["on.w"], given, self.widths[1]))


def last_state(gates: Any, x: Any, hidden: int) -> Any:
    """The state after the last step, in JAX."""
    import jax
    import jax.numpy as jnp

    def step(state: Any, now: Any) -> Any:
        h, c = state
        take, forget, new, show = jnp.split(gates(now, h), 4, 1)
        c = jax.nn.sigmoid(forget) * c + jax.nn.sigmoid(take) * jnp.tanh(new)
        return (jax.nn.sigmoid(show) * jnp.tanh(c), c), None

    zero = jnp.zeros((x.shape[1], hidden))
    return jax.lax.scan(step, (zero, zero), x)[0][0]
