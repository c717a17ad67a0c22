"""The Kullback-Leibler divergence, and the table of its formulas."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from rushlight.core.tensor import Tensor
from rushlight.distributions.distribution import Distribution
from rushlight.errors import ArgumentError, NotSupportedError, message

__all__ = ["kl_divergence", "register_kl"]

F = TypeVar("F", bound=Callable[..., Any])
Pair = tuple[type[Distribution], type[Distribution]]

_TABLE: dict[Pair, Callable[..., Any]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[F], F]:
    """Enter the decorated function of (p, q) as the divergence of two kinds of distributions.

    Of several that fit the nearest is taken: that whose kinds stand first among the ancestors of p and q.

    >>> import rushlight as rl
    >>> d = rl.distributions
    >>> class Mine(d.Normal):
    ...     pass
    >>> @d.register_kl(Mine, Mine)
    ... def none_at_all(p, q):
    ...     return rl.zeros(p.batch_shape)
    >>> d.kl_divergence(Mine(0.0, 1.0), Mine(5.0, 1.0))
    tensor(0.)
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise ArgumentError(message("register_kl", repr(kind), "a subclass of Distribution"))

    def enter(function: F) -> F:
        _TABLE[type_p, type_q] = function
        _found.cache_clear()
        return function

    return enter


@functools.lru_cache(1024)
def _found(type_p: Any, type_q: Any) -> Callable[..., Any] | None:
    fits = [pair for pair in _TABLE if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not fits:
        return None
    first, second = type_p.__mro__, type_q.__mro__
    return _TABLE[min(fits, key=lambda pair: (first.index(pair[0]), second.index(pair[1])))]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q) = E ln p(X) - ln q(X) for X of p; of shape batch_shape.

    Raises NotSupportedError for kinds whose formula is not registered (`register_kl`).

    >>> import rushlight as rl
    >>> d = rl.distributions
    >>> d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))
    tensor(0.5)
    """
    kinds: Any = type(p), type(q)
    function = _found(*kinds)
    if function is None:
        got = f"{type(p).__name__} and {type(q).__name__}"
        remedy = "register_kl enters one; the mean of p.log_prob(x) - q.log_prob(x) over draws is near it."
        raise NotSupportedError(message("kl_divergence", got, "kinds whose formula is known", remedy))
    return function(p, q)
