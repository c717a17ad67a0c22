"""What all distributions have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.spec import broadcast
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.errors import ArgumentError, NotSupportedError, message

__all__ = ["Distribution"]

Shape = tuple[int, ...]


class Distribution:
    """A probability distribution, or a batch of them.

    batch_shape    the shape of the parameters: how many distributions there are.
    event_shape    the shape of one draw of one of them.
    validate_args  whether parameters and values are checked: they are, unless the function is being compiled.

    A subclass gives `arg_constraints`, `support`, `log_prob` and `sample` or `rsample`.
    """

    has_rsample: bool = False
    has_enumerate_support: bool = False
    arg_constraints: ClassVar[dict[str, Any]] = {}
    support: Any = None
    _validate_args: bool = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check what they are given, where `validate_args` does not say."""
        if value not in (True, False):
            raise ArgumentError(message("set_default_validate_args", repr(value), "True or False"))
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = tuple(batch_shape), tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args and not state.tracing:
            self._check_parameters()

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            if constraints.is_dependent(constraint) or name not in self.__dict__:
                continue
            self._check_one(name, getattr(self, name), constraint)

    def _check_one(self, name: str, value: Tensor, constraint: Any = None) -> None:
        constraint = self.arg_constraints[name] if constraint is None else constraint
        if not bool(constraint.check(value.detach()).all()):
            got = f"a parameter {name} that is not {constraint}: {value}"
            raise ArgumentError(message(type(self).__name__, got, f"{name} to be {constraint}"))

    @property
    def batch_shape(self) -> Shape:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Shape:
        """The shape of one draw."""
        return self._event_shape

    def _missing(self, what: str) -> NotSupportedError:
        return NotSupportedError(
            message(type(self).__name__, f"a question for its {what}", "one that it can answer")
        )

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise self._missing("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise self._missing("mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise self._missing("variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """The same distribution with its parameters expanded to `batch_shape`."""
        new = type(self).__new__(type(self)) if _instance is None else _instance
        batch_shape = tuple(batch_shape)
        for name, value in self.__dict__.items():
            new.__dict__[name] = self._expanded(name, value, batch_shape)
        new._batch_shape = batch_shape
        return new

    def _expanded(self, name: str, value: Any, batch_shape: Shape) -> Any:
        """An attribute in the expanded distribution."""
        if isinstance(value, Distribution):
            return value.expand(batch_shape + value.batch_shape[len(self._batch_shape) :])
        if not isinstance(value, Tensor):
            return value
        return value.expand(batch_shape + value.shape[len(self._batch_shape) :])

    def _extended_shape(self, sample_shape: Any = ()) -> Shape:
        return (*tuple(sample_shape), *self._batch_shape, *self._event_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of shape sample_shape + batch_shape + event_shape, without history."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that are differentiable functions of the parameters."""
        raise self._missing("draws with derivatives (rsample)")

    def sample_n(self, n: int) -> Tensor:
        """`sample((n,))`."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at `value`."""
        raise self._missing("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most `value`."""
        raise self._missing("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile: the inverse of `cdf`."""
        raise self._missing("icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along the first axis, of a distribution of finitely many."""
        raise self._missing("values one by one (enumerate_support)")

    def entropy(self) -> Tensor:
        """The entropy, in nats: -E ln p."""
        raise self._missing("entropy")

    def perplexity(self) -> Tensor:
        """e to the power of the entropy."""
        return self.entropy().exp()

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        """`values` (n, event) as those of each distribution of the batch."""
        ones = (1,) * len(self._batch_shape)
        values = values.reshape((values.shape[0], *ones, *self._event_shape))
        if not expand:
            return values
        return values.expand((values.shape[0], *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """Raises ArgumentError where `value` is no draw of this distribution; ShapeError where its shape does
        not fit."""
        if not self._validate_args:
            return
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ArgumentError(message(name, f"a value that is a {type(value).__name__}", "a Tensor"))
        start = value.ndim - len(self._event_shape)
        if value.shape[max(start, 0) :] != self._event_shape:
            got = f"a value of shape {value.shape}"
            raise ArgumentError(message(name, got, f"one that ends with the event's {self._event_shape}"))
        broadcast(name, [value.shape, (*self._batch_shape, *self._event_shape)])
        if state.tracing:
            return
        support = self.support
        if support is not None and not bool(support.check(value.detach()).all()):
            raise ArgumentError(
                message(name, f"a value that is not {support}: {value}", f"values in {support}")
            )

    def _get_checked_instance(self, cls: Any, _instance: Any = None) -> Any:
        """A bare object for a subclass's `expand`."""
        return type(self).__new__(type(self)) if _instance is None else _instance

    def __repr__(self) -> str:
        parts = []
        for name in self.arg_constraints:
            value = self.__dict__.get(name)
            if isinstance(value, Tensor):
                parts.append(f"{name}: {value if value.numel() == 1 else value.shape}")
        return f"{type(self).__name__}({', '.join(parts)})"
