"""vmap: each result is that of the function on one example after the other, and so is its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.placeholder import TraceError
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError
from rushlight.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, stack_module_state, vjp, vmap
from tests.op_samples import Sample, one_of_each_kind, results, stacked

N = 3


@pytest.mark.parametrize("s", one_of_each_kind(), ids=repr)
def test_every_op(s: Sample) -> None:
    """Values and gradients equal those of a loop, with all arguments mapped, and with the first alone."""
    call = results(s)
    count = len(s.arrays)
    for many in {(True,) * count, (True,) + (False,) * (count - 1)}:
        arrays = [stacked(a, N) if m else a for a, m in zip(s.arrays, many, strict=True)]
        ours = [rl.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        loop = [rl.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        try:
            mapped = vmap(call, in_dims=tuple(0 if m else None for m in many))(*ours)
        except TraceError:
            pytest.skip(f"{s.name} needs numbers, as under compile")
        except NotSupportedError as error:
            if "random numbers" not in str(error):
                raise
            pytest.skip(f"{s.name} draws, which vmap refuses unless it is told how")
        rows = [call(*[t[i] if m else t for t, m in zip(loop, many, strict=True)]) for i in range(N)]
        expected = [rl.stack(list(column)) for column in zip(*rows, strict=True)]
        compare(mapped, expected)
        if any(t.requires_grad for t in expected):
            compare(gradients(mapped, ours), gradients(expected, loop))


def gradients(outputs: Any, leaves: list[rl.Tensor]) -> list[rl.Tensor]:
    total = sum((o * o).sum() for o in outputs if o.requires_grad)
    wanted = [t for t in leaves if t.requires_grad]
    return [g for g in rl.autograd.grad(total, wanted, materialize_grads=True) if g is not None]


def compare(ours: Any, expected: Any) -> None:
    for a, b in zip(ours, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10)


def data(*shape: int) -> rl.Tensor:
    return rl.tensor(np.random.default_rng(7).standard_normal(shape))


X, Y = data(4, 3), data(3, 4)


def written(x: rl.Tensor) -> rl.Tensor:
    y = rl.zeros(3, dtype=x.dtype)
    y[0] = x[1]
    y[1:] += x[:2] * 2
    return y


def indexed(x: rl.Tensor) -> rl.Tensor:
    return x[rl.tensor([2, 0])] * x.gather(0, rl.tensor([1, 1]))


FUNCTIONS: list[Callable[[rl.Tensor], Any]] = [
    lambda x: x.softmax(0),
    lambda x: x.view(3, 1) @ x.view(1, 3),
    lambda x: (x.sum(), x.mean(0, keepdim=True), x.argmax(), x.sort().values),
    lambda x: {"a": [x.flip(0), x[None].expand(2, 3)], "b": rl.cat([x, x[:1]])},
    lambda x: nn.functional.cross_entropy(x, rl.tensor(1)),
    lambda x: rl.einsum("i,ij->j", x, Y),
    lambda x: rl.where(x > 0, x, 0.1).cumsum(0),
    lambda x: x.detach() * x,
    written,
    indexed,
    grad(lambda x: (x**3).sum()),
    hessian(lambda x: (x.sin() * x.sum()).sum()),
    vmap(lambda a: a * 2 + Y[0, 0]),
    jacrev(lambda x: rl.stack([x.prod(), x.sum()])),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("compiled", [False, True])
def test_functions(function: Callable[[rl.Tensor], Any], compiled: bool) -> None:
    from rushlight.func.tree import leaves

    call = vmap(function)
    if compiled:
        pytest.importorskip("llvmlite")
        call = rl.compile(call)
    rows = [leaves(function(x)) for x in X]
    compare(leaves(call(X)), [rl.stack(list(column)) for column in zip(*rows, strict=True)])


def test_axes_in_and_out() -> None:
    def outer(a: rl.Tensor, rest: dict[str, rl.Tensor], k: float) -> tuple[rl.Tensor, rl.Tensor]:
        return a.unsqueeze(1) * rest["b"] * k, rest["c"]

    rest = {"b": Y, "c": data(2)}
    call = vmap(outer, in_dims=(0, {"b": 1, "c": None}, None), out_dims=(2, 0))
    product, kept = call(X, rest, 2.0)
    assert product.shape == (3, 3, 4)
    np.testing.assert_allclose(product[..., 1].numpy(), (X[1].unsqueeze(1) * Y[:, 1] * 2).numpy())
    assert kept.shape == (4, 2)
    for size in (1, 3, 4, 9):
        chunked = vmap(outer, in_dims=(0, {"b": 1, "c": None}, None), out_dims=(2, 0), chunk_size=size)
        compare(chunked(X, rest, 2.0), (product, kept))


def test_random_numbers() -> None:
    def noisy(x: rl.Tensor) -> rl.Tensor:
        return x + rl.rand(2)

    with pytest.raises(NotSupportedError, match="randomness"):
        vmap(noisy)(rl.zeros(3))
    rl.manual_seed(0)
    same = vmap(noisy, randomness="same")(rl.zeros(3))
    assert (same == same[0]).all()
    different = vmap(noisy, randomness="different")(rl.zeros(3))
    assert len(set(different.reshape(-1).tolist())) == 6
    assert (rl.rand(6) != different.reshape(-1)).all()  # the generator has moved on


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: vmap(lambda x, y: x)(X, Y), ShapeError, "3 and 4"),
    (lambda: vmap(lambda x: x)(rl.tensor(1.0)), ShapeError, "without axes"),
    (lambda: vmap(lambda x: x)(2.0), ArgumentError, "None in in_dims"),
    (lambda: vmap(lambda x: x, in_dims=None)(X), ShapeError, "no examples"),
    (lambda: vmap(lambda x: x, in_dims=(0, 0))(X), ArgumentError, "one entry for each"),
    (lambda: vmap(lambda x: x, in_dims=5)(X), IndexError, "dim=5"),
    (lambda: vmap(lambda x: x.sum().item())(X), TraceError, "item"),
    (lambda: vmap(lambda x: 3)(X), ArgumentError, "returns a int"),
    (lambda: vmap(lambda x: Y.add_(x.sum()))(X), TraceError, "from outside"),
    (lambda: vmap(lambda x: x, randomness="some")(X), ArgumentError, "'same'"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_gradients_of_each_example() -> None:
    """What differentially private training asks for, and an ensemble that is trained side by side."""
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    targets = data(4, 1)

    def loss(params: dict[str, rl.Tensor], x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        return ((functional_call(net, params, x) - y) ** 2).sum()

    params = dict(net.named_parameters())
    found = vmap(grad(loss), in_dims=(None, 0, 0))({k: v.detach() for k, v in params.items()}, X, targets)
    for i in range(4):
        expected = rl.autograd.grad(loss(params, X[i], targets[i]), list(params.values()))
        compare([found[k][i] for k in params], expected)
    assert all(v is p for v, p in zip(net.parameters(), params.values(), strict=True))
    assert all(p.grad is None for p in net.parameters())


def test_an_ensemble() -> None:
    nets = [nn.Sequential(nn.Linear(3, 2), nn.ReLU()).double() for _ in range(5)]
    params, _ = stack_module_state(nets)
    out = vmap(lambda p, x: functional_call(nets[0], p, (x,)), in_dims=(0, None))(params, X)
    compare(out, [net(X) for net in nets])
    out.sum().backward()
    assert params["0.weight"].grad is not None
    nets[1](X).sum().backward()
    compare([params["0.weight"].grad[1]], [nets[1][0].weight.grad])


def test_an_ensemble_with_gradients_compiles() -> None:
    nets = [nn.Linear(3, 2).double() for _ in range(3)]
    params, _ = stack_module_state(nets)
    run = vmap(lambda p, x: functional_call(nets[0], p, (x,)), in_dims=(0, None))
    compare(rl.compile(lambda p, x: run(p, x).detach())(params, X), run(params, X).detach())


def test_functional_call_names_what_is_wrong() -> None:
    net = nn.Linear(3, 2)
    with pytest.raises(ArgumentError, match="'wieght'.*'weight'"):
        functional_call(net, {"wieght": rl.ones(2, 3)}, rl.ones(3))
    with pytest.raises(ArgumentError, match="also bias"):
        functional_call(net, {"weight": rl.ones(2, 3)}, rl.ones(3), strict=True)
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    given = {"0.weight": rl.zeros(2, 2)}
    assert (functional_call(tied, given, rl.ones(2)) == tied[1].bias).all()
    assert not (functional_call(tied, given, rl.ones(2), tie_weights=False) == tied[1].bias).all()


def test_products_with_jacobians() -> None:
    def f(x: rl.Tensor, y: rl.Tensor) -> dict[str, rl.Tensor]:
        return {"p": x * y.sum(), "s": (x * x).sum()}

    x, y = X[0], X[1]
    jacobians = jacrev(f, (0, 1))(x, y)
    forward = jacfwd(f, (0, 1))(x, y)
    for k, pair in jacobians.items():
        compare(pair, forward[k])
    out, change = jvp(f, (x, y), (x, x))
    compare([change["p"]], [jacobians["p"][0] @ x + jacobians["p"][1] @ x])
    out, pull = vjp(f, x, y)
    left = pull({"p": x, "s": rl.tensor(2.0, dtype=rl.float64)})
    compare([left[1]], [x @ jacobians["p"][1]])
    assert not out["p"].requires_grad
    assert not change["s"].requires_grad


def test_histories_outside_are_kept() -> None:
    """A gradient that depends on a parameter can be differentiated by it; one that does not is plain."""
    w = rl.tensor(2.0, requires_grad=True)
    slope = grad(lambda x: w * x**2)(rl.tensor(3.0))
    assert slope.requires_grad
    slope.backward()
    assert w.grad is not None
    assert w.grad.item() == 6.0
    assert not grad(lambda x: x**2)(rl.tensor(3.0)).requires_grad
    with rl.no_grad():
        assert not grad(lambda x: w * x**2)(rl.tensor(3.0)).requires_grad


def test_a_diagonal_is_a_view_of_each_example() -> None:
    def doubled(x: rl.Tensor) -> rl.Tensor:
        out = x.clone()
        out.diagonal().mul_(2.0)
        return out

    x = data(4, 3, 3)
    assert vmap(doubled)(x).tolist() == rl.stack([doubled(row) for row in x]).tolist()


def _after(
    write: Callable[[rl.Tensor], Any], view: Callable[[rl.Tensor], rl.Tensor]
) -> Callable[..., rl.Tensor]:
    def f(x: rl.Tensor) -> rl.Tensor:
        y = x * 2
        write(view(y))
        return y * x

    return f


@pytest.mark.parametrize("view", ["y[0:1]", "y.view(1, 3)[0, 1:]", "y.t()", "y.reshape(3)[1]"])
@pytest.mark.parametrize("write", ["v.fill_(0.5)", "v.mul_(3.0)", "v.sub_(0.25)"])
def test_writes_through_views_keep_the_history(view: str, write: str) -> None:
    f = _after(eval(f"lambda v: {write}"), eval(f"lambda y: {view}"))
    ours = rl.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    rows = rl.stack([f(x) for x in ours])
    mapped = vmap(f)(ours)
    compare([mapped], [rows])
    compare(gradients([mapped], [ours]), gradients([rows], [ours]))
