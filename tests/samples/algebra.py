"""Samples of products and distances, of making tensors in seldom ways, of draws, and of facts."""

from __future__ import annotations

import numpy as np

from tests.samples.record import U8, B, I, X, inplace, sample

# A table: an entry costs a line or two.
# fmt: off
# Products

M, V, BATCH = X(2, 3), X(3), (X(2, 2, 3), X(2, 3, 4))
sample("addbmm", lambda L, x, a, b: L.addbmm(x, a, b, beta=0.5, alpha=2), (X(2, 4), *BATCH), exact=False)
sample("addbmm", lambda L, x, a, b: x.addbmm(a, b), (X(4), *BATCH), plain=[(I(4), I(2, 2, 3), I(2, 3, 4))],
    exact=False)
sample("baddbmm", lambda L, x, a, b: L.baddbmm(x, a, b, alpha=2) + x.baddbmm(a, b), (X(2, 2, 4), *BATCH),
    (X(4), *BATCH), exact=False)
sample("baddbmm", lambda L, x, a, b: L.baddbmm(x, a, b, beta=0), plain=[(np.full((2, 2, 4), np.nan),
    *BATCH)], exact=False)
sample("addmv", lambda L, x, a, b: L.addmv(x, a, b, beta=2) + x.addmv(a, b), (X(2), M, V), plain=[(I(2),
    I(2, 3), I(3))], exact=False)
sample("addr", lambda L, x, a, b: L.addr(x, a, b, alpha=2) + x.addr(a, b), (M, X(2), V), (X(), X(2), V),
    plain=[(I(2, 3), I(2), I(3))])
sample("addr", lambda L, x, a, b: L.addr(x, a, b), plain=[(B(2, 3), B(2), B(3))])
inplace("addmm_", cases=[(X(2, 4), M, X(3, 4))])
inplace("addmv_", cases=[(X(2), M, V)])
sample("addmv_", lambda L, x, a, b: L.addmv_(x.clone(), a, b), (X(2), M, V), exact=False)
inplace("addr_", cases=[(M, X(2), V)])
inplace("addbmm_", cases=[(X(2, 4), *BATCH)], exact=False)
inplace("baddbmm_", cases=[(X(2, 2, 4), *BATCH)], exact=False)
for _name in ("vdot", "inner"):
    sample(_name, lambda L, x, y, n=_name: getattr(L, n)(x, y), (X(3), X(3, high=3.0)), plain=[(I(3),
        I(3))], exact=False)
sample("inner", lambda L, x, y: x.inner(y), (M, X(4, 3)), (X(2), X()), exact=False)
sample("ger", lambda L, x, y: L.ger(x, y) + x.ger(y), (X(2), X(3)))
sample("kron", lambda L, x, y: L.kron(x, y) + x.kron(y), (M, X(2, 2)), (X(2), M), (X(), X(2)), plain=[(I(2),
    I(3))])
sample("tensordot", lambda L, x, y: L.tensordot(x, y), (M, X(2, 3, 4)), exact=False)
sample("tensordot", lambda L, x, y: L.tensordot(x, y, dims=([1, 0], [0, 2])), (M, X(3, 4, 2)), plain=[(I(2,
    3), I(3, 4, 2))], exact=False)
sample("tensordot", lambda L, x, y: L.tensordot(x, y, 0), (X(2), X(3)), (X(), X()))
sample("cross", lambda L, x, y: L.cross(x, y, dim=-1) + x.cross(y, -1), (X(2, 3), X(2, 3, high=3.0)), (X(2,
    3), X(1, 3)), plain=[(I(3), I(3, high=5))], exact=False)
sample("chain_matmul", lambda L, *t: L.chain_matmul(*t), (M, X(3, 4), X(4, 2)), (X(1, 5), X(5, 1), X(1, 5),
    X(5, 2)), exact=False)
sample("vander", lambda L, x: (L.vander(x), L.vander(x, 3, increasing=True)), plain=[X(4), I(3)], exact=False)
sample("vander", lambda L, x: L.vander(x, 3), X(4), peer=False)  # PyTorch's derivative fails

# Distances

