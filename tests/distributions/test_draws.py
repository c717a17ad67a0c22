"""Draws: their distribution, moments, derivatives, and the same numbers eager and compiled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import distributions as d
from rushlight.core.apply import apply
from rushlight.ops.gammas import GAMMA_SLOPE

N = 4000
F = rl.tensor

MADE: dict[str, Callable[[], d.Distribution]] = {
    "Bernoulli": lambda: d.Bernoulli(F([0.2, 0.7])),
    "Beta": lambda: d.Beta(F([0.5, 4.0]), F([2.0, 3.0])),
    "Beta, tiny": lambda: d.Beta(F([0.02]), F([0.05])),
    "Binomial": lambda: d.Binomial(12, F([0.2, 0.7])),
    "Cauchy": lambda: d.Cauchy(F([0.5]), F([2.0])),
    "Chi2": lambda: d.Chi2(F([0.6, 9.0])),
    "ContinuousBernoulli": lambda: d.ContinuousBernoulli(F([0.2, 0.5, 0.9])),
    "Dirichlet": lambda: d.Dirichlet(F([[0.5, 2.0, 3.0]])),
    "Exponential": lambda: d.Exponential(F([0.5, 3.0])),
    "FisherSnedecor": lambda: d.FisherSnedecor(F([3.0]), F([12.0])),
    "Gamma": lambda: d.Gamma(F([0.1, 0.9, 3.0, 150.0]), F([1.0, 2.0, 0.5, 3.0])),
    "GeneralizedPareto": lambda: d.GeneralizedPareto(F([0.5]), F([2.0]), F([-0.3, 0.0, 0.15])),
    "Geometric": lambda: d.Geometric(F([0.2, 0.7])),
    "Gumbel": lambda: d.Gumbel(F([0.5]), F([2.0])),
    "HalfCauchy": lambda: d.HalfCauchy(F([2.0])),
    "HalfNormal": lambda: d.HalfNormal(F([2.0])),
    "InverseGamma": lambda: d.InverseGamma(F([5.0]), F([2.0])),
    "Kumaraswamy": lambda: d.Kumaraswamy(F([2.0, 0.7]), F([3.0, 0.8])),
    "Laplace": lambda: d.Laplace(F([0.5]), F([2.0])),
    "LogNormal": lambda: d.LogNormal(F([0.5]), F([0.4])),
    "LowRankMultivariateNormal": lambda: d.LowRankMultivariateNormal(
        F([0.5, 1.0]), F([[0.5], [1.0]]), F([0.2, 0.4])
    ),
    "MixtureSameFamily": lambda: d.MixtureSameFamily(
        d.Categorical(F([0.3, 0.7])), d.Normal(F([-2.0, 1.0]), F([0.5, 1.0]))
    ),
    "Multinomial": lambda: d.Multinomial(6, F([0.2, 0.3, 0.5])),
    "MultivariateNormal": lambda: d.MultivariateNormal(F([0.5, 1.0]), F([[2.0, 0.5], [0.5, 1.0]])),
    "NegativeBinomial": lambda: d.NegativeBinomial(F([2.5]), F([0.4])),
    "Normal": lambda: d.Normal(F([0.5, -1.0]), F([2.0, 0.1])),
    "OneHotCategorical": lambda: d.OneHotCategorical(F([0.2, 0.0, 0.8])),
    "Pareto": lambda: d.Pareto(F([1.5]), F([6.0])),
    "Poisson": lambda: d.Poisson(F([0.3, 4.0, 60.0])),
    "StudentT": lambda: d.StudentT(F([7.0]), F([1.0]), F([2.0])),
    "Uniform": lambda: d.Uniform(F([-1.0]), F([3.0])),
    "VonMises": lambda: d.VonMises(F([0.5, 0.0]), F([1.0, 20.0])),
    "Wishart": lambda: d.Wishart(F([3.5, 8.0]), F([[2.0, 0.5], [0.5, 1.0]])),
    "Weibull": lambda: d.Weibull(F([1.5]), F([2.0])),
}
ALSO: dict[str, Callable[[], d.Distribution]] = {
    "Categorical": lambda: d.Categorical(logits=F([[0.3, 1.0, -2.0], [0.0, 0.0, 0.0]])),
    "LKJCholesky": lambda: d.LKJCholesky(3, F([0.5, 2.0])),
    "LogisticNormal": lambda: d.LogisticNormal(F([0.5, 0.0]), F([1.0, 0.5])),
    "OneHotCategoricalStraightThrough": lambda: d.OneHotCategoricalStraightThrough(logits=F([0.3, 1.0])),
    "RelaxedBernoulli": lambda: d.RelaxedBernoulli(F(0.5), probs=F([0.2, 0.7])),
    "RelaxedOneHotCategorical": lambda: d.RelaxedOneHotCategorical(F(0.5), probs=F([0.2, 0.3, 0.5])),
    "tanh of Normal": lambda: d.TransformedDistribution(d.Normal(F([0.5]), F([1.0])), d.TanhTransform()),
    "Independent": lambda: d.Independent(d.Normal(F([0.5, 0.0]), F([1.0, 0.5])), 1),
}
NO_MEAN = {"Cauchy", "HalfCauchy"}


@pytest.mark.parametrize("name", MADE)
def test_moments(name: str) -> None:
    if name in NO_MEAN:
        pytest.skip("it has none")
    dist = MADE[name]()
    x = dist.sample((N,)).double().numpy()
    mean, variance = dist.mean.double().numpy(), dist.variance.double().numpy()
    if name == "VonMises":
        mean = np.arctan2(np.sin(x).mean(0), np.cos(x).mean(0))
        np.testing.assert_allclose(mean, dist.mean.numpy(), atol=0.05)
        np.testing.assert_allclose(1 - np.cos(x - dist.mean.numpy()).mean(0), variance, rtol=0.08)
        return
    error = np.sqrt(variance / N)
    assert (np.abs(x.mean(0) - mean) < 4.5 * error + 1e-6).all(), (x.mean(0), mean)
    kurtosis = ((x - x.mean(0)) ** 4).mean(0)
    slack = 6 * np.sqrt(kurtosis / N) + 1e-6
    assert (np.abs(x.var(0) - variance) < slack).all(), (x.var(0), variance)


def has_cdf(name: str) -> bool:
    try:
        dist = MADE[name]()
        dist.cdf(dist.sample())
    except NotImplementedError:
        return False
    return True


@pytest.mark.parametrize("name", [n for n in MADE if has_cdf(n)])
def test_the_distribution_function_makes_draws_uniform(name: str) -> None:
    """Kolmogorov's and Smirnov's test, at a bound that 1 of 10^5 seeds passes."""
    dist = MADE[name]()
    x = dist.sample((N,))
    u = np.sort(dist.cdf(x).double().numpy(), axis=0).reshape(N, -1)
    steps = (np.arange(N) + 0.5)[:, None] / N
    assert (np.abs(u - steps).max(0) * math.sqrt(N) < 2.5).all()


@pytest.mark.parametrize("name", [*MADE, *ALSO])
def test_eager_and_compiled_draws_are_the_same(name: str) -> None:
    make = {**MADE, **ALSO}[name]

    def step() -> tuple[rl.Tensor, rl.Tensor]:
        dist = make()
        x = dist.sample((5,))
        return x, dist.log_prob(x)

    rl.manual_seed(3)
    eager = [step(), step()]
    rl.manual_seed(3)
    compiled = rl.compile(step)
    for a, b in zip(eager, [compiled(), compiled()], strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=2e-4, atol=1e-5)


GAMMA = [
    (0.02, 1e-9),
    (0.3, 0.1),
    (1.0, 2.5),
    (5.0, 3.0),
    (5.0, 9.0),
    (40.0, 60.0),
    (90.0, 70.0),
    (300.0, 310.0),
]


@pytest.mark.parametrize(("a", "x"), GAMMA)
def test_the_derivative_of_gamma_draws_follows_the_quantile(a: float, x: float) -> None:
    """d ln x / da at a fixed P(a, x), by differences of the quantile that bisection finds."""

    def quantile(concentration: float, p: float) -> float:
        low, high = math.log(x) - 5, math.log(x) + 5
        for _ in range(200):
            middle = (low + high) / 2
            value = rl.igamma(double(concentration), double(math.exp(middle))).item()
            low, high = (middle, high) if value < p else (low, middle)
        return middle

    def double(value: float) -> rl.Tensor:
        return rl.tensor(value, dtype=rl.float64)

    p = rl.igamma(double(a), double(x)).item()
    step = 1e-4 * a
    slope = (quantile(a + step, p) - quantile(a - step, p)) / (2 * step)
    found = apply(GAMMA_SLOPE, double(a), double(math.log(x))).item()
    assert found == pytest.approx(slope, rel=1e-5)


def test_the_incomplete_gamma_functions_have_both_derivatives() -> None:
    a = rl.tensor([0.3, 1.0, 4.0, 120.0], dtype=rl.float64, requires_grad=True)
    x = rl.tensor([0.5, 0.2, 6.0, 110.0], dtype=rl.float64, requires_grad=True)
    for function in (rl.igamma, rl.igammac):
        assert rl.autograd.gradcheck(function, (a, x))
    (slope,) = rl.autograd.grad(rl.igamma(a, x).sum(), a, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        slope.sum().backward()


PATHWISE: list[tuple[str, Callable[[Any, Any], Any], float, float]] = [
    ("Gamma", lambda a, b: d.Gamma(a, b), 2.0, 3.0),
    ("Beta", lambda a, b: d.Beta(a, b), 2.0, 3.0),
    ("Normal", lambda a, b: d.Normal(a, b), 0.5, 2.0),
    ("StudentT", lambda a, b: d.StudentT(a * 0 + 8.0, a, b), 0.5, 2.0),
    ("Gumbel", lambda a, b: d.Gumbel(a, b), 0.5, 2.0),
    ("Weibull", lambda a, b: d.Weibull(a, b), 1.5, 2.0),
    ("Kumaraswamy", lambda a, b: d.Kumaraswamy(a, b), 1.5, 2.0),
    ("InverseGamma", lambda a, b: d.InverseGamma(a, b), 6.0, 2.0),
    ("LogNormal", lambda a, b: d.LogNormal(a, b), 0.1, 0.3),
]


@pytest.mark.parametrize(("name", "make", "a", "b"), PATHWISE, ids=[p[0] for p in PATHWISE])
def test_derivatives_of_draws_estimate_those_of_the_mean(name: str, make: Any, a: float, b: float) -> None:
    one, two = (rl.tensor(v, dtype=rl.float64, requires_grad=True) for v in (a, b))
    found = rl.autograd.grad(make(one, two).rsample((20000,)).mean(), (one, two))
    exact = rl.autograd.grad(make(one, two).mean, (one, two), allow_unused=True)
    for x, y in zip(found, exact, strict=True):
        assert x.item() == pytest.approx(0.0 if y is None else y.item(), rel=0.06, abs=0.03)


def test_draws_without_history_and_with() -> None:
    loc = rl.zeros(2, requires_grad=True)
    assert not d.Normal(loc, 1.0).sample().requires_grad
    assert d.Normal(loc, 1.0).rsample().requires_grad
    with pytest.raises(NotImplementedError, match="rsample"):
        d.Poisson(loc + 1).rsample()


def test_impossible_classes_are_not_drawn() -> None:
    probs = rl.tensor([0.0, 0.5, 0.0, 0.5, 0.0])
    assert set(d.Categorical(probs).sample((2000,)).tolist()) == {1, 3}


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_correlations_of_lkj(dim: int) -> None:
    """Each has a Beta(a, a) distribution on -1 to 1, with a = concentration + (dim - 2) / 2."""
    rl.manual_seed(1)
    for concentration in (0.7, 3.0):
        factor = d.LKJCholesky(dim, concentration).sample((N,))
        r = (factor @ factor.transpose(-1, -2)).numpy()[:, *np.tril_indices(dim, -1)]
        wanted = 1 / (2 * concentration + dim - 1)
        np.testing.assert_allclose(r.var(0), wanted, rtol=6 * math.sqrt(2 / N))


def test_the_generalized_pareto_distribution_near_the_exponential_one() -> None:
    """Its formulas divide by a concentration of 0; values and derivatives go on there."""
    z, p = rl.tensor([0.3, 2.0], dtype=rl.float64), rl.tensor([0.1, 0.9], dtype=rl.float64)
    for c in (0.0, 1e-12, 1e-5, -1e-9):
        x = rl.tensor(c, dtype=rl.float64, requires_grad=True)
        tail = d.GeneralizedPareto(rl.zeros((), dtype=rl.float64), 1.0, x)
        np.testing.assert_allclose(tail.log_prob(z).detach().numpy(), -z.numpy(), atol=1e-4)
        (slope,) = rl.autograd.grad(tail.log_prob(z).sum(), x)
        assert abs(slope.item() - (z * z / 2 - z).sum().item()) < 1e-4
        np.testing.assert_allclose(tail.cdf(tail.icdf(p)).detach().numpy(), p.numpy(), rtol=1e-12)
