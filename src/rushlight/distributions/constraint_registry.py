"""From constraints to the transforms that fulfil them: `biject_to` and `transform_to`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.distributions import constraints, transforms
from rushlight.errors import NotSupportedError, message

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """A table from kinds of constraints to functions that make a transform onto each.

    >>> import rushlight as rl
    >>> d = rl.distributions
    >>> d.transform_to(d.constraints.positive)(rl.zeros(1))
    tensor([1.])
    """

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], Any]] = {}
        self._objects: dict[int, Callable[[Any], Any]] = {}

    def register(self, constraint: Any, factory: Callable[[Any], Any] | None = None) -> Any:
        """Enter `factory(constraint)` for a kind of constraint, or for one of it; also a decorator."""
        if factory is None:
            return lambda function: self.register(constraint, function)
        if isinstance(constraint, type):
            self._registry[constraint] = factory
        elif isinstance(constraint, constraints._Test):
            self._objects[id(constraint)] = factory
        else:
            self._registry[type(constraint)] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        """The transform of all real numbers onto `constraint`."""
        factory = self._objects.get(id(constraint)) or self._registry.get(type(constraint))
        if factory is None:
            raise NotSupportedError(
                message("transform_to", repr(constraint), "a constraint with a transform")
            )
        return factory(constraint)

    def __repr__(self) -> str:
        return f"ConstraintRegistry({len(self._registry) + len(self._objects)} constraints)"


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(constraint: Any, factory: Callable[[Any], Any]) -> None:
    biject_to.register(constraint, factory)
    transform_to.register(constraint, factory)


def _above(constraint: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.lower_bound, 1)]
    )


def _positive(constraint: Any) -> Any:
    plain = isinstance(constraint.lower_bound, float) and constraint.lower_bound == 0.0
    return transforms.ExpTransform() if plain else _above(constraint)


def _below(constraint: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


def _between(constraint: Any) -> Any:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)]
    )


def _of_cat(registry: ConstraintRegistry) -> Callable[[Any], Any]:
    return lambda c: transforms.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths)


def _of_stack(registry: ConstraintRegistry) -> Callable[[Any], Any]:
    return lambda c: transforms.StackTransform([registry(part) for part in c.cseq], c.dim)


def _of_independent(registry: ConstraintRegistry) -> Callable[[Any], Any]:
    return lambda c: transforms.IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims)


_both(constraints.real, lambda c: transforms.identity_transform)
_both(constraints.greater_than, _positive)
_both(constraints.greater_than_eq, _positive)
_both(constraints.less_than, _below)
_both(constraints.interval, _between)
_both(constraints.half_open_interval, _between)
transform_to.register(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
_both(constraints.corr_cholesky, lambda c: transforms.CorrCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda c: transforms.PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda c: transforms.PositiveDefiniteTransform())
biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
for _registry in (biject_to, transform_to):
    _registry.register(constraints.independent, _of_independent(_registry))
    _registry.register(constraints.cat, _of_cat(_registry))
    _registry.register(constraints.stack, _of_stack(_registry))
