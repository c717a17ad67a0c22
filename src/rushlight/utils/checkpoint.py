"""Activation checkpointing: a part of a network keeps no intermediate results, and computes them again when
its gradients are asked for (Chen et al., 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rushlight.core.autocast import within
from rushlight.core.autograd import grad
from rushlight.core.function import Function
from rushlight.core.random import get_rng_state, set_rng_state
from rushlight.core.state import enable_grad, state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message, namespace
from rushlight.func.tree import leaves, mapped, rebuilt

__all__ = ["checkpoint", "checkpoint_sequential", "get_device_states", "set_device_states"]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose intermediate results are not kept: `backward` runs it again.

    preserve_rng_state  the second run draws the same random numbers as the first: dropout needs that.
    use_reentrant       PyTorch has two ways to do this; here there is one, which can do all that either can.

    Gradients reach the arguments and everything else that the function reads. In a compiled step equal
    operations are computed once, so that there it saves nothing.

    >>> import rushlight as rl
    >>> from rushlight.utils.checkpoint import checkpoint
    >>> x = rl.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: (x.exp() ** 2).sum(), x).backward()
    >>> rl.allclose(x.grad, 2 * (2 * x.detach()).exp())
    True
    """
    if not state.grad_enabled:
        return function(*args, **kwargs)
    run = _Run(function, (args, kwargs), preserve_rng_state)
    out = run.first()
    tracked = [*run.inputs, *run.others]
    if not tracked:
        return out
    results = _Again.apply(run, *tracked)
    made = iter(results if isinstance(results, tuple) else (results,))
    return mapped(lambda v: next(made) if isinstance(v, Tensor) else v, out)


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """Numbers of the GPUs that the tensors among `args` are on, and the states of their generators: none.

    The CPU's is that of `rl.get_rng_state`.

    >>> get_device_states()
    ([], [])
    """
    return [], []


def set_device_states(
    devices: Sequence[int], states: Sequence[Tensor], *, device_type: str | None = None
) -> None:
    """Nothing: there are no GPUs whose generators could be set."""


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """The functions (or modules of a Sequential) one after the other, in so many parts that each is
    checkpointed but the last.

    >>> import rushlight as rl
    >>> from rushlight.utils.checkpoint import checkpoint_sequential
    >>> net = rl.nn.Sequential(rl.nn.Linear(2, 3), rl.nn.Tanh(), rl.nn.Linear(3, 1))
    >>> checkpoint_sequential(net, 2, rl.ones(4, 2)).shape == (4, 1)
    True
    """
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 0 < segments <= len(steps):
        got = f"{segments} segments of {len(steps)} functions"
        raise ArgumentError(message("checkpoint_sequential", got, "between 1 and as many as there are"))
    size = len(steps) // segments
    for i in range(0, size * (segments - 1), size):
        input = checkpoint(_chain(steps[i : i + size]), input, use_reentrant=use_reentrant, **kwargs)
    return _chain(steps[size * (segments - 1) :])(input)


def _chain(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


class _Run:
    """A function, what it was called with, and the tensors that its results depend on."""

    def __init__(self, function: Callable[..., Any], given: Any, preserve: bool) -> None:
        self._function, self._given = function, given
        self._random = get_rng_state() if preserve else None
        self._cast = state.cast
        self.inputs = [t for t in leaves(given) if _is_tracked(t)]
        self.others: list[Tensor] = []
        self.results: list[Tensor] = []

    def first(self) -> Any:
        """What the function returns, without a history; `others` are the leaves that it found by itself."""
        out, aliases = self._called()
        own = {id(t.node) for t in aliases}
        flat = leaves(out)
        nodes = [t.node for t in flat if _is_tracked(t)]
        seen: set[int] = set()
        while nodes:
            node = nodes.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.is_leaf and node.required and id(node) not in own and node.tensor is not None:
                self.others.append(node.tensor)
            nodes.extend(p for p in node.parents if p is not None)
        self.results = [t.detach() for t in flat if isinstance(t, Tensor)]
        return mapped(lambda v: v.detach() if isinstance(v, Tensor) else v, out)

    def again(self, gradients: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of the inputs and of the others."""
        now = get_rng_state() if self._random is not None else None
        if self._random is not None:
            set_rng_state(self._random)
        try:
            out, aliases = self._called(keep=state.grad_enabled)
        finally:
            if now is not None:
                set_rng_state(now)
        results = [t for t in leaves(out) if isinstance(t, Tensor)]
        pairs = [(o, g) for o, g in zip(results, gradients, strict=True) if _is_tracked(o)]
        outputs, seeds = [o for o, _ in pairs], [g for _, g in pairs]
        wanted = [*aliases, *self.others]
        found = grad(outputs, wanted, seeds, True, state.grad_enabled, allow_unused=True)
        return list(found)

    def _called(self, keep: bool = False) -> tuple[Any, list[Tensor]]:
        """What the function returns on aliases of its inputs, and these. keep: they keep their histories."""
        with enable_grad(), within(self._cast):
            flat = leaves(self._given)
            made = [_alias(t, keep) if _is_tracked(t) else t for t in flat]
            args, kwargs = rebuilt(self._given, iter(made))
            out = self._function(*args, **kwargs)
        return out, [new for new, old in zip(made, flat, strict=True) if _is_tracked(old)]


def _alias(tensor: Tensor, keep: bool) -> Tensor:
    return tensor.view_as(tensor) if keep else tensor.detach().requires_grad_()


def _is_tracked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


class _Again(Function):
    """Gives results that are known, and in `backward` runs again what made them."""

    @staticmethod
    def forward(ctx: Any, run: _Run, *tracked: Tensor) -> Any:
        ctx.run = run
        results, run.results = run.results, []
        return results[0] if len(results) == 1 else tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return (None, *ctx.run.again(gradients))


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
