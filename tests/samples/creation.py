"""Samples of creation, copies, conversions and random numbers."""

from __future__ import annotations

from tests.samples.record import U8, B, I, X, forms, sample

# A table: an entry costs a line or two.
# fmt: off
# Creation, copies, conversions

NOTHING: tuple[()] = ()
sample("tensor", lambda L: L.tensor([[1, 2], [3, 4]]), plain=[NOTHING])
sample("tensor",
    lambda L: (L.tensor(0.5), L.tensor([True]), L.tensor([]), L.tensor([[1.5], [2]]), L.tensor(3)),
    plain=[NOTHING])
sample("as_tensor", lambda L: L.as_tensor([1.5, 2], dtype=L.float64), plain=[NOTHING])
sample("from_numpy", lambda L: (L.from_numpy(X(2, 3)), L.from_numpy(I(3))), plain=[NOTHING])
sample("from_dlpack", lambda L: L.from_dlpack(X(2, 3)), plain=[NOTHING])
sample("is_tensor", lambda L, x: L.is_tensor(x) and not L.is_tensor(3), plain=[X(2)])
sample("zeros", lambda L: (L.zeros(2, 3), L.zeros((2,), dtype=L.int64), L.zeros(0), L.zeros(())),
    plain=[NOTHING])
sample("ones", lambda L: (L.ones(2, 3), L.ones([2], dtype=L.bool)), plain=[NOTHING])
sample("empty", lambda L: L.empty(2, 3).shape == (2, 3), plain=[NOTHING])
sample("full",
    lambda L: (L.full((2,), 3), L.full((2, 1), 0.5), L.full((), True), L.full((2,), 3, dtype=L.float64)),
    plain=[NOTHING])
sample("zeros_like", lambda L, x: L.zeros_like(x), plain=[X(2, 3), I(3), B(2)])
sample("ones_like", lambda L, x: (L.ones_like(x), L.ones_like(x, dtype=L.float64)), plain=[X(2, 3), I(3)])
sample("empty_like", lambda L, x: L.empty_like(x).shape == x.shape, plain=[X(2, 3)])
sample("full_like", lambda L, x: L.full_like(x, 2), plain=[X(2, 3), I(3)])
sample("new_full", lambda L,
    x: x.new_full((2,), 3) + x.new_zeros(2) + x.new_ones((2,)) + x.new_tensor([1, 2]), plain=[X(2), I(3)])
sample("new_zeros", lambda L, x: x.new_zeros(2, 3), plain=[X(2), I(3)])
sample("new_ones", lambda L, x: x.new_ones((2, 3), dtype=L.float64), plain=[X(2), I(3)])
sample("new_tensor", lambda L, x: x.new_tensor([1.0]), plain=[X(2)])
sample("arange",
    lambda L: (L.arange(5), L.arange(1, 2, 0.25), L.arange(5, 1, -2), L.arange(2.5), L.arange(0)),
    plain=[NOTHING])
sample("arange", lambda L: (L.arange(3, dtype=L.float64), L.arange(0, 1, 0.1, dtype=L.float64)),
    plain=[NOTHING])
sample("linspace", lambda L: (L.linspace(4.3, 1, 50, dtype=L.int64), L.linspace(-9, 5, 8, dtype=L.int32)),
    plain=[NOTHING])
sample("arange", lambda L: (L.arange(0.1, -7.9, -4.0, dtype=L.int64),
    L.arange(2.1, -2.9, -1.0, dtype=L.uint8), L.arange(1.1, 1.1, dtype=L.uint8)), plain=[NOTHING])
sample("linspace", lambda L: (L.linspace(0, 1, 5), L.linspace(-1, 2, 7, dtype=L.float64), L.linspace(3, 1, 1),
    L.linspace(0, 1, 0)), plain=[NOTHING])
sample("eye", lambda L: (L.eye(3), L.eye(2, 3), L.eye(0), L.eye(2, dtype=L.int64)), plain=[NOTHING])
sample("tril", lambda L, x: (L.tril(x), x.tril(-1)), X(3, 3), X(2, 2, 3), plain=[I(3, 3)])
sample("triu", lambda L, x: (L.triu(x), x.triu(1)), X(3, 3), X(2, 2, 3), plain=[B(3, 3)])
sample("clone", lambda L, x: L.clone(x), *forms(), plain=[I(2), B(2)])
sample("contiguous", lambda L, x: x.contiguous(), *forms())
sample("to", lambda L, x: (x.to(L.float64), x.to(dtype=L.float32)), X(2, 3), twice=False, plain=[I(2), B(2)])
sample("to", lambda L, x: (x.to(L.int64), x.to(L.bool), x.to("cpu"), x.to(L.zeros(1))),
    plain=[X(2, 3), I(2), B(2), U8])
for _name in ("float", "double", "long", "int", "bool", "short"):
    sample(_name, lambda L, x, n=_name: getattr(x, n)(), plain=[X(2, 3), I(2), B(2)])
for _name in ("byte", "char", "half"):
    sample(_name, lambda L, x, n=_name: getattr(x, n)(), plain=[I(2), B(2)])
sample("type_as", lambda L, x, y: x.type_as(y), plain=[(X(2), I(2)), (I(2), X(2))])
sample("cpu", lambda L, x: x.cpu(), X(2))
sample("copy_", lambda L, x, y: x.clone().copy_(y), (X(2, 3), X(3)), (X(2), X()),
    plain=[(X(3), I(3)), (I(3), X(3))])
sample("fill_", lambda L, x: x.clone().fill_(3), X(2, 3), plain=[I(2)])
sample("zero_", lambda L, x: x.clone().zero_(), X(2, 3), plain=[I(2), B(2)])

# Random: PyTorch draws other numbers, so only facts are checked; statistics are in core/test_random.py

for _call in (("rand", lambda L: L.rand(2, 3)), ("rand", lambda L: L.rand((3,), dtype=L.float64)),
    ("randn", lambda L: L.randn(5)), ("rand_like", lambda L: L.rand_like(L.zeros(2))),
    ("randn_like", lambda L: L.randn_like(L.zeros(2))), ("normal", lambda L: L.normal(1.0, 2.0, (3,))),
    ("randint", lambda L: L.randint(0, 5, (4,))), ("randint_like", lambda L: L.randint_like(L.zeros(2), 4)),
    ("randperm", lambda L: L.randperm(5)), ("bernoulli", lambda L: L.bernoulli(L.full((4,), 0.5))),
    ("uniform_", lambda L: L.zeros(3).uniform_(1, 2)), ("normal_", lambda L: L.zeros(3).normal_()),
    ("bernoulli_", lambda L: L.zeros(3).bernoulli_(0.3))):
    sample(_call[0], _call[1], plain=[NOTHING], peer=False)
# fmt: on
