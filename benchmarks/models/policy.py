"""The update of proximal policy optimisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.models.base import Generator, Model, Weights, linear

__all__ = ["PPO"]

CLIP, OF_VALUE, OF_ENTROPY = 0.2, 0.5, 0.01


class PPO(Model):
    """An actor and a critic, each with tanh. Widths: observations, hidden ones, actions."""

    def fill(self, new: Weights) -> None:
        for name, last in (("actor", self.widths[-1]), ("critic", 1)):
            widths = (*self.widths[:-1], last)
            for i, (fan_in, fan_out) in enumerate(zip(widths, widths[1:], strict=False)):
                new.linear(f"{name}{i}", fan_in, fan_out)

    def batch(self, rng: Generator) -> tuple[Any, ...]:
        count, actions = self.workload.batch, self.widths[-1]
        states, advantages, returns = (
            rng.normal(size=size).astype(np.float32) for size in ((count, self.widths[0]), count, count)
        )
        chosen = rng.integers(0, actions, count)
        before = (rng.normal(0, 0.2, count) - np.log(actions)).astype(np.float32)
        return states, chosen, before, advantages, returns

    def loss(self, states: Any, chosen: Any, before: Any, advantages: Any, returns: Any) -> Any:
        L, F = self.L, self.F

        def network(name: str) -> Any:
            x = states
            for i in range(len(self.widths) - 2):
                x = self.linear(f"{name}{i}", x).tanh()
            return self.linear(f"{name}{len(self.widths) - 2}", x)

        log_p = F.log_softmax(network("actor"), dim=-1)
        ratio = (log_p.gather(1, chosen[:, None])[:, 0] - before).exp()
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        gain = L.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages).mean()
        entropy = -(log_p.exp() * log_p).sum(-1).mean()
        return OF_VALUE * F.mse_loss(network("critic")[:, 0], returns) - gain - OF_ENTROPY * entropy

    def jax_loss(self, p: Any, states: Any, chosen: Any, before: Any, advantages: Any, returns: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def network(name: str) -> Any:
            x = states
            for i in range(len(self.widths) - 2):
                x = jnp.tanh(linear(p, f"{name}{i}", x))
            return linear(p, f"{name}{len(self.widths) - 2}", x)

        log_p = jax.nn.log_softmax(network("actor"))
        ratio = jnp.exp(jnp.take_along_axis(log_p, chosen[:, None], axis=1)[:, 0] - before)
        advantages = (advantages - advantages.mean()) / (advantages.std(ddof=1) + 1e-8)
        gain = jnp.minimum(ratio * advantages, ratio.clip(1 - CLIP, 1 + CLIP) * advantages).mean()
        entropy = -(jnp.exp(log_p) * log_p).sum(-1).mean()
        return OF_VALUE * jnp.mean((network("critic")[:, 0] - returns) ** 2) - gain - OF_ENTROPY * entropy
