"""Distributions beside PyTorch's: densities, moments, entropies, quantiles, divergences, gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

PARTS = {"d": "distributions", "t": "distributions"}
"""Arguments of functions that stand for a part of the framework."""
A = np.array


@dataclass
class Case:
    """A distribution, its parameters as keywords, values that it may give, and probabilities for `icdf`."""

    name: str
    params: dict[str, Any]
    values: np.ndarray
    fixed: dict[str, Any]
    make: Callable[..., Any] | None = None

    def build(self, L: Any, dtype: str, leaf: bool = True) -> tuple[Any, list[Any]]:
        tensors = {k: tensor(L, v, dtype, leaf) for k, v in self.params.items()}
        if self.make is not None:
            return self.make(L.distributions, **tensors), list(tensors.values())
        kind = getattr(L.distributions, self.name)
        return kind(**tensors, **self.fixed), list(tensors.values())


def tensor(L: Any, value: np.ndarray, dtype: str, leaf: bool = False) -> Any:
    array = np.array(value)
    if array.dtype.kind == "f":
        array = array.astype(dtype)
    out = L.from_numpy(array)
    return out.requires_grad_() if leaf and array.dtype.kind == "f" else out


CASES: list[Case] = []


def case(name: str, values: Any, make: Any = None, fixed: Any = None, **params: Any) -> None:
    CASES.append(Case(name, params, np.array(values), fixed or {}, make))


REAL = [-1.3, 0.0, 0.7]
POSITIVE = [0.2, 1.0, 3.5]
UNIT = [0.1, 0.45, 0.97]
LOC, SCALE = A([-0.5, 0.0, 2.0]), A([0.4, 1.0, 2.5])
P = A([0.15, 0.5003, 0.8])
SIMPLEX = [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]
LOGITS = A([[0.3, -1.0, 0.2], [2.0, 0.0, -0.5]])
MATRIX = A([[1.5, 0.2, 0.1], [0.2, 0.8, -0.3], [0.1, -0.3, 2.0]])
LOWER = np.linalg.cholesky(MATRIX)

case("Bernoulli", [0.0, 1.0, 1.0], probs=P)
case("Bernoulli", [0.0, 1.0, 1.0], logits=LOC)
case("Beta", UNIT, concentration1=A([0.5, 2.0, 5.0]), concentration0=A([1.5, 3.0, 0.7]))
case("Binomial", [0.0, 3.0, 5.0], fixed={"total_count": 5}, probs=P)
case("Binomial", [1.0, 3.0, 4.0], fixed={"total_count": 5}, logits=LOC)
case("Categorical", [0, 2], probs=A(SIMPLEX))
case("Categorical", [0, 2], logits=LOGITS)
case("Categorical", [[0], [1], [2]], logits=LOGITS)
case("Cauchy", REAL, loc=LOC, scale=SCALE)
case("Chi2", POSITIVE, df=A([0.5, 3.0, 8.0]))
case("ContinuousBernoulli", UNIT, probs=P)
case("ContinuousBernoulli", UNIT, logits=LOC - 0.8)
case("Dirichlet", SIMPLEX, concentration=A([[0.5, 1.5, 2.0], [3.0, 2.0, 4.0]]))
case("Dirichlet", SIMPLEX, concentration=A([[0.5, 0.7, 0.2], [0.3, 0.2, 0.9]]))
case("Exponential", POSITIVE, rate=SCALE)
case("FisherSnedecor", POSITIVE, df1=A([1.0, 3.0, 7.0]), df2=A([3.0, 5.0, 9.0]))
case("Gamma", POSITIVE, concentration=A([0.5, 1.0, 4.0]), rate=SCALE)
case("Geometric", [0.0, 2.0, 5.0], probs=P)
case("Geometric", [0.0, 2.0, 5.0], logits=LOC)
case("Gumbel", REAL, loc=LOC, scale=SCALE)
case("HalfCauchy", POSITIVE, scale=SCALE)
case("HalfNormal", POSITIVE, scale=SCALE)
case("InverseGamma", POSITIVE, concentration=A([0.5, 1.5, 4.0]), rate=SCALE)
case("Kumaraswamy", UNIT, concentration1=A([1.5, 2.0, 5.0]), concentration0=A([1.5, 3.0, 1.7]))
case("Laplace", REAL, loc=LOC, scale=SCALE)
case("LogNormal", POSITIVE, loc=LOC, scale=SCALE)
case("LogisticNormal", SIMPLEX, loc=A([[0.1, -0.3], [1.0, 0.4]]), scale=A([[1.0, 0.5], [2.0, 0.7]]))
case("LowRankMultivariateNormal", [[0.1, 0.2, -1.0], [1.0, 0.0, 0.5]], loc=A([0.1, 0.2, 0.3]),
    cov_factor=A([[0.5, 0.1], [-0.3, 0.7], [0.2, 0.4]]), cov_diag=A([0.6, 1.0, 2.0]))  # fmt: skip
case("Multinomial", [[1.0, 2.0, 2.0], [0.0, 5.0, 0.0]], fixed={"total_count": 5}, probs=A(SIMPLEX))
case("Multinomial", [[1.0, 2.0, 2.0], [0.0, 5.0, 0.0]], fixed={"total_count": 5}, logits=LOGITS)
for _name, _matrix in (("covariance_matrix", MATRIX), ("precision_matrix", MATRIX), ("scale_tril", LOWER)):
    case(
        "MultivariateNormal",
        [[0.1, 0.2, -1.0], [1.0, 0.0, 0.5]],
        loc=A([[0.1, 0.2, 0.3]]),
        **{_name: _matrix},
    )
WISHARTS = np.stack([MATRIX, 3.0 * np.eye(3)])
case("Wishart", WISHARTS, df=A([4.5, 7.0]), covariance_matrix=MATRIX)
case("Wishart", WISHARTS, df=A([4.5, 7.0]), precision_matrix=np.linalg.inv(MATRIX))
# PyTorch's gradients reach the numbers above the diagonal, which are not read.
case("Wishart of a factor", MATRIX,
    lambda d, df, lower: d.Wishart(df, scale_tril=lower.tril()),
    df=A(3.5), lower=np.stack([LOWER, 2.0 * np.eye(3)]))  # fmt: skip
FACTOR = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.48, 0.64, 0.6]])
case("LKJCholesky", np.stack([FACTOR, np.eye(3)]), fixed={"dim": 3}, concentration=A([0.5, 2.0]))
case("LKJCholesky", FACTOR[:2, :2], fixed={"dim": 2}, concentration=A(1.7))
case(
    "GeneralizedPareto",
    [0.7, 1.0, 9.0],
    loc=A([0.5, 0.9, 3.0]),
    scale=SCALE,
    concentration=A([0.3, -0.4, 0.7]),
)
case(
    "GeneralizedPareto",
    [0.7, 1.5, 9.0],
    loc=A([0.5, 0.9, 3.0]),
    scale=SCALE,
    concentration=A([-0.6, 1.4, 0.2]),
)
case("NegativeBinomial", [0.0, 2.0, 7.0], total_count=A([1.0, 3.5, 6.0]), probs=P)
case("NegativeBinomial", [0.0, 2.0, 7.0], total_count=A([1.0, 3.5, 6.0]), logits=LOC)
case("Normal", REAL, loc=LOC, scale=SCALE)
case("Normal", [[0.5], [1.0]], loc=A([0.0, 1.0]), scale=A([1.0, 2.0]))
case("OneHotCategorical", [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], logits=LOGITS)
case("OneHotCategoricalStraightThrough", [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], probs=A(SIMPLEX))
case("Pareto", [1.2, 2.0, 9.0], scale=A([0.5, 1.0, 3.0]), alpha=A([0.7, 1.5, 4.0]))
case("Poisson", [0.0, 2.0, 9.0], rate=A([0.3, 2.2, 11.0]))
case("RelaxedBernoulli", UNIT, temperature=A(0.7), probs=P)
case("RelaxedBernoulli", UNIT, temperature=A(0.7), logits=LOC)
case("RelaxedOneHotCategorical", SIMPLEX, temperature=A(0.7), logits=LOGITS)
case("StudentT", REAL, df=A([0.8, 1.5, 5.0]), loc=LOC, scale=SCALE)
case("Uniform", [0.2, 0.5, 0.9], low=A([0.0, -1.0, 0.3]), high=A([1.0, 2.0, 1.5]))
case("VonMises", REAL, loc=LOC, concentration=A([0.3, 1.0, 9.0]))
case("Weibull", POSITIVE, scale=SCALE, concentration=A([1.2, 1.5, 4.0]))
case("Independent", [[0.1, 0.2], [0.4, 1.0]],
    lambda d, loc, scale: d.Independent(d.Normal(loc, scale), 1),
    loc=A([0.0, 1.0]), scale=A([1.0, 2.0]))  # fmt: skip
case("MixtureSameFamily", REAL,
    lambda d, logits, loc, scale: d.MixtureSameFamily(d.Categorical(logits=logits), d.Normal(loc, scale)),
    logits=A([0.3, -0.2]), loc=A([-1.0, 1.0]), scale=A([0.5, 1.5]))  # fmt: skip
case("MixtureSameFamily of vectors", [[0.1, 0.2], [1.0, -1.0]],
    lambda d, logits, loc: d.MixtureSameFamily(d.Categorical(logits=logits),
        d.Independent(d.Laplace(loc, 1.0), 1)),
    logits=A([0.3, -0.2, 0.0]), loc=A([[-1.0, 1.0], [0.0, 0.2], [2.0, 3.0]]))  # fmt: skip
case("TransformedDistribution", [-0.9, 0.1, 0.8],
    lambda d, loc, scale: d.TransformedDistribution(d.Normal(loc, scale), [d.TanhTransform()]),
    loc=LOC, scale=SCALE)  # fmt: skip
case("logistic", REAL,
    lambda d, loc, scale: d.TransformedDistribution(
        d.Uniform(0.0 * loc, 0.0 * loc + 1), [d.SigmoidTransform().inv, d.AffineTransform(loc, scale)]),
    loc=LOC, scale=SCALE)  # fmt: skip
case("softplus of a vector", [[0.5, 1.0, 2.0]],
    lambda d, loc, scale: d.Independent(
        d.TransformedDistribution(d.Normal(loc, scale), [d.SoftplusTransform()]), 1),
    loc=LOC, scale=SCALE)  # fmt: skip

IDS = [f"{c.name}-{'-'.join(c.params)}-{i}" for i, c in enumerate(CASES)]
ATTRIBUTES = ("mean", "mode", "variance", "stddev", "entropy")
DTYPES = (("float64", 1e-11, 1e-13), ("float32", 1e-5, 1e-6))


def close(ours: Any, theirs: Any, dtype: str, rtol: float, atol: float, what: str) -> None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape, (what, a.shape, b.shape)
    assert a.dtype == b.dtype, (what, a.dtype, b.dtype)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=what)


def grads(L: Any, out: Any, leaves: list[Any]) -> list[Any]:
    leaves = [t for t in leaves if t.requires_grad]
    if not leaves or not out.requires_grad:
        return []
    weights = np.cos(np.arange(int(np.prod(tuple(out.shape)))) + 0.5).reshape(tuple(out.shape))
    seed = L.from_numpy(weights.astype(str(out.dtype).removeprefix("torch.")))
    found = L.autograd.grad(out, leaves, seed, allow_unused=True, retain_graph=True)
    return [
        np.zeros(tuple(t.shape)) if g is None else g.detach().numpy()
        for g, t in zip(found, leaves, strict=True)
    ]


def asked(L: Any, c: Case, dtype: str, what: str) -> tuple[Any, list[Any]]:
    """The answer of `c` to `what`, and the tensors that it depends on."""
    dist, leaves = c.build(L, dtype)
    if what in ("log_prob", "cdf"):
        value = tensor(L, c.values, dtype, True)
        return getattr(dist, what)(value), [*leaves, value]
    if what == "icdf":
        p = tensor(L, A([[0.1], [0.5], [0.93]]), dtype, True)
        return dist.icdf(p), [*leaves, p]
    found = getattr(dist, what)
    return (found() if callable(found) else found), leaves


@pytest.mark.parametrize("c", CASES, ids=IDS)
def test_answers(c: Case) -> None:
    checked = []
    for dtype, rtol, atol in DTYPES:
        strict = rtol, atol
        if c.name == "GeneralizedPareto":
            torch.set_default_dtype(getattr(torch, dtype))
        for what in (*ATTRIBUTES, "log_prob", "cdf", "icdf"):
            rtol, atol = strict
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    theirs, their_leaves = asked(torch, c, dtype, what)
                except (NotImplementedError, AttributeError):
                    continue
            if (c.name, what) in LEFT_OUT:
                continue
            if (c.name, what) in ROUGH:
                rtol, atol = max(rtol, 1e-6) * 20, max(atol, 1e-7)
            ours, our_leaves = asked(rl, c, dtype, what)
            label = f"{what} {dtype}"
            close(ours, theirs, dtype, rtol, atol, label)
            try:
                expected = grads(torch, theirs, their_leaves)
            except NotImplementedError:
                assert what == "cdf"  # PyTorch has no derivative of the incomplete gamma function
                continue
            if c.name.split()[0] in TRIGAMMA:
                rtol, atol = max(rtol, 1e-9), max(atol, 1e-10)
            pairs = zip(grads(rl, ours, our_leaves), expected, strict=True)
            for i, (a, b) in enumerate(pairs):
                if np.isfinite(b).all():
                    np.testing.assert_allclose(a, b, rtol=10 * rtol, atol=20 * atol, err_msg=f"d{i} {label}")
            checked.append(what)
    assert "log_prob" in checked


LEFT_OUT = {
    ("Dirichlet", "mode"): "PyTorch's is always the first corner where all concentrations are below 1",
    ("Kumaraswamy", "mode"): "PyTorch's is nan",
}
ROUGH = {
    ("ContinuousBernoulli", "variance"): "a difference of nearly equal numbers",
    ("ContinuousBernoulli", "stddev"): "the same",
    ("Multinomial", "entropy"): "PyTorch computes a part of it in float32",
    ("VonMises", "variance"): "PyTorch's Bessel functions are polynomials for float32",
    ("VonMises", "stddev"): "the same",
    ("VonMises", "log_prob"): "the same",
}


TRIGAMMA = {"Beta", "Chi2", "Dirichlet", "Gamma", "InverseGamma", "Kumaraswamy", "StudentT", "Wishart"}
"""Whose gradients have the trigamma function in them, of which PyTorch knows nine digits."""


@pytest.fixture(autouse=True)
def doubles(request: pytest.FixtureRequest) -> Iterator[None]:
    """PyTorch's GeneralizedPareto compares its concentration with a zero of the default dtype."""
    theirs = "GeneralizedPareto" in request.node.name and "answers" not in request.node.name
    torch.set_default_dtype(torch.float64 if theirs else torch.float32)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.filterwarnings("ignore:Singular sample")  # PyTorch's Wishart, whose rank it computes
