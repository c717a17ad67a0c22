"""Samples of sparse tensors, by their values and dense factors; PyTorch's are in test_sparse_parity."""

from __future__ import annotations

from typing import Any

from tests.samples.record import X, sample

AT = [[0, 1, 1, 2], [2, 0, 2, 2]]


def _sparse(L: Any, v: Any) -> Any:
    return L.sparse_coo_tensor(AT, v, (3, 4), check_invariants=True)


sample("sparse_coo_tensor", lambda L, v: _sparse(L, v).to_dense(), X(4), peer=False)
sample("to_dense", lambda L, x: x.to_dense(), X(2, 3), X())
sample("spmm", lambda L, v, x: L.spmm(_sparse(L, v), x), (X(4), X(4, 2)), peer=False)
sample("dsmm", lambda L, v, x: L.dsmm(_sparse(L, v), x), (X(4), X(4, 2)), peer=False)
sample(
    "sparse_mask",
    lambda L, x, v: x.sparse_mask(L.sparse_coo_tensor(AT, v, (3, 4), is_coalesced=True)).values(),
    (X(3, 4), X(4)),
    peer=False,
)
