"""einsum: sums of products named by letters. Its derivative is einsum with the letters rearranged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import apply, one_dtype
from rushlight.core.autocast import lowered, within
from rushlight.core.lower import Contract
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, ShapeError, message

__all__ = ["einsum"]

SHORT = 128
"""Products that NumPy may add up one after the other; longer sums are those of `sum` and `matmul`."""
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _infer_einsum(*specs: Spec, equation: str) -> Spec:
    terms, result = equation.split("->")
    sizes: dict[str, int] = {}
    for term, spec in zip(terms.split(","), specs, strict=True):
        for letter, n in zip(term, spec.shape, strict=True):
            if sizes.setdefault(letter, n) not in (n, 1) and n != 1:
                raise ShapeError(
                    message(
                        "einsum",
                        f"sizes {sizes[letter]} and {n} for '{letter}' in {equation!r}",
                        "one size a letter",
                    )
                )
            sizes[letter] = max(sizes[letter], n) if n and sizes[letter] else 0
    return Spec(tuple(sizes[c] for c in result), specs[0].dtype)


def _einsum_grad(g: Tensor, out: Any, *inputs: Tensor, equation: str) -> list[Tensor]:
    terms, result = equation.split("->")
    parts = terms.split(",")
    grads = []
    for i, term in enumerate(parts):
        others = [(p, t) for k, (p, t) in enumerate(zip(parts, inputs, strict=True)) if k != i]
        known = set(result).union(*[set(p) for p, _ in others])
        reached = "".join(c for c in term if c in known)
        back = f"{','.join([result, *[p for p, _ in others]])}->{reached}"
        grad = apply(EINSUM, g, *[t for _, t in others], equation=back)
        # A letter that only this operand has was summed away, and one that has size 1 everywhere else was
        # spread: the gradient is the same all along it. Where this operand has size 1 the engine adds up.
        shape = [grad.shape[reached.index(c)] if c in known else 1 for c in term]
        full = [n if m == 1 else m for m, n in zip(shape, inputs[i].shape, strict=True)]
        grads.append(grad.reshape(shape).expand(full))
    return grads


def _einsum(m: Any, *xs: Any, equation: str) -> Any:
    if xs[0].dtype.kind == "f" and _terms(equation, xs) > SHORT:
        with within(None):
            return _decomposed(*[wrap(x) for x in xs], equation=equation).array
    out = m.einsum(equation, *xs, optimize=len(xs) > 2)
    # Of one operand, with nothing to add up, NumPy gives a view.
    return out if len(xs) > 1 else m.cast(out, out.dtype)


def _terms(equation: str, xs: Sequence[Any]) -> int:
    """How many products each element of the result is the sum of."""
    terms, result = equation.split("->")
    sizes: dict[str, int] = {}
    for term, x in zip(terms.split(","), xs, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            sizes[letter] = max(n, sizes.get(letter, 1))
    return math.prod(n for letter, n in sizes.items() if letter not in result)


def _decomposed(*xs: Tensor, equation: str) -> Tensor:
    """Operand after operand: sums over what no other has, and products of matrices."""
    terms, result = equation.split("->")
    parts = terms.split(",")
    total, term = xs[0], parts[0]
    for k in range(1, len(xs)):
        total, term = _product(total, term, xs[k], parts[k], set(result).union(*parts[k + 1 :]))
    total, term = _only(total, term, set(result))
    total = total.permute([term.index(c) for c in result])
    return total if len(xs) > 1 else total.clone()


def _traced(*xs: Tensor, equation: str) -> Tensor | None:
    """None where a sum over letters that both of two operands have is all that is asked for."""
    terms, result = equation.split("->")
    parts = terms.split(",")
    if len(xs) == 2 and xs[0].dtype.kind == "f" and xs[0].dtype.itemsize > 2:
        sizes = [dict(zip(term, x.shape, strict=True)) for term, x in zip(parts, xs, strict=True)]
        shared, letters = set(parts[0]) & set(parts[1]), set(parts[0]) | set(parts[1])
        if letters - set(result) <= shared - set(result) != set() and all(
            sizes[0][c] == sizes[1][c] for c in shared
        ):
            return None
    return _decomposed(*xs, equation=equation)


def _letters(ranks: list[int], attrs: dict[str, Any]) -> tuple[list[str], str]:
    terms, result = attrs["equation"].split("->")
    return terms.split(","), result


def _only(x: Tensor, term: str, kept: set[str]) -> tuple[Tensor, str]:
    """Without the letters that are not kept: they are summed over."""
    for c in [c for c in term if c not in kept]:
        k = term.index(c)
        x = x.any(k) if x.dtype.kind == "b" else x.sum(k, dtype=x.dtype)
        term = term.replace(c, "")
    return x, term


def _product(a: Tensor, ta: str, b: Tensor, tb: str, kept: set[str]) -> tuple[Tensor, str]:
    """Two operands as one: a product of matrices over the letters that both have and nobody else wants, for
    each value of those that both have and somebody wants."""
    a, ta = _only(a, ta, kept | set(tb))
    b, tb = _only(b, tb, kept | set(ta))
    batch, inner = ("".join(c for c in ta if c in tb and (c in kept) is wanted) for wanted in (True, False))
    left, right = "".join(c for c in ta if c not in tb), "".join(c for c in tb if c not in ta)
    a = a.permute([ta.index(c) for c in batch + left + inner])
    b = b.permute([tb.index(c) for c in batch + inner + right])
    n, m = len(batch), len(left)
    if not inner:
        ones = (1,) * m
        product = a.reshape(*a.shape, *(1,) * len(right)) * b.reshape(*b.shape[:n], *ones, *b.shape[n:])
        return product, batch + left + right
    # A size of 1 stands for any other.
    ends = n + m, n + len(inner)
    sizes = tuple(q if p == 1 else p for p, q in zip(a.shape[ends[0] :], b.shape[n : ends[1]], strict=True))
    rows, columns = a.shape[n : ends[0]], b.shape[ends[1] :]
    a = a.expand(*a.shape[: ends[0]], *sizes).reshape(*a.shape[:n], math.prod(rows), math.prod(sizes))
    b = b.expand(*b.shape[:n], *sizes, *columns).reshape(*b.shape[:n], math.prod(sizes), math.prod(columns))
    product = a @ b
    return product.reshape(*product.shape[:n], *rows, *columns), batch + left + right


EINSUM = register(
    Op(
        "einsum",
        _einsum,
        _infer_einsum,
        _einsum_grad,
        promote="common",
        decompose=_traced,
        lower=Contract(_letters),
    )
)


def _explicit(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str]:
    """The operands' letters and the result's, with `...` and an implied result written out."""
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ArgumentError(
            message("einsum", f"{equation!r} for {len(operands)} operands", "one term for each operand")
        )
    if not set(equation) <= set(_LETTERS + ".,->"):
        raise ArgumentError(message("einsum", repr(equation), "letters, commas, '...' and '->'"))
    spare = [c for c in _LETTERS if c not in equation]
    extra = [t.ndim - len(term.replace("...", "")) for term, t in zip(terms, operands, strict=True)]
    widest = max([n for n, term in zip(extra, terms, strict=True) if "..." in term], default=0)
    dots = "".join(spare[:widest])
    for term, n in zip(terms, extra, strict=True):
        if n < 0 or (n and "..." not in term):
            raise ShapeError(
                message(
                    "einsum", f"term {term!r} for {n + len(term.replace('...', ''))} axes", "a letter each"
                )
            )
    written = [
        term.replace("...", dots[widest - n :] if n else "") for term, n in zip(terms, extra, strict=True)
    ]
    if not arrow:
        once = sorted(c for c in set(left) - set(".,") if left.count(c) == 1)
        return written, dots + "".join(once)
    return written, right.replace("...", dots)


def _diagonals(term: str, x: Tensor) -> tuple[str, Tensor]:
    """A letter twice in one operand means its diagonal: take it, so that each letter stands once."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i, j = term.index(c), term.rindex(c)
            x, term = x.movedim(j, 0).movedim(i + 1, 1), c + c + term[:i] + term[i + 1 : j] + term[j + 1 :]
            along = _positions(x.shape[0])
            x, term = x[along, along], term[1:]
    return term, x


def _positions(n: int) -> Tensor:
    from rushlight.ops.ranges import arange

    return arange(n)


def einsum(equation: str, *operands: Any) -> Tensor:
    """The sum of products that `equation` describes; letters missing from the result are summed over.

    >>> import rushlight as rl
    >>> rl.einsum("ij,jk->ik", rl.ones(2, 3), rl.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    if len(operands) == 1 and not isinstance(operands[0], Tensor):
        operands = tuple(operands[0])
    terms, result = _explicit(equation, operands)
    if any(sum(c in term for term in terms) > 1 for c in set("".join(terms)) - set(result)):
        operands = lowered(operands)  # a product, as that of matrices
        one_dtype("einsum", operands)
    pairs = [_diagonals(term, x) for term, x in zip(terms, operands, strict=True)]
    missing = set(result) - set("".join(terms))
    if missing or len(set(result)) != len(result):
        raise ArgumentError(
            message("einsum", repr(equation), "a result of letters of the operands, each once")
        )
    return apply(EINSUM, *[x for _, x in pairs], equation=f"{','.join(t for t, _ in pairs)}->{result}")