@pytest.mark.parametrize("c", CASES, ids=IDS)
def test_shapes_expansion_and_support(c: Case) -> None:
    ours, _ = c.build(rl, "float64", leaf=False)
    slack = 1e-5 if (c.name, "log_prob") in ROUGH else 1e-10
    theirs, _ = c.build(torch, "float64", leaf=False)
    for a, b in (
        (ours, theirs),
        (ours.expand((4, *ours.batch_shape)), theirs.expand((4, *theirs.batch_shape))),
    ):
        assert (a.batch_shape, a.event_shape) == (tuple(b.batch_shape), tuple(b.event_shape))
        assert a.has_rsample == b.has_rsample
        assert a.has_enumerate_support == b.has_enumerate_support
        assert a.sample((3, 2)).shape == tuple(b.sample((3, 2)).shape)
        value = a.sample((2,))
        assert bool(a.support.check(value).all())
        x = torch.from_numpy(value.numpy())
        np.testing.assert_allclose(a.log_prob(value).numpy(), b.log_prob(x).numpy(), rtol=slack, atol=slack)
        assert a.support.event_dim == b.support.event_dim
        assert a.support.is_discrete == b.support.is_discrete
        if b.has_enumerate_support:
            for expand in (True, False):
                values = a.enumerate_support(expand).numpy()
                np.testing.assert_array_equal(values, b.enumerate_support(expand).numpy())
    assert type(ours).__name__ in repr(ours)


