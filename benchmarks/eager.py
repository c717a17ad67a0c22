"""``python -m benchmarks.eager [PART OF A NAME ...]``: single operations in eager mode beside PyTorch's.

Both are in one process of one thread and take turns, so that a change in the machine's pace hits both. The
table has the medians, in microseconds of the processor's time, of the forward pass and of both passes, for
batches of 16 and of 128, with the largest quotient last.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["CASES", "main", "measured"]

ROUNDS = 15
SECONDS = 0.004
"""Of a round, for each side: a fast call is repeated that long."""
BATCHES = (16, 128)

Call = Callable[[], Any]
Case = Callable[[Any, Callable[..., Any], int], tuple[Callable[..., Any], list[Any]]]


def _images(L: Any, new: Any, n: int, channels: int = 8, size: int = 16) -> Any:
    return new(n, channels, size, size)


def _rows(L: Any, n: int, count: int, most: int) -> Any:
    import numpy as np

    draw = np.random.default_rng(1).integers(0, most, (n, count) if count else (n,))
    return L.from_numpy(draw)


def _grid_sample(L: Any, new: Any, n: int) -> Any:
    return lambda x, g: L.nn.functional.grid_sample(x, g.tanh(), align_corners=False), [
        _images(L, new, n),
        new(n, 16, 16, 2),
    ]


def _scatter(L: Any, new: Any, n: int) -> Any:
    at = _rows(L, n, 64, 32)
    return lambda x, s: x.scatter_add(1, at, s), [new(n, 32), new(n, 64)]


def _index_add(L: Any, new: Any, n: int) -> Any:
    at = _rows(L, n, 0, 10)
    return lambda x, s: x.index_add(0, at, s), [new(10, 64), new(n, 64)]


def _embedding(L: Any, new: Any, n: int) -> Any:
    at = _rows(L, n, 32, 1000)
    return lambda w: L.nn.functional.embedding(at, w), [new(1000, 64)]


def _picked(L: Any, new: Any, n: int) -> Any:
    at = _rows(L, n, 0, n)
    return lambda x: x[at], [new(n, 128)]


def _pair(L: Any, new: Any, n: int) -> Any:
    rows, columns = L.arange(n), _rows(L, n, 0, 128)
    return lambda x: x[rows, columns], [new(n, 128)]


def _cross_entropy(L: Any, new: Any, n: int) -> Any:
    at = _rows(L, n, 0, 100)
    return lambda x: L.nn.functional.cross_entropy(x, at), [new(n, 100)]


def _batch_norm(L: Any, new: Any, n: int) -> Any:
    mean, var = L.zeros(8), L.ones(8)
    return lambda x, w, b: L.nn.functional.batch_norm(x, mean, var, w, b, True), [
        _images(L, new, n),
        new(8),
        new(8),
    ]


def _recurrent(kind: str) -> Case:
    def case(L: Any, new: Any, n: int) -> Any:
        net = getattr(L.nn, kind)(32, 64)
        return lambda x: net(x)[0], [new(16, n, 32)]

    return case


CASES: dict[str, Case] = {
    "layer_norm": lambda L, new, n: (
        lambda x, w, b: L.nn.functional.layer_norm(x, (128,), w, b),
        [new(n, 128), new(128), new(128)],
    ),
    "layer_norm 3d": lambda L, new, n: (
        lambda x, w, b: L.nn.functional.layer_norm(x, (128,), w, b),
        [new(n, 32, 128), new(128), new(128)],
    ),
    "batch_norm 2d": _batch_norm,
    "lstm": _recurrent("LSTM"),
    "gru": _recurrent("GRU"),
    "embedding": _embedding,
    "index_add": _index_add,
    "scatter_add": _scatter,
    "x[index]": _picked,
    "x[rows, columns]": _pair,
    "x[:, 8:64]": lambda L, new, n: (lambda x: x[:, 8:64], [new(n, 128)]),
    "cat": lambda L, new, n: (lambda a, b: L.cat([a, b], 1), [new(n, 64), new(n, 64)]),
    "grid_sample": _grid_sample,
    "conv2d": lambda L, new, n: (
        lambda x, w, b: L.nn.functional.conv2d(x, w, b, padding=1),
        [_images(L, new, n), new(16, 8, 3, 3), new(16)],
    ),
    "max_pool2d": lambda L, new, n: (lambda x: L.nn.functional.max_pool2d(x, 2), [_images(L, new, n)]),
    "avg_pool2d": lambda L, new, n: (lambda x: L.nn.functional.avg_pool2d(x, 2), [_images(L, new, n)]),
    "softmax": lambda L, new, n: (lambda x: L.softmax(x, -1), [new(n, 100)]),
    "log_softmax": lambda L, new, n: (lambda x: L.log_softmax(x, -1), [new(n, 100)]),
    "cross_entropy": _cross_entropy,
    "gelu": lambda L, new, n: (lambda x: L.nn.functional.gelu(x), [new(n, 256)]),
    "gelu tanh": lambda L, new, n: (lambda x: L.nn.functional.gelu(x, approximate="tanh"), [new(n, 256)]),
    "attention": lambda L, new, n: (
        lambda q, k, v: L.nn.functional.scaled_dot_product_attention(q, k, v),
        [new(n, 2, 16, 32) for _ in range(3)],
    ),
    "sort": lambda L, new, n: (lambda x: L.sort(x, -1)[0], [new(n, 256)]),
    "topk": lambda L, new, n: (lambda x: L.topk(x, 5, -1)[0], [new(n, 256)]),
    "dropout": lambda L, new, n: (lambda x: L.nn.functional.dropout(x, 0.5), [new(n, 256)]),
}


def _sides(case: Case, batch: int, backward: bool) -> Iterator[Call]:
    import numpy as np
    import torch

    import rushlight

    for L in (rushlight, torch):
        rng = np.random.default_rng(0)

        def new(*shape: int, L: Any = L, rng: Any = rng) -> Any:
            return L.from_numpy(rng.standard_normal(shape).astype(np.float32)).requires_grad_(backward)

        function, inputs = case(L, new, batch)
        ones = L.ones_like(function(*inputs)).detach()

        def both(function: Any = function, inputs: Any = inputs, ones: Any = ones) -> None:
            for x in inputs:
                x.grad = None
            function(*inputs).backward(ones)

        def forward(function: Any = function, inputs: Any = inputs, L: Any = L) -> None:
            with L.no_grad():
                function(*inputs)

        yield both if backward else forward


def _adam(batch: int) -> Iterator[Call]:
    """A step of Adam of `batch` small parameters."""
    import torch

    import rushlight

    for L in (rushlight, torch):
        given = [L.nn.Parameter(L.zeros(16, 16)) for _ in range(batch)]
        for p in given:
            p.grad = L.ones(16, 16)
        yield L.optim.Adam(given).step


def _loader(batch: int) -> Iterator[Call]:
    """All of 1024 samples in batches of 64, shuffled."""
    import torch
    import torch.utils.data

    import rushlight
    import rushlight.data

    for L, data in ((rushlight, rushlight.data), (torch, torch.utils.data)):
        held = data.TensorDataset(L.zeros(1024, batch), L.zeros(1024))
        loader = data.DataLoader(held, batch_size=64, shuffle=True)
        yield lambda loader=loader: [None for _ in loader]  # type: ignore[misc]


def measured(calls: list[Call]) -> list[float]:
    """The median seconds of each call; they take turns. Time in which other processes ran does not count."""
    times: list[list[float]] = [[] for _ in calls]
    counts = []
    for call in calls:
        call()
        begin = time.process_time()
        call()
        counts.append(max(1, min(200, int(SECONDS / (time.process_time() - begin)))))
    for _ in range(ROUNDS):
        for found, call, count in zip(times, calls, counts, strict=True):
            begin = time.process_time()
            for _ in range(count):
                call()
            found.append((time.process_time() - begin) / count)
    return [statistics.median(t) for t in times]


def main(names: list[str]) -> None:
    """Measure those whose name has one of `names` in it, all by default, and print the table."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    import torch

    torch.set_num_threads(1)
    tasks: list[tuple[str, Callable[[], Iterator[Call]]]] = []
    for batch in BATCHES:
        for name, case in CASES.items():
            for what, backward in (("forward", False), ("both", True)):
                label = f"| {name} | {what} | {batch} |"
                tasks.append((label, lambda c=case, n=batch, w=backward: _sides(c, n, w)))  # type: ignore[misc]
        tasks.append((f"| Adam | step | {batch} |", lambda n=batch: _adam(n)))  # type: ignore[misc]
        tasks.append((f"| DataLoader | epoch | {batch} |", lambda n=batch: _loader(n)))  # type: ignore[misc]
    rows = []
    for label, sides in tasks:
        if not names or any(n in label for n in names):
            ours, theirs = measured(list(sides()))
            rows.append((ours / theirs, f"{label} {ours * 1e6:.0f} | {theirs * 1e6:.0f} |"))
    print("| operation | passes | batch | Rushlight µs | PyTorch µs | quotient |\n|---|---|--:|--:|--:|--:|")
    for quotient, row in sorted(rows):
        print(f"{row} {quotient:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
