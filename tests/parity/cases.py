"""How a call is entered that both frameworks run: tables in `cases_*.py`, run by `test_cases_parity.py`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[..., Any]
CASES: dict[str, tuple[Call, tuple[np.ndarray, ...]]] = {}


def case(name: str, call: Call, *arrays: np.ndarray) -> None:
    """Enters `call(L, *tensors)`."""
    assert name not in CASES
    CASES[name] = call, arrays


def settled(layer: Any, like: Any = None) -> Any:
    """The layer, of the dtype of `like`, with weights that both frameworks have: cosines of their places."""
    layer = layer if like is None else layer.to(like.dtype)
    for i, t in enumerate(itertools.chain(layer.parameters(), layer.buffers())):
        if t.is_floating_point():
            t.data.copy_(((t.data * 0 + 1).cumsum(-1) * 0.7 + i).cos().abs() + 0.1)
    return layer


def text(layer: Any) -> str:
    """What is printed, with names of dtypes as they are here."""
    out = repr(layer).replace("torch.FloatTensor", "float32").replace("torch.DoubleTensor", "float64")
    return out.replace("torch.float", "float")


def layer(name: str, make: Call, *arrays: np.ndarray) -> None:
    """A layer with the same weights, in training and not: result, gradients, keys, text."""

    def run(L: Any, *t: Any) -> list[Any]:
        found = []
        for training in (True, False):
            made = settled(make(L), next((x for x in t if x.is_floating_point()), L.ones(1)))
            made.train(training)
            out = made(*t)
            out = out if isinstance(out, tuple) else (out,)
            sum((o * o).sum() for o in out if o.requires_grad).backward(retain_graph=True)
            found += [*out, *(p.grad for p in made.parameters()), list(made.state_dict()), text(made)]
        return found

    case(f"layer {name}", run, *arrays)