SINGLE = {c.name: c for c in reversed(CASES) if c.make is None}


def registered() -> list[tuple[str, str]]:
    from torch.distributions.kl import _KL_REGISTRY

    skipped = {"ExponentialFamily", "TransformedDistribution", "Independent"}
    names = {(p.__name__, q.__name__) for p, q in _KL_REGISTRY}
    return sorted(pair for pair in names if not skipped & set(pair))


KL_PARAMS: dict[str, dict[str, Any]] = {
    "Uniform": {"low": A([-0.2, -1.0, -0.3]), "high": A([1.1, 2.0, 1.5])},
    "Pareto": {"scale": A([0.5, 1.0, 1.2]), "alpha": A([2.7, 3.5, 0.9])},
}
INSIDE = {"Uniform": {"low": A([0.1, 0.3, 0.6]), "high": A([0.4, 0.9, 0.97])}}
PARETO = {"scale": A([0.05, 0.1, 0.7]), "alpha": A([2.7, 3.5, 0.9])}
SECOND: dict[str, dict[str, Any]] = {
    "Binomial": {"probs": A([0.3, 0.6, 0.2])},
    "Multinomial": {},
    "Cauchy": {"loc": A([0.3, 1.0, 0.0]), "scale": A([1.0, 2.0, 0.3])},
    "Normal": {"loc": A([0.3, 1.0, 0.0]), "scale": A([1.0, 2.0, 0.3])},
    "Laplace": {"loc": A([0.3, 1.0, 0.0]), "scale": A([1.0, 2.0, 0.3])},
    "Gumbel": {"loc": A([0.3, 1.0, 0.0]), "scale": A([1.0, 2.0, 1.3])},
    "Gamma": {"concentration": A([1.5, 0.7, 2.0]), "rate": A([1.0, 2.0, 0.3])},
    "Uniform": {"low": A([-0.5, -2.0, -0.4]), "high": A([1.2, 2.5, 1.6])},
    "Pareto": PARETO,
}


