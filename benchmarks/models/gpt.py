"""A transformer that sees what came before."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.models.base import Classifier, Generator, Weights, linear

__all__ = ["GPT"]


class GPT(Classifier):
    """Widths: vocabulary, width, heads, blocks, tokens."""

    def fill(self, new: Weights) -> None:
        vocabulary, width, _, blocks, tokens = self.widths
        new.normal("token", 0.02, (vocabulary, width))
        new.normal("place", 0.02, (tokens, width))
        for i in range(blocks):
            new.norm(f"{i}.norm1", width)
            new.linear(f"{i}.qkv", width, 3 * width)
            new.linear(f"{i}.out", width, width)
            new.norm(f"{i}.norm2", width)
            new.linear(f"{i}.up", width, 4 * width)
            new.linear(f"{i}.down", 4 * width, width)
        new.norm("norm", width)
        new.linear("head", width, vocabulary)

    def batch(self, rng: Generator) -> tuple[Any, ...]:
        vocabulary, _, _, _, tokens = self.widths
        text = rng.integers(0, vocabulary, (self.workload.batch, 1)) + np.arange(tokens + 1)
        noise = rng.integers(0, vocabulary, text.shape)
        text = np.where(rng.random(text.shape) < 0.2, noise, text) % vocabulary
        return text[:, :-1].copy(), text[:, 1:].copy()

    def outputs(self, text: Any) -> Any:
        L, F, p = self.L, self.F, self.p
        _, width, heads, blocks, tokens = self.widths

        def norm(name: str, x: Any) -> Any:
            apart = x - x.mean(-1, keepdim=True)
            spread = (apart * apart).mean(-1, keepdim=True)
            return apart * (spread + 1e-5).rsqrt() * p[f"{name}.w"] + p[f"{name}.b"]

        def split(x: Any) -> Any:
            return x.reshape(-1, tokens, heads, width // heads).transpose(1, 2)

        later = L.tril(L.ones(tokens, tokens)) == 0
        x = p["token"][text] + p["place"]
        for i in range(blocks):
            q, k, v = (split(part) for part in self.linear(f"{i}.qkv", norm(f"{i}.norm1", x)).chunk(3, -1))
            scores = (q @ k.transpose(-2, -1)) * (width // heads) ** -0.5
            seen = F.softmax(scores.masked_fill(later, -math.inf), dim=-1) @ v
            x = x + self.linear(f"{i}.out", seen.transpose(1, 2).reshape(-1, tokens, width))
            up = self.linear(f"{i}.up", norm(f"{i}.norm2", x))
            x = x + self.linear(f"{i}.down", 0.5 * up * (1 + L.erf(up * 0.5**0.5)))
        return self.linear("head", norm("norm", x))

    def jax_outputs(self, p: Any, text: Any) -> Any:
        import jax
        import jax.numpy as jnp

        _, width, heads, blocks, tokens = self.widths

        def norm(name: str, x: Any) -> Any:
            apart = x - x.mean(-1, keepdims=True)
            spread = (apart * apart).mean(-1, keepdims=True)
            return apart * jax.lax.rsqrt(spread + 1e-5) * p[f"{name}.w"] + p[f"{name}.b"]

        def split(x: Any) -> Any:
            return x.reshape(-1, tokens, heads, width // heads).swapaxes(1, 2)

        before = jnp.tril(jnp.ones((tokens, tokens), bool))
        x = p["token"][text] + p["place"]
        for i in range(blocks):
            qkv = linear(p, f"{i}.qkv", norm(f"{i}.norm1", x))
            q, k, v = (split(part) for part in jnp.split(qkv, 3, -1))
            scores = (q @ k.swapaxes(-2, -1)) * (width // heads) ** -0.5
            seen = jax.nn.softmax(jnp.where(before, scores, -jnp.inf)) @ v
            x = x + linear(p, f"{i}.out", seen.swapaxes(1, 2).reshape(-1, tokens, width))
            up = linear(p, f"{i}.up", norm(f"{i}.norm2", x))
            x = x + linear(p, f"{i}.down", jax.nn.gelu(up, approximate=False))
        return linear(p, "head", norm("norm", x))
