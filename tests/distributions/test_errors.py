"""What distributions refuse, and how they say so; constraints; files under PyTorch's names."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight import distributions as d

ONE = rl.ones(2)
BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: d.Normal(ONE, -ONE), ValueError, r"Normal: got a parameter scale.*greater_than"),
    (lambda: d.Normal(rl.tensor([float("nan")]), 1.0), ValueError, "loc"),
    (lambda: d.Normal(0.0, 1.0).log_prob(1.0), ValueError, "float; expected a Tensor"),  # type: ignore[arg-type]
    (lambda: d.Normal(rl.zeros(3), 1.0).log_prob(rl.zeros(2)), ValueError, r"\(3,\)"),
    (lambda: d.Bernoulli(), ValueError, "exactly one of probs, logits"),
    (lambda: d.Bernoulli(0.5, logits=0.0), ValueError, "probs and logits"),
    (lambda: d.Bernoulli(1.5), ValueError, r"probs that is not interval"),
    (lambda: d.Bernoulli(0.5).log_prob(rl.tensor(0.5)), ValueError, "boolean"),
    (lambda: d.Categorical(rl.tensor(0.5)), ValueError, "at least one axis"),
    (lambda: d.Categorical(rl.tensor([0.5, -0.5, 1.0])), ValueError, "simplex"),
    (lambda: d.Categorical(ONE).log_prob(rl.tensor(2)), ValueError, r"integer_interval\(.*upper_bound=1"),
    (lambda: d.Uniform(1.0, 0.0), ValueError, "low below high"),
    (lambda: d.Uniform(0.0, 1.0).log_prob(rl.tensor(2.0)), ValueError, "interval"),
    (lambda: d.Gamma(0.0, 1.0), ValueError, "concentration"),
    (lambda: d.Chi2(-1.0), ValueError, "df"),
    (lambda: d.Geometric(0.0), ValueError, "probs"),
    (lambda: d.Dirichlet(rl.tensor([1.0, 0.0])), ValueError, "concentration"),
    (lambda: d.Poisson(1.0).log_prob(rl.tensor(0.5)), ValueError, "values in"),
    (lambda: d.Poisson(1.0).entropy(), NotImplementedError, "entropy"),
    (lambda: d.Poisson(1.0).cdf(rl.tensor(1.0)), NotImplementedError, "cdf"),
    (lambda: d.Normal(0.0, 1.0).enumerate_support(), NotImplementedError, "enumerate_support"),
    (lambda: d.MultivariateNormal(ONE, rl.eye(2), rl.eye(2)), ValueError, "exactly one of"),
    (lambda: d.MultivariateNormal(ONE, -rl.eye(2)), ValueError, "covariance_matrix"),
    (lambda: d.Independent(d.Normal(ONE, 1.0), 2), ValueError, "at most the 1 axes"),
    (lambda: d.MixtureSameFamily(d.Normal(ONE, 1.0), d.Normal(ONE, 1.0)), ValueError, "a Categorical"),  # type: ignore[arg-type]
    (lambda: d.MixtureSameFamily(d.Categorical(rl.ones(3)), d.Normal(ONE, 1.0)), ValueError, "components"),
    (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), [abs]), ValueError, "transforms"),  # type: ignore[list-item]
    (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), d.StickBreakingTransform()), ValueError, "axes"),
    (lambda: d.ReshapeTransform((2,), (3,)), ValueError, "as many elements"),
    (lambda: d.ExpTransform(cache_size=2), ValueError, "0 or 1"),
    (lambda: d.SoftmaxTransform().log_abs_det_jacobian(ONE, ONE), NotImplementedError, "density"),
    (lambda: d.AbsTransform().sign, NotImplementedError, "sign"),
    (lambda: d.kl_divergence(d.Normal(0.0, 1.0), d.Cauchy(0.0, 1.0)), NotImplementedError, "register_kl"),
    (lambda: d.register_kl(int, d.Normal), ValueError, "subclass"),
    (lambda: d.transform_to(d.constraints.boolean), NotImplementedError, "boolean"),
    (lambda: d.Binomial(rl.tensor([1.0, 2.0]), ONE / 2).entropy(), NotImplementedError, "total_count"),
    (lambda: d.Wishart(4.0, rl.ones(2)), ValueError, "at least two"),
    (lambda: d.Wishart(1.0, rl.eye(2)), ValueError, "df"),
    (lambda: d.LKJCholesky(1), ValueError, "at least 2"),
    (lambda: d.GeneralizedPareto(0.0, 1.0, -0.5).log_prob(rl.tensor(2.5)), ValueError, "interval"),
    (lambda: d.ExponentialFamily().entropy(), NotImplementedError, "natural"),
    (lambda: rl.special.airy_ai, AttributeError, "PyTorch has it"),
    (lambda: rl.polygamma(-1, ONE), ValueError, "0 or more"),
]


@pytest.mark.parametrize(("call", "kind", "words"), BAD)
def test_errors(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_checks_can_be_left_out() -> None:
    assert d.Normal(0.0, -1.0, validate_args=False).log_prob(rl.tensor(0.0)).isnan().item()
    d.Distribution.set_default_validate_args(False)
    try:
        d.Normal(0.0, -1.0)
    finally:
        d.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="scale"):
        d.Normal(0.0, -1.0)


C = d.constraints
MEMBERS: list[tuple[Any, Any, Any]] = [
    (C.boolean, [0.0, 1.0, 0.5], [True, True, False]),
    (C.nonnegative_integer, [0.0, 3.0, -1.0, 0.5], [True, True, False, False]),
    (C.positive_integer, [0, 3], [False, True]),
    (C.integer_interval(0, 3), [0.0, 3.0, 4.0, 1.5], [True, True, False, False]),
    (C.half_open_interval(0.0, 1.0), [0.0, 1.0], [True, False]),
    (C.less_than(1.0), [0.0, 1.0], [True, False]),
    (C.simplex, [[0.5, 0.5], [0.5, 0.6], [-0.5, 1.5]], [True, False, False]),
    (C.one_hot, [[0.0, 1.0], [1.0, 1.0], [0.0, 0.5]], [True, False, False]),
    (C.multinomial(3), [[1.0, 2.0], [2.0, 2.0], [-1.0, 1.0]], [True, False, False]),
    (C.lower_triangular, [[[1.0, 0.0], [1.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]]], [True, False]),
    (C.lower_cholesky, [[[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, -1.0]]], [True, False]),
    (C.corr_cholesky, [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.7]]], [True, False]),
    (C.symmetric, [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]]], [True, False]),
    (C.positive_definite, [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]]], [True, False]),
    (C.positive_semidefinite, [[[1.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 1.0]]], [True, False]),
    (C.square, [[[1.0, 2.0], [3.0, 4.0]]], [True]),
    (C.independent(C.positive, 1), [[1.0, 2.0], [-1.0, 1.0]], [True, False]),
    (C.cat([C.positive, C.real], -1, [1, 2]), [1.0, -1.0, 0.0], [True, True, True]),
    (C.stack([C.positive, C.unit_interval], -1), [[1.0, 2.0], [1.0, 0.5]], [[True, False], [True, True]]),
]


@pytest.mark.parametrize(("constraint", "values", "expected"), MEMBERS, ids=lambda v: str(v)[:30])
def test_members(constraint: Any, values: Any, expected: Any) -> None:
    assert constraint.check(rl.tensor(values)).tolist() == expected
    assert repr(constraint)


FILES = """bernoulli.Bernoulli beta.Beta binomial.Binomial categorical.Categorical cauchy.Cauchy chi2.Chi2
    continuous_bernoulli.ContinuousBernoulli dirichlet.Dirichlet distribution.Distribution
    exponential.Exponential fishersnedecor.FisherSnedecor gamma.Gamma geometric.Geometric gumbel.Gumbel
    half_cauchy.HalfCauchy half_normal.HalfNormal independent.Independent inverse_gamma.InverseGamma
    kl.kl_divergence kumaraswamy.Kumaraswamy laplace.Laplace log_normal.LogNormal
    logistic_normal.LogisticNormal lowrank_multivariate_normal.LowRankMultivariateNormal
    mixture_same_family.MixtureSameFamily multinomial.Multinomial multivariate_normal.MultivariateNormal
    negative_binomial.NegativeBinomial normal.Normal one_hot_categorical.OneHotCategorical pareto.Pareto
    poisson.Poisson relaxed_bernoulli.RelaxedBernoulli relaxed_categorical.RelaxedOneHotCategorical
    studentT.StudentT transformed_distribution.TransformedDistribution transforms.ExpTransform
    uniform.Uniform von_mises.VonMises weibull.Weibull constraint_registry.biject_to"""


@pytest.mark.parametrize("path", FILES.split())
def test_the_files_are_called_as_pytorchs(path: str) -> None:
    file, name = path.split(".")
    module = importlib.import_module(f"rushlight.distributions.{file}")
    assert getattr(module, name) is getattr(d, name)