@pytest.mark.parametrize(("first", "second"), registered(), ids=lambda name: name)
def test_divergences(first: str, second: str) -> None:
    from_uniform = first == "Uniform" and second in (
        "Beta",
        "ContinuousBernoulli",
        "Exponential",
        "Gamma",
        "Pareto",
    )
    p_params = INSIDE["Uniform"] if from_uniform else KL_PARAMS.get(first)
    for dtype, rtol, atol in DTYPES:
        results = []
        for L in (rl, torch):
            p_case, q_case = SINGLE[first], SINGLE[second]
            if p_params is not None:
                p_case = Case(first, p_params, p_case.values, p_case.fixed)
            if second in SECOND:
                q_case = Case(second, SECOND[second], q_case.values, q_case.fixed)
            p, p_leaves = p_case.build(L, dtype)
            q, q_leaves = q_case.build(L, dtype)
            out = L.distributions.kl_divergence(p, q)
            leaves = [*p_leaves, *q_leaves]
            finite = np.isfinite(out.detach().numpy()).all()
            results.append((out, grads(L, out, leaves) if finite else []))
        (ours, a), (theirs, b) = results
        close(ours, theirs, dtype, rtol, atol, f"{first} {second} {dtype}")
        if {first, second} & TRIGAMMA:
            rtol, atol = max(rtol, 1e-9), max(atol, 1e-10)
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=10 * rtol, atol=20 * atol)


