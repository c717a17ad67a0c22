"""Samples of attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.record import B, X, sample


def dots(L: Any, *args: Any, **options: Any) -> Any:
    return L.nn.functional.scaled_dot_product_attention(*args, **options)


THREE = (X(2, 3, 4), X(2, 5, 4, low=-1.5), X(2, 5, 2))
SEEN = B(3, 5).copy()
SEEN[1] = False  # a query that sees nothing

# fmt: off
sample("scaled_dot_product_attention", dots, THREE, (X(3, 2), X(1, 2), X(1, 2)), exact=False)
sample("scaled_dot_product_attention", lambda L, *t: dots(L, *t, is_causal=True), THREE, exact=False)
sample("scaled_dot_product_attention", lambda L, q, k, v, m: dots(L, q, k, v, m),
    (*THREE, SEEN), (*THREE, X(3, 5)), exact=False)
sample("scaled_dot_product_attention", lambda L, q, k, v: dots(L, q, k, v, enable_gqa=True, scale=0.7),
    (X(1, 4, 2, 3), X(1, 2, 3, 3), X(1, 2, 3, 2)), exact=False)
sample("scaled_dot_product_attention", lambda L, q, k, v, m: dots(L, q, k, v, m),
    kinks=[(*THREE, np.where(SEEN, 0.3, -np.inf))], exact=False)
