"""The larger models in JAX, and its Adam."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.workloads import Workload

__all__ = ["LOSSES", "adam"]


def gpt(p: Any, workload: Workload, text: Any, targets: Any) -> Any:
    """See ``benchmarks.models``."""
    import jax
    import jax.numpy as jnp

    _, width, heads, blocks, tokens = workload.widths

    def linear(name: str, x: Any) -> Any:
        return x @ p[f"{name}.w"].T + p[f"{name}.b"]

    def norm(name: str, x: Any) -> Any:
        apart = x - x.mean(-1, keepdims=True)
        spread = (apart * apart).mean(-1, keepdims=True)
        return apart * jax.lax.rsqrt(spread + 1e-5) * p[f"{name}.w"] + p[f"{name}.b"]

    def split(x: Any) -> Any:
        return x.reshape(-1, tokens, heads, width // heads).swapaxes(1, 2)

    before = jnp.tril(jnp.ones((tokens, tokens), bool))
    x = p["token"][text] + p["place"]
    for i in range(blocks):
        q, k, v = (split(part) for part in jnp.split(linear(f"{i}.qkv", norm(f"{i}.norm1", x)), 3, -1))
        scores = (q @ k.swapaxes(-2, -1)) * (width // heads) ** -0.5
        seen = jax.nn.softmax(jnp.where(before, scores, -jnp.inf)) @ v
        x = x + linear(f"{i}.out", seen.swapaxes(1, 2).reshape(-1, tokens, width))
        x = x + linear(f"{i}.down", jax.nn.gelu(linear(f"{i}.up", norm(f"{i}.norm2", x)), approximate=False))
    return entropy(linear("head", norm("norm", x)), targets)


def lstm(p: Any, workload: Workload, x: Any, y: Any) -> Any:
    """See ``benchmarks.models``; the loop over its steps is ``lax.scan``, as everybody writes it in JAX."""
    import jax
    import jax.numpy as jnp

    def step(state: Any, now: Any) -> Any:
        h, c = state
        gates = jnp.concatenate([now, h], 1) @ p["gates.w"].T + p["gates.b"]
        take, forget, new, show = jnp.split(gates, 4, 1)
        c = jax.nn.sigmoid(forget) * c + jax.nn.sigmoid(take) * jnp.tanh(new)
        return (jax.nn.sigmoid(show) * jnp.tanh(c), c), None

    zero = jnp.zeros((len(y), workload.widths[1]))
    (h, _), _ = jax.lax.scan(step, (zero, zero), x)
    return entropy(h @ p["head.w"].T + p["head.b"], y)


def pinn(p: Any, workload: Workload, x: Any, t: Any) -> Any:
    """See ``benchmarks.models``."""
    import jax
    import jax.numpy as jnp

    def u(x: Any, t: Any) -> Any:
        out = jnp.stack([x, t])
        layers = len(workload.widths) - 1
        for i in range(layers):
            out = p[f"{i}.w"] @ out + p[f"{i}.b"]
            out = out if i == layers - 1 else jnp.tanh(out)
        return out[0]

    def left(x: Any, t: Any) -> Any:
        u_x, u_t = jax.grad(u, (0, 1))(x, t)
        return u_t + u(x, t) * u_x - 0.01 / math.pi * jax.grad(jax.grad(u))(x, t)

    return jnp.mean(jax.vmap(left)(x[:, 0], t[:, 0]) ** 2)


def entropy(out: Any, y: Any) -> Any:
    """Mean cross-entropy of the classes `y`."""
    import jax
    import jax.numpy as jnp

    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[..., None], axis=-1))


def adam(workload: Workload, state: Any, grads: Any) -> Any:
    """The next (parameters, (steps, means, means of squares)), with AdamW's decay for ``adamw``."""
    import jax
    import jax.numpy as jnp

    params, (count, means, squares) = state
    count = count + 1
    means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, grads)
    squares = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, squares, grads)
    decay = 1 - workload.lr * 0.01 if workload.optimizer == "adamw" else 1.0

    def new(p: Any, m: Any, s: Any) -> Any:
        root = jnp.sqrt(s) / jnp.sqrt(1 - 0.999**count) + 1e-8
        return decay * p - workload.lr / (1 - 0.9**count) * m / root

    return jax.tree.map(new, params, means, squares), (count, means, squares)


LOSSES = {"gpt": gpt, "lstm": lstm, "pinn": pinn}
