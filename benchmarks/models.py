"""Larger models, written once for libraries that look like PyTorch: parameters, batches and losses.

``Workload.widths`` says how large one is: of a GPT (vocabulary, width, heads, blocks, tokens), of an LSTM
(inputs, hidden, steps, classes), of a PINN the widths of its layers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

__all__ = ["LOSSES", "batches", "parameters"]


def parameters(workload: Workload) -> dict[str, Any]:
    """Arrays by name: weights (out, in) and biases uniform within 1 / sqrt(in), scales of norms 1."""
    rng = np.random.default_rng(workload.seed)
    found: dict[str, Any] = {}

    def linear(name: str, fan_in: int, fan_out: int) -> None:
        bound = fan_in**-0.5
        found[f"{name}.w"] = rng.uniform(-bound, bound, (fan_out, fan_in)).astype(np.float32)
        found[f"{name}.b"] = rng.uniform(-bound, bound, fan_out).astype(np.float32)

    def norm(name: str, width: int) -> None:
        found[f"{name}.w"] = np.ones(width, np.float32)
        found[f"{name}.b"] = np.zeros(width, np.float32)

    if workload.model == "gpt":
        vocabulary, width, _, blocks, tokens = workload.widths
        found["token"] = rng.normal(0, 0.02, (vocabulary, width)).astype(np.float32)
        found["place"] = rng.normal(0, 0.02, (tokens, width)).astype(np.float32)
        for i in range(blocks):
            norm(f"{i}.norm1", width)
            linear(f"{i}.qkv", width, 3 * width)
            linear(f"{i}.out", width, width)
            norm(f"{i}.norm2", width)
            linear(f"{i}.up", width, 4 * width)
            linear(f"{i}.down", 4 * width, width)
        norm("norm", width)
        linear("head", width, vocabulary)
    elif workload.model == "lstm":
        inputs, hidden, _, classes = workload.widths
        linear("gates", inputs + hidden, 4 * hidden)
        linear("head", hidden, classes)
    else:
        for i, (fan_in, fan_out) in enumerate(zip(workload.widths, workload.widths[1:], strict=False)):
            linear(str(i), fan_in, fan_out)
    return found


def batches(workload: Workload) -> list[tuple[Any, ...]]:
    """What each step is given."""
    rng = np.random.default_rng(workload.data_seed)
    found: list[tuple[Any, ...]] = []
    for _ in range(workload.batches):
        if workload.model == "gpt":
            vocabulary, _, _, _, tokens = workload.widths
            text = rng.integers(0, vocabulary, (workload.batch, 1)) + np.arange(tokens + 1)
            noise = rng.integers(0, vocabulary, text.shape)
            text = np.where(rng.random(text.shape) < 0.2, noise, text) % vocabulary
            found.append((text[:, :-1].copy(), text[:, 1:].copy()))
        elif workload.model == "lstm":
            inputs, _, steps, classes = workload.widths
            y = rng.integers(0, classes, workload.batch)
            x = rng.random((steps, workload.batch, inputs)) * (y[:, None] + 1) / classes
            found.append((x.astype(np.float32), y))
        else:
            x = rng.uniform(-1, 1, (workload.batch, 1)).astype(np.float32)
            found.append((x, rng.random((workload.batch, 1)).astype(np.float32)))
    return found


def gpt(lib: Any, F: Any, p: dict[str, Any], workload: Workload, text: Any, targets: Any) -> Any:
    """Cross-entropy of a transformer that sees what came before."""
    vocabulary, width, heads, blocks, tokens = workload.widths

    def linear(name: str, x: Any) -> Any:
        return F.linear(x, p[f"{name}.w"], p[f"{name}.b"])

    def norm(name: str, x: Any) -> Any:
        apart = x - x.mean(-1, keepdim=True)
        spread = (apart * apart).mean(-1, keepdim=True)
        return apart * (spread + 1e-5).rsqrt() * p[f"{name}.w"] + p[f"{name}.b"]

    def split(x: Any) -> Any:
        return x.reshape(-1, tokens, heads, width // heads).transpose(1, 2)

    later = lib.tril(lib.ones(tokens, tokens)) == 0
    x = p["token"][text] + p["place"]
    for i in range(blocks):
        q, k, v = (split(part) for part in linear(f"{i}.qkv", norm(f"{i}.norm1", x)).chunk(3, -1))
        scores = (q @ k.transpose(-2, -1)) * (width // heads) ** -0.5
        seen = F.softmax(scores.masked_fill(later, -math.inf), dim=-1) @ v
        x = x + linear(f"{i}.out", seen.transpose(1, 2).reshape(-1, tokens, width))
        up = linear(f"{i}.up", norm(f"{i}.norm2", x))
        x = x + linear(f"{i}.down", 0.5 * up * (1 + lib.erf(up * 0.5**0.5)))
    return F.cross_entropy(linear("head", norm("norm", x)).reshape(-1, vocabulary), targets.reshape(-1))


def lstm(lib: Any, F: Any, p: dict[str, Any], workload: Workload, x: Any, y: Any) -> Any:
    """Cross-entropy of what an LSTM, written as a loop over its steps, makes of a sequence."""
    h = c = lib.zeros(len(y), workload.widths[1])
    for i in range(workload.widths[2]):
        gates = F.linear(lib.cat([x[i], h], 1), p["gates.w"], p["gates.b"])
        take, forget, new, show = gates.chunk(4, 1)
        c = forget.sigmoid() * c + take.sigmoid() * new.tanh()
        h = show.sigmoid() * c.tanh()
    return F.cross_entropy(F.linear(h, p["head.w"], p["head.b"]), y)


def pinn(lib: Any, F: Any, p: dict[str, Any], workload: Workload, x: Any, t: Any) -> Any:
    """Mean square of what is left of Burgers' equation, u_t + u u_x - 0.01 / pi u_xx."""
    x, t = x.detach().requires_grad_(), t.detach().requires_grad_()
    u = lib.cat([x, t], 1)
    layers = len(workload.widths) - 1
    for i in range(layers):
        u = F.linear(u, p[f"{i}.w"], p[f"{i}.b"])
        u = u if i == layers - 1 else u.tanh()
    u_x, u_t = lib.autograd.grad(u.sum(), (x, t), create_graph=True)
    (u_xx,) = lib.autograd.grad(u_x.sum(), (x,), create_graph=True)
    return ((u_t + u * u_x - 0.01 / math.pi * u_xx) ** 2).mean()


LOSSES = {"gpt": gpt, "lstm": lstm, "pinn": pinn}