P = (X(2, 3), X(4, 3, high=3.0))
for _power in (2.0, 1.0, 3.0, float("inf")):
    sample("cdist", lambda L, x, y, p=_power: L.cdist(x, y, p), P, exact=False, twice=False)
    sample("pdist", lambda L, x, p=_power: L.pdist(x, p), X(4, 3), exact=False, twice=False)
sample("cdist", lambda L, x, y: L.cdist(x, y), (X(2, 2, 3), X(2, 3)), kinks=[(np.ones((2, 3)), np.ones((1,
    3)))], exact=False, twice=False)
sample("dist", lambda L, x, y: L.dist(x, y) + x.dist(y, 3), (X(2, 3), X(3)), exact=False)
sample("renorm", lambda L, x: L.renorm(x, 2, 0, 1.5), X(3, 2), X(2, 3, 2), exact=False)
inplace("renorm_", 2, 0, 1.5, cases=[X(3, 2)])
sample("cov", lambda L, x: L.cov(x, correction=0) + x.cov(), X(3, 4), X(5), plain=[I(2, 4)], exact=False)
sample("cov", lambda L, x, w: L.cov(x, fweights=w), (X(3, 4), I(4, low=1)), exact=False)
sample("cov", lambda L, x, w, a: L.cov(x, fweights=w, aweights=a), plain=[(X(3, 4), I(4, low=1), X(4,
    low=0.5))], exact=False)
sample("corrcoef", lambda L, x: L.corrcoef(x) + x.corrcoef(), X(3, 4), plain=[X(5)], exact=False)

# Making

sample("logspace", lambda L: (L.logspace(-1, 2, 7), L.logspace(0, 5, 4, base=2, dtype=L.float64),
    L.logspace(0, 3, 4, dtype=L.int64)),
    plain=[()], exact=False)
sample("range", lambda L: (L.range(1, 3), L.range(0, 1, 0.25), L.range(3, 1, -1)), plain=[()])
sample("scalar_tensor", lambda L: (L.scalar_tensor(2), L.scalar_tensor(2, dtype=L.int64)), plain=[()])
sample("asarray", lambda L: (L.asarray([1, 2.5]), L.asarray(X(2, 3)), L.asarray(I(2), dtype=L.float64),
    L.asarray(bytearray([1, 2]), dtype=L.uint8)), plain=[()])
sample("frombuffer", lambda L: (L.frombuffer(bytearray(range(8)), dtype=L.int32),
    L.frombuffer(bytearray(range(8)), dtype=L.uint8, count=2, offset=3)), plain=[()])
sample("empty_strided", lambda L: (tuple(L.empty_strided((2, 3), (1, 2)).shape), L.empty_strided((2, 3), (1,
    2)).stride()), plain=[()])
sample("new_empty", lambda L, x: tuple(x.new_empty(2, 3).shape) == tuple(x.new_empty((2, 3)).shape),
    plain=[X(2)])
sample("new_empty_strided", lambda L, x: x.new_empty_strided((2, 3), (1, 2)).stride(), plain=[X(2)])
sample("new", lambda L, x: (x.new([1, 2]), tuple(x.new(2, 3).shape), tuple(x.new().shape)), plain=[X(2)])
sample("fill", lambda L, x: L.fill(x, 2), X(2, 3), plain=[I(2)])
sample("fill", lambda L, x, v: L.fill(x, v), (X(2, 3), X()))
for _name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"):
    sample(_name, lambda L, n=_name: [getattr(L, n)(k, periodic=p, dtype=L.float64) for k in (0, 1, 2,
        7) for p in (True, False)],
        plain=[()], exact=False)
sample("hamming_window", lambda L: L.hamming_window(5, True, 0.6, 0.4), plain=[()], exact=False)
sample("kaiser_window", lambda L: L.kaiser_window(5, False, 4.0, dtype=L.float64), plain=[()], exact=False)

# Draws: PyTorch's are others, so only facts are checked; statistics are in ops/test_draws.py

for _name, _call in (
    ("binomial", lambda L: L.binomial(L.full((4,), 5.0), L.full((4,), 0.5))),
    ("multinomial", lambda L: (L.multinomial(L.ones(4), 3), L.ones(2, 4).multinomial(5, replacement=True))),
    ("poisson", lambda L: L.poisson(L.full((4,), 3.0))),
    ("cauchy_", lambda L: L.zeros(3).cauchy_()), ("exponential_", lambda L: L.zeros(3).exponential_(2.0)),
    ("geometric_", lambda L: L.zeros(3).geometric_(0.3)), ("log_normal_", lambda L: L.zeros(3).log_normal_()),
    ("random_", lambda L: (L.zeros(3).random_(), L.zeros(3, dtype=L.int64).random_(2, 5))),
):
    sample(_name, _call, plain=[()], peer=False)