def test_divergences_of_exponential_families() -> None:
    """PyTorch's formula has no derivative by the first distribution."""

    def family(L: Any) -> Any:
        class Waiting(L.distributions.ExponentialFamily):  # type: ignore[misc]
            _mean_carrier_measure = 0

            def __init__(self, rate: Any) -> None:
                self.rate = rate
                super().__init__(rate.shape, validate_args=False)

            @property
            def _natural_params(self) -> Any:
                return (-self.rate,)

            def _log_normalizer(self, x: Any) -> Any:
                return -(-x).log()

        return Waiting

    results = []
    for L in (rl, torch):
        d, matrix, other = L.distributions, tensor(L, MATRIX, "float64"), tensor(L, A(3.5), "float64", True)
        rate = tensor(L, SCALE, "float64", True)
        p = d.Wishart(tensor(L, A(5.5), "float64"), matrix)
        outs = [d.kl_divergence(p, d.Wishart(other, 2 * matrix + 1))]
        Waiting = family(L)
        waiting = Waiting(tensor(L, SCALE + 1, "float64"))
        outs += [d.kl_divergence(waiting, Waiting(rate)), waiting.entropy()]
        found = [out.detach().numpy() for out in outs]
        results.append([*found, *(g for out in outs[:2] for g in grads(L, out, [other, rate]))])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_divergences_of_composites() -> None:
    for L in (rl, torch):
        d = L.distributions
        loc = tensor(L, LOC, "float64")
        p, q = d.LogNormal(loc, loc * 0 + 1), d.LogNormal(loc + 1, loc * 0 + 2)
        one, other = d.Normal(loc, loc * 0 + 1), d.Normal(loc + 1, loc * 0 + 2)
        normal = d.kl_divergence(one, other)
        np.testing.assert_allclose(d.kl_divergence(p, q).numpy(), normal.numpy())
        both = d.kl_divergence(d.Independent(one, 1), d.Independent(other, 1))
        np.testing.assert_allclose(both.numpy(), normal.sum().numpy())
        with pytest.raises(NotImplementedError):
            d.kl_divergence(one, d.Poisson(2.0))


