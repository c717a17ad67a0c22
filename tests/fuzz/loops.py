"""Steps of random programs that are loops, whose rounds are steps of random programs."""

from __future__ import annotations

import random

from rushlight.compile.capture.placeholder import TraceError
from rushlight.core.tensor import Tensor
from rushlight.errors import RushlightError
from rushlight.func import scan
from tests.fuzz.pool import LARGEST, STEPS, Pool, some, step

ROUNDS = 9


@step(4)
def scanned(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    """A few steps again and again, on a state, a slice, and a tensor from outside."""
    x = some(pool, r, lambda t: t.ndim > 0 and t.dtype.kind == "f" and 0 < t.shape[0] <= ROUNDS)
    if x is None or x.numel() > LARGEST // 4:
        return None
    besides = [t for t in (r.choice(pool),) if t.numel() <= LARGEST // ROUNDS]
    chosen = [(r.choice(STEPS), r.randrange(1 << 30)) for _ in range(r.randint(0, 3))]

    def round_(state: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
        made = [*besides, part, state]
        for kind, seed in chosen:
            try:
                out = kind(made, random.Random(seed), ())
            except TraceError:
                raise
            except RushlightError:
                continue
            if out is not None and out.numel() <= LARGEST // ROUNDS:
                made.append(out)
        alike = [t for t in made[:-1] if t.shape == state.shape and t.dtype == state.dtype]
        new = (state * 0.5 + alike[-1]).tanh()
        # Without the new state nothing would ask for the last one: eager code has no gradient of it, where a
        # loop has 0, and 0 times what is not finite.
        return new, new + made[-1].float().mean()

    last, rest = scan(round_, x[0] * 0.1, x, reverse=r.random() < 0.5)
    return last if r.random() < 0.3 else rest
