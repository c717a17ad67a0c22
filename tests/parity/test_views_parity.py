"""Views and in-place updates against PyTorch: random programs, with values, gradients and errors compared.

RUSHLIGHT_VIEW_PROGRAMS sets how many programs run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

PROGRAMS = int(os.environ.get("RUSHLIGHT_VIEW_PROGRAMS", "150"))

OVERWRITTEN = "modified by an inplace operation"
NOT_RECORDED = "its base or another view of its base has been modified"
"""PyTorch's error for views whose base was written, also where the write was under no_grad, or through
`detach()`, and changed no history; here such a view may still be read."""

Step = tuple[Any, ...]
"""What to do, the numbers of the tensors it is done to, plain arguments, and whether under no_grad."""

VIEWS: dict[str, Callable[..., Any]] = {
    "slice": lambda t, i, j: t[i:j],
    "steps": lambda t: t[..., ::2],
    "number": lambda t, i: t[i],
    "newaxis": lambda t: t[None],
    "select": lambda t, d, i: t.select(d, i),
    "narrow": lambda t, d, i, n: t.narrow(d, i, n),
    "transpose": lambda t, a, b: t.transpose(a, b),
    "unsqueeze": lambda t, d: t.unsqueeze(d),
    "squeeze": lambda t: t.squeeze(),
    "reshape": lambda t, *s: t.reshape(*s),
    "view": lambda t: t.view(*t.shape, 1),
    "expand": lambda t, n: t.expand(n, *t.shape),
    "T": lambda t: t.permute(list(range(t.ndim))[::-1]),
    "split": lambda t, n: t.split(n)[0],
    "chunk": lambda t, n: t.chunk(n)[-1],
    "unbind": lambda t, i: t.unbind()[i],
    "iterate": lambda t: next(iter(t)),
    "detach": lambda t: t.detach(),
}
WRITES: dict[str, Callable[..., Any]] = {
    "add_": lambda t, c: t.add_(c),
    "sub_": lambda t, c: t.sub_(c, alpha=2),
    "mul_": lambda t, c: t.mul_(c),
    "div_": lambda t, c: t.div_(c),
    "neg_": lambda t: t.neg_(),
    "tanh_": lambda t: t.tanh_(),
    "sigmoid_": lambda t: t.sigmoid_(),
    "relu_": lambda t: t.relu_(),
    "abs_": lambda t: t.abs_(),
    "pow_": lambda t: t.pow_(2),
    "clamp_": lambda t: t.clamp_(-1.0, 1.0),
    "fill_": lambda t: t.fill_(0.5),
    "zero_": lambda t: t.zero_(),
    "masked_fill_": lambda t: t.masked_fill_(t.detach() > 0.4, 0.25),
    "set_number": lambda t, i: t.__setitem__(i, 0.75),
    "set_slice": lambda t: t.__setitem__(slice(1, None), -0.5),
    "iadd": lambda t: t.__iadd__(0.5),
}
WITH_OTHER: dict[str, Callable[..., Any]] = {
    "copy_": lambda t, o: t.copy_(o),
    "mul_other": lambda t, o: t.mul_(o),
    "add_other": lambda t, o: t.add_(o),
    "set_all": lambda t, o: t.__setitem__(Ellipsis, o),
    "set_first": lambda t, o: t.__setitem__(0, o[0]),
    "imul": lambda t, o: t.__imul__(o),
}
READS: dict[str, Callable[..., Any]] = {
    "sin": lambda t: t.sin(),
    "times": lambda t: t * 3.0,
    "exp": lambda t: (t * 0.1).exp(),
    "square": lambda t: t * t,
    "clone": lambda t: t.clone(),
}
ALL = {**VIEWS, **WRITES, **WITH_OTHER, **READS}


class Run:
    """One library going through a program: its tensors (None where a step failed), and what was seen."""

    def __init__(self, lib: Any, numbers: Any, requires: bool) -> None:
        def leaf(a: Any, grad: bool) -> Any:
            return lib.tensor(a.tolist(), dtype=lib.float64).requires_grad_(grad)

        self.lib = lib
        self.x, self.w = leaf(numbers[0], True), leaf(numbers[1], requires)
        self.tensors: list[Any] = [self.x, self.w, self.x * 1.0, leaf(numbers[2], False)]
        self.made = ["", "", "", ""]
        self.log: list[Any] = []

    def step(self, step: Step) -> None:
        kind, operands, arguments, no_grad = step
        with self.lib.set_grad_enabled(not no_grad):
            try:
                # PyTorch takes a view for a leaf until somebody asks what made it.
                _ = self.tensors[operands[0]].grad_fn
                made = ALL[kind](*[self.tensors[i] for i in operands], *arguments)
                self.log.append("done")
            except Exception as error:
                made = None
                self.log.append(_error(error))
        if kind in VIEWS or kind in READS:
            self.tensors.append(made)
            self.made.append(self._how(step))

    def _how(self, step: Step) -> str:
        """What is special of a view: made under no_grad, or of an expanded tensor."""
        kind, (source,), _, no_grad = step
        if kind not in VIEWS or kind == "detach":
            return ""
        return self.made[source] + " no_grad" * no_grad + " expanded" * (kind == "expand")

    def look(self, number: int) -> None:
        """The values, and whether there is a gradient to ask for."""
        t = self.tensors[number]
        try:
            self.log.append(None if t is None else np.array(t.detach().tolist()))
            known = t is not None and (t * 1.0).requires_grad
            # PyTorch says of a view made under no_grad that it requires grad, and gives it none.
            self.log.append("" if "no_grad" in self.made[number] else known)
        except Exception as error:
            self.log.append(_error(error))

    def total(self, numbers: list[int]) -> Any:
        return sum(((self.tensors[i] * (i + 1.0)).sum() for i in numbers), start=self.x.sum())

    def backward(self, numbers: list[int]) -> None:
        try:
            self.total(numbers).backward()
            self.log.append("done")
        except Exception as error:
            self.log.append(_error(error))
            return
        for leaf in (self.x, self.w):
            grad = leaf.grad if leaf.is_leaf else None
            # A gradient of zeros may be none at all.
            self.log.append(np.array(0.0 if grad is None or not grad.any() else grad.tolist()))


def _error(error: Exception) -> str:
    return f"error: {type(error).__name__} {error}"


def _arguments(r: random.Random, kind: str, t: Any) -> tuple[Any, ...] | None:
    """Arguments that fit the tensor, or None where there are none."""
    n = t.shape[0] if t.ndim else 0
    if kind == "slice":
        return (r.randint(0, n - 1), r.randint(1, n)) if n else None
    if kind in ("number", "unbind", "set_number"):
        return (r.randint(0, n - 1),) if n else None
    if kind in ("select", "narrow"):
        if not t.numel() or not t.ndim:
            return None
        d = r.randint(0, t.ndim - 1)
        i = r.randint(0, t.shape[d] - 1)
        return (d, i) if kind == "select" else (d, i, r.randint(1, t.shape[d] - i))
    if kind == "transpose":
        return (r.randint(0, t.ndim - 1), r.randint(0, t.ndim - 1)) if t.ndim else None
    if kind == "unsqueeze":
        return (r.randint(0, t.ndim),)
    if kind == "reshape":
        return r.choice([(-1,), (*reversed(t.shape),) or (1,), (1, t.numel())])
    if kind == "expand":
        return (r.randint(1, 2),)
    if kind in ("split", "chunk"):
        return (r.randint(1, 2),) if n else None
    if kind in ("add_", "sub_", "mul_", "div_"):
        return (r.choice([0.5, 2.0, -1.5]),)
    if kind in ("iterate", "steps", "set_slice"):
        return () if n else None
    return ()


def _apart(t: Any, other: Any) -> bool:
    place, others = (a.untyped_storage().data_ptr() for a in (t, other))
    return t.shape == other.shape and place != others


def _draw(r: random.Random, tensors: list[Any], made: list[str]) -> Step | None:
    alive = [i for i, t in enumerate(tensors) if t is not None and t.numel()]
    at = r.choice([*alive, *alive[2:]])
    kind = r.choice(list(r.choice([VIEWS, VIEWS, WRITES, WITH_OTHER, READS])))
    if kind in READS and "no_grad" in made[at]:
        return None
    if "expanded" in made[at] and kind in ({**VIEWS, **WRITES, **WITH_OTHER}):
        return None
    t, no_grad = tensors[at], r.random() < 0.12
    if kind in WITH_OTHER:
        fits = [i for i in alive if "no_grad" not in made[i] and _apart(t, tensors[i])]
        if not fits or (kind == "set_first" and not t.ndim):
            return None
        return kind, (at, r.choice(fits)), (), no_grad
    arguments = _arguments(r, kind, t)
    if arguments is None or (kind in VIEWS and t.ndim > 3):
        return None
    return kind, (at,), arguments, no_grad


def program(seed: int) -> tuple[Any, bool, list[Any]]:
    """Numbers, whether the second leaf requires grad, and the steps; drawn along a run of PyTorch."""
    r = random.Random(seed)
    numbers = np.random.default_rng(seed).normal(size=(3, *r.choice([(4,), (2, 3), (3, 1, 2)])))
    requires = r.random() < 0.5
    run, steps = Run(torch, numbers, requires), []
    for _ in range(r.randint(3, 14)):
        step = _draw(r, run.tensors, run.made)
        if step is not None:
            steps.append(step)
            run.step(step)
    count = len(run.tensors)
    return numbers, requires, [*steps, [r.randrange(count) for _ in range(r.randint(1, 4))]]


def _unrecorded(step: Step) -> bool:
    return step[3] or step[0] == "detach"


def replay(lib: Any, numbers: Any, requires: bool, steps: list[Any]) -> list[Any]:
    """The log of one library; after every step each tensor is looked at."""
    run = Run(lib, numbers, requires)
    for step in steps[:-1]:
        run.step(step)
    for i in range(len(run.tensors)):
        run.look(i)
    run.backward([i for i in steps[-1] if run.tensors[i] is not None and "no_grad" not in run.made[i]])
    return run.log


def _by_differences(numbers: Any, requires: bool, steps: list[Any]) -> Any:
    """The gradient of what `Run.backward` starts from, by central differences."""

    def loss(x: Any) -> float:
        run = Run(rl, [x, *numbers[1:]], requires)
        for step in steps[:-1]:
            run.step(step)
        with rl.no_grad():
            return run.total([i for i in steps[-1] if run.tensors[i] is not None]).item()

    found = np.zeros(numbers[0].shape)
    for place in np.ndindex(*found.shape):
        step = np.zeros(found.shape)
        step[place] = 1e-6
        found[place] = (loss(numbers[0] + step) - loss(numbers[0] - step)) / 2e-6
    return found


def differs(seed: int) -> str:
    """What is different in a program, or nothing."""
    numbers, requires, steps = program(seed)
    theirs = replay(torch, numbers, requires, steps)
    ours = replay(rl, numbers, requires, steps)
    tolerance = 1e-10
    if isinstance(theirs[-1], str) and OVERWRITTEN in theirs[-1] and not isinstance(ours[-1], str):
        # Here nothing reads what was overwritten: the gradient is that of the old values.
        theirs.pop()
        if not any(map(_unrecorded, steps[:-1])):
            theirs += ["done", _by_differences(numbers, requires, steps)]
            tolerance = 1e-4  # of differences
    for a, b in zip(theirs, ours, strict=False):
        failed = [isinstance(v, str) and v.startswith("error") for v in (a, b)]
        if failed == [True, False] and NOT_RECORDED in a and any(map(_unrecorded, steps[:-1])):
            return ""
        same = (
            failed[0] == failed[1]
            if any(failed)
            else np.allclose(a, b, rtol=tolerance, atol=tolerance)
            if isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
            else type(a) is type(b) and a == b
        )
        if not same:
            listed = "\n".join(map(str, steps))
            return f"seed {seed}: PyTorch {a}\nhere {b}\n{listed}"
    return ""


def test_random_programs_do_what_pytorch_does() -> None:
    found = [text for seed in range(PROGRAMS) if (text := differs(seed))]
    assert not found, f"{len(found)} programs differ\n" + "\n\n".join(found[:5])