TRANSFORMS: list[tuple[str, Callable[[Any], Any], np.ndarray]] = [
    ("Exp", lambda t: t.ExpTransform(), A(REAL)),
    ("Power", lambda t: t.PowerTransform(2.5), A(POSITIVE)),
    ("Sigmoid", lambda t: t.SigmoidTransform(), A(REAL)),
    ("Softplus", lambda t: t.SoftplusTransform(), A(REAL)),
    ("Tanh", lambda t: t.TanhTransform(), A(REAL)),
    ("Affine", lambda t: t.AffineTransform(0.5, -2.0), A(REAL)),
    ("Affine of a vector", lambda t: t.AffineTransform(0.5, 3.0, event_dim=1), A([REAL, REAL])),
    ("StickBreaking", lambda t: t.StickBreakingTransform(), A([REAL, POSITIVE])),
    ("CorrCholesky", lambda t: t.CorrCholeskyTransform(), A([[0.3, -0.5, 0.2], [1.0, 0.1, -0.7]])),
    ("Reshape", lambda t: t.ReshapeTransform((3,), (1, 3)), A([REAL, POSITIVE])),
    ("Cat", lambda t: t.CatTransform([t.ExpTransform(), t.AffineTransform(1.0, 2.0)], -1, [1, 2]), A([REAL])),
    ("Stack", lambda t: t.StackTransform([t.ExpTransform(), t.identity_transform], 0), A([REAL, POSITIVE])),
    ("Independent", lambda t: t.IndependentTransform(t.TanhTransform(), 1), A([REAL, POSITIVE])),
    ("Compose",
        lambda t: t.ComposeTransform([t.TanhTransform(), t.AffineTransform(1.0, 3.0), t.ExpTransform()]),
        A(REAL)),
    ("mixed", lambda t: t.ComposeTransform([t.AffineTransform(0.0, 2.0), t.StickBreakingTransform()]),
        A([REAL, POSITIVE])),
    ("inverse", lambda t: t.ComposeTransform([t.ExpTransform(), t.TanhTransform()]).inv, A([0.8, 0.9])),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "x"), TRANSFORMS, ids=[t[0] for t in TRANSFORMS])
def test_transforms(name: str, make: Any, x: np.ndarray) -> None:
    t, u = make(rl.distributions.transforms), make(torch.distributions.transforms)
    a, b = tensor(rl, x, "float64", True), tensor(torch, x, "float64", True)
    y, z = t(a), u(b)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(t.inv(y).detach().numpy(), x, rtol=1e-7, atol=1e-9)
    ours, theirs = t.log_abs_det_jacobian(a, y), u.log_abs_det_jacobian(b, z)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    if ours.requires_grad and theirs.requires_grad:
        for m, n in zip(grads(rl, ours, [a]), grads(torch, theirs, [b]), strict=True):
            np.testing.assert_allclose(m, n, rtol=1e-10, atol=1e-12)
    assert t.forward_shape(x.shape) == tuple(u.forward_shape(x.shape)) == y.shape
    assert t.inverse_shape(y.shape) == x.shape
    assert t.bijective == u.bijective
    assert (t.domain.event_dim, t.codomain.event_dim) == (u.domain.event_dim, u.codomain.event_dim)
    assert bool(t.codomain.check(y).all())


NAMES = [
    "corr_cholesky", "interval", "lower_cholesky", "nonnegative", "positive", "positive_definite", "real",
    "real_vector", "simplex", "unit_interval",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["biject_to", "transform_to"])
def test_transforms_onto_constraints(which: str, name: str) -> None:
    x = A([[0.3, -1.0, 0.8], [0.0, 2.0, -0.4], [1.0, 0.2, 0.1]])
    found = []
    if which == "biject_to" and name in ("lower_cholesky", "positive_definite"):
        pytest.skip("PyTorch has none")
    for L in (rl, torch):
        c = getattr(L.distributions.constraints, name)
        c = c(-1.0, 3.0) if name == "interval" else c
        y = getattr(L.distributions, which)(c)(tensor(L, x, "float64"))
        assert bool(c.check(y).all())
        found.append(y.numpy())
    np.testing.assert_allclose(*found, rtol=1e-10)


COVERED = {"rushlight.distributions": {*SINGLE, "biject_to", "transform_to"}}
"""What the tests above look up by name, for the matrix of test_matrix.py."""
