"""How the values of several processes become one."""

from __future__ import annotations

from typing import Any

from rushlight.errors import NotSupportedError, message

__all__ = ["ReduceOp", "in_mpi"]


class ReduceOp:
    """How the values of several processes become one. AVG is their sum by how many processes there are.

    >>> ReduceOp.SUM, ReduceOp.AVG
    ('sum', 'avg')
    """

    SUM, AVG, PRODUCT, MIN, MAX = "sum", "avg", "product", "min", "max"
    BAND, BOR, BXOR, PREMUL_SUM = "band", "bor", "bxor", "premul_sum"


_MPI = {
    "sum": "SUM", "avg": "SUM", "product": "PROD", "min": "MIN", "max": "MAX", "band": "BAND", "bor": "BOR",
    "bxor": "BXOR",
}  # fmt: skip


def in_mpi(op: Any) -> str:
    """MPI's name of an operation. Raises NotSupportedError for one that it has not."""
    found = _MPI.get(op) if isinstance(op, str) else None
    if found is None:
        expected = ", ".join(f"ReduceOp.{name.upper()}" for name in _MPI)
        raise NotSupportedError(message("distributed", f"op={op!r}", f"one of {expected}"))
    return found