sample("poisson", lambda L, x: L.poisson(x) + x, kinks=[X(3, low=0.5)], peer=False)
sample("binomial", lambda L, x: L.binomial(L.ones_like(x), x) + x, kinks=[X(3, low=0.1, high=0.9)],
    peer=False)

# Facts

sample("numel", lambda L, x: (L.numel(x), x.nelement(), x.ndimension(), x.itemsize == x.element_size(),
    x.nbytes == x.numel() * x.itemsize),
    plain=[X(2, 3), I(2)])
sample("nelement", lambda L, x: x.nelement(), plain=[X(2, 3)])
sample("ndimension", lambda L, x: x.ndimension(), plain=[X(2, 3)])
sample("is_floating_point", lambda L, x: (L.is_floating_point(x), L.is_complex(x), x.is_complex(),
    x.is_signed(), L.is_signed(x)), plain=[X(2), I(2), U8, B(2)])
for _name in ("is_complex", "is_signed", "get_device", "typename"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), plain=[X(2), I(2)], peer=_name != "get_device")
sample("is_same_size", lambda L, x, y: (L.is_same_size(x, y), x.is_same_size(x)), plain=[(X(2), X(3))])
sample("get_device", lambda L, x: (x.get_device(), x.is_cuda, x.is_cpu, x.is_sparse, x.is_quantized,
    x.is_meta, x.is_shared(), x.is_pinned()), plain=[X(2)])
for _name in ("is_shared", "is_pinned", "share_memory_", "pin_memory"):
    sample(_name, lambda L, x, n=_name: getattr(x, n)(), plain=[X(2)], peer=False)
sample("type", lambda L, x: (x.type(), x.type(L.float64), x.type("torch.LongTensor"),
    x.type("torch.FloatTensor")), plain=[X(2), I(2)])
sample("result_type", lambda L, x, y: str(L.result_type(x, y)).removeprefix("torch."), plain=[(X(2), I(2)),
    (I(2), X()), (U8, I(2))])
sample("promote_types", lambda L: str(L.promote_types(L.int32, L.float16)).removeprefix("torch."), plain=[()])
_KINDS = ("bool", "uint8", "int8", "int64", "float16", "float64")
sample("can_cast", lambda L: [L.can_cast(getattr(L, a), getattr(L, b)) for a in _KINDS for b in _KINDS],
    plain=[()])
sample("finfo", lambda L: [getattr(L.finfo(getattr(L, d)), f) for d in ("float16", "float32",
    "float64") for f in ("bits", "eps", "max", "min", "tiny", "resolution")], plain=[()])
sample("iinfo", lambda L: [getattr(L.iinfo(getattr(L, d)), f) for d in ("uint8", "int32") for f in ("bits",
    "max", "min")], plain=[()])
sample("data_ptr", lambda L, x: x.data_ptr() == x.view(-1).data_ptr(), plain=[X(2, 3)])
sample("storage_offset", lambda L, x: (x.storage_offset(), x[1:].storage_offset()), plain=[X(2, 3)])
sample("is_set_to", lambda L, x: (x.is_set_to(x.view(2, 3)), x.is_set_to(x.clone())), plain=[X(2, 3)])
sample("resize_", lambda L, x: (x.clone().resize_(3, 2), x.clone().resize_(2)), plain=[X(2, 3)])
sample("resize_as_", lambda L, x, y: (x.clone().resize_as_(y), L.resize_as_(x.clone(), y)), plain=[(X(2, 3),
    X(3, 2))])
sample("set_", lambda L, x, y: x.clone().set_(y), plain=[(X(2, 3), X(4))])
sample("apply_", lambda L, x: x.clone().apply_(lambda v: v * 2), plain=[X(2, 3), I(2)])
sample("map_", lambda L, x, y: x.clone().map_(y, lambda a, b: a + b), plain=[(X(2, 3), X(2, 3))])
# fmt: on
