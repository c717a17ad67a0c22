"""L-BFGS, with a line search for the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rushlight import ops
from rushlight.core.state import enable_grad, no_grad
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, NotSupportedError, message
from rushlight.optim.base import Optimizer, check_at_least
from rushlight.optim.group import ParamGroup

__all__ = ["LBFGS"]

Point = tuple[float, Tensor]
"""The loss and its gradient, flat."""


class LBFGS(Optimizer):
    """L-BFGS (Nocedal, 1980; Liu and Nocedal, 1989), as torch.optim.LBFGS: ``step(closure)`` makes up to
    ``max_iter`` iterations, each along minus the gradient times an estimate of the inverse Hessian from the
    last ``history_size`` changes.

    max_eval          evaluations of the loss in one step at most; max_iter · 5/4 by default.
    tolerance_grad    stop when no element of the gradient is larger.
    tolerance_change  stop when parameters, or the loss, change less.
    line_search_fn    None: steps of lr (the first shorter); "strong_wolfe": a step that satisfies the strong
                      Wolfe conditions, by cubic interpolation (Nocedal and Wright, chapter 3).

    ``closure`` clears the gradients, computes the loss, calls backward, and returns the loss. There is one
    group of parameters. The step looks at numbers as it goes and cannot be compiled; its closure can.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([3.0, -1.0]))
    >>> optimizer = rl.optim.LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - rl.tensor([1.0, 2.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> rl.allclose(p, rl.tensor([1.0, 2.0]), atol=1e-4)
    True
    """

    looks_at_numbers = True

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ArgumentError(
                message("LBFGS", f"{len(self.param_groups)} groups", "one group of parameters")
            )

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("LBFGS", group, 0.0, "lr", "tolerance_grad", "tolerance_change", "history_size")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            got = f"line_search_fn={group['line_search_fn']!r}"
            raise ArgumentError(message("LBFGS", got, "None or 'strong_wolfe'"))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of several iterations. Returns the loss at its beginning."""
        if closure is None:
            remedy = "Pass a function that computes the loss and calls backward."
            raise NotSupportedError(message("LBFGS.step", "no closure", "step(closure)", remedy))
        self.stepped = True
        with no_grad():
            return _Step(self, closure).run()


class _Step:
    """The iterations of one step."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]) -> None:
        self.group = optimizer.param_groups[0]
        self.params: list[Tensor] = self.group["params"]
        self.state = optimizer.state[self.params[0]]
        self.state.setdefault("func_evals", 0)
        self.state.setdefault("n_iter", 0)
        self._closure = closure
        self.evaluations = 0

    def run(self) -> Any:
        first = self._called()
        loss, grad = float(first), self._gradient()
        self.evaluations = 1
        self.state["func_evals"] += 1
        if float(grad.abs().max()) <= self.group["tolerance_grad"]:
            return first
        for done in range(1, self.group["max_iter"] + 1):
            self.state["n_iter"] += 1
            direction = self._direction(grad)
            self.state["prev_flat_grad"], before = grad.clone(), loss
            rate = self._first_rate(grad)
            slope = float(grad @ direction)
            self.state["d"], self.state["t"], self.state["prev_loss"] = direction, rate, before
            if slope > -self.group["tolerance_change"]:
                break
            used, (loss, grad), rate = self._move(direction, rate, (loss, grad), slope, done)
            self.state["t"] = rate
            self.evaluations += used
            self.state["func_evals"] += used
            if self._is_over(direction, rate, loss, before, grad):
                break
        return first

    def _is_over(self, direction: Tensor, rate: float, loss: float, before: float, grad: Tensor) -> bool:
        change = self.group["tolerance_change"]
        return (
            self.evaluations >= self.group["max_eval"]
            or float(grad.abs().max()) <= self.group["tolerance_grad"]
            or float((direction * rate).abs().max()) <= change
            or abs(loss - before) < change
        )

    # The direction

    def _direction(self, grad: Tensor) -> Tensor:
        """Minus the gradient times the estimate of the inverse Hessian, by the two-loop recursion."""
        state = self.state
        if state["n_iter"] == 1:
            state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1.0
            return -grad
        y = grad - state["prev_flat_grad"]
        s = state["d"] * state["t"]
        curvature = float(y @ s)
        if curvature > 1e-10:
            for name, new in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / curvature)):
                state[name].append(new)
                del state[name][: -self.group["history_size"]]
            state["H_diag"] = curvature / float(y @ y)
        pairs = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
        direction, amounts = -grad, []
        for y, s, ro in reversed(pairs):
            amounts.append(float(s @ direction) * ro)
            direction = direction - y * amounts[-1]
        direction = direction * state["H_diag"]
        for (y, s, ro), amount in zip(pairs, reversed(amounts), strict=True):
            direction = direction + s * (amount - float(y @ direction) * ro)
        return direction

    def _first_rate(self, grad: Tensor) -> float:
        lr = float(self.group["lr"])
        return min(1.0, 1.0 / float(grad.abs().sum())) * lr if self.state["n_iter"] == 1 else lr

    # The step along it

    def _move(
        self, direction: Tensor, rate: float, here: Point, slope: float, done: int
    ) -> tuple[int, Point, float]:
        """(evaluations, the point, the rate): the parameters are moved to it."""
        start = [p.clone() for p in self.params]
        if self.group["line_search_fn"] == "strong_wolfe":

            def probe(rate: float) -> Point:
                self._add(direction, rate)
                loss = float(self._called())
                found = loss, self._gradient()
                for param, old in zip(self.params, start, strict=True):
                    param.copy_(old)
                return found

            found, rate, used = _Search(probe, direction, here, slope, self.group["tolerance_change"]).run(
                rate
            )
            self._add(direction, rate)
            return used, found, rate
        self._add(direction, rate)
        if done == self.group["max_iter"]:
            return 0, here, rate
        loss = float(self._called())
        return 1, (loss, self._gradient()), rate

    def _add(self, direction: Tensor, rate: float) -> None:
        at = 0
        for param in self.params:
            part = direction[at : at + param.numel()].reshape(param.shape)
            param.add_(part.to(param.dtype) * rate)
            at += param.numel()

    def _gradient(self) -> Tensor:
        parts = [
            ops.zeros(p.numel(), dtype=p.dtype) if p.grad is None else p.grad.reshape(-1) for p in self.params
        ]
        return ops.cat(parts).detach().clone()

    def _called(self) -> Any:
        with enable_grad():
            return self._closure()


@dataclass
class _End:
    """One end of a bracket: a rate, the loss, gradient and slope there."""

    rate: float
    loss: float
    grad: Tensor
    slope: float


class _Search:
    """A rate that lessens the loss enough (c₁) and at which the slope is small enough (c₂)."""

    C1, C2, MOST = 1e-4, 0.9, 25

    def __init__(
        self, probe: Callable[[float], Point], direction: Tensor, here: Point, slope: float, tolerance: float
    ) -> None:
        self._probe, self._direction, self._tolerance = probe, direction, tolerance
        self._start = _End(0.0, here[0], here[1], slope)
        self._size = float(direction.abs().max())
        self._used = 0

    def run(self, rate: float) -> tuple[Point, float, int]:
        low, high, found = self._bracket(rate)
        if not found:
            low = self._zoom(low, high)
        return (low.loss, low.grad), low.rate, self._used

    def _at(self, rate: float) -> _End:
        loss, grad = self._probe(rate)
        self._used += 1
        return _End(rate, loss, grad, float(grad @ self._direction))

    def _too_high(self, end: _End) -> bool:
        return end.loss > self._start.loss + self.C1 * end.rate * self._start.slope

    def _is_flat(self, end: _End) -> bool:
        return abs(end.slope) <= -self.C2 * self._start.slope

    def _bracket(self, rate: float) -> tuple[_End, _End, bool]:
        """Two ends with a good rate between them, the lower loss first; or one end that is good."""
        before, now = self._start, self._at(rate)
        for count in range(self.MOST):
            if self._too_high(now) or (count > 0 and now.loss >= before.loss):
                return (*_sorted(before, now), False)
            if self._is_flat(now):
                return now, now, True
            if now.slope >= 0:
                return (*_sorted(before, now), False)
            least, most = now.rate + 0.01 * (now.rate - before.rate), now.rate * 10
            further = _lowest(before, now, least, most)
            before, now = now, self._at(further)
        return (*_sorted(self._start, now), False)

    def _zoom(self, low: _End, high: _End) -> _End:
        """A good rate between the ends, or the lower end when they are as good as one."""
        slow = False
        while self._used < self.MOST:
            width = abs(high.rate - low.rate)
            if width * self._size < self._tolerance:
                break
            ends = (min(low.rate, high.rate), max(low.rate, high.rate))
            rate = _lowest(low, high, *ends)
            margin = 0.1 * width
            if min(ends[1] - rate, rate - ends[0]) < margin:  # near an end: step inwards if it is so again
                if slow or rate >= ends[1] or rate <= ends[0]:
                    rate = ends[1] - margin if abs(rate - ends[1]) < abs(rate - ends[0]) else ends[0] + margin
                    slow = False
                else:
                    slow = True
            else:
                slow = False
            now = self._at(rate)
            if self._too_high(now) or now.loss >= low.loss:
                high = now
                low, high = _sorted(low, high)
            else:
                if self._is_flat(now):
                    return now
                if now.slope * (high.rate - low.rate) >= 0:
                    high = low
                low = now
        return low


def _sorted(a: _End, b: _End) -> tuple[_End, _End]:
    return (a, b) if a.loss <= b.loss else (b, a)


def _lowest(a: _End, b: _End, least: float, most: float) -> float:
    """Where the cubic through both ends, with their slopes, is lowest between `least` and `most`."""
    if a.rate > b.rate:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.rate - b.rate)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (least + most) / 2
    d2 = square**0.5
    rate = b.rate - (b.rate - a.rate) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(rate, least), most)
