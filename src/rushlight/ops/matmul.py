"""Products: matmul, the affine map of a Linear layer, einsum."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply, one_dtype
from rushlight.core.autocast import autocasts
from rushlight.core.lower import Contract
from rushlight.core.op import REGISTRY, Op, register
from rushlight.core.spec import Spec, broadcast
from rushlight.core.tensor import Tensor, method
from rushlight.errors import DTypeError, ShapeError, message

__all__ = ["addmm", "bmm", "dot", "linear", "matmul", "mm", "mv", "outer"]


_BATCH = "abcdefghijlopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _infer_matmul(a: Spec, b: Spec) -> Spec:
    if not a.ndim or not b.ndim:
        raise ShapeError(
            message("matmul", f"shapes {a.shape} and {b.shape}", "at least one axis each", "Use a * b.")
        )
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise ShapeError(
            message(
                "matmul",
                f"shapes {a.shape} and {b.shape}",
                f"the last size of the first ({a.shape[-1]}) to equal the other's last but one ({inner})",
                "Transpose one of them with .mT, or check which axis holds the features.",
            )
        )
    batch = broadcast("matmul", [a.shape[:-2], b.shape[:-2]])
    rows = a.shape[-2:-1] if a.ndim > 1 else ()
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return Spec((*batch, *rows, *columns), a.dtype)


def _flip(spec: Spec, transposed: bool) -> tuple[int, ...]:
    return spec.shape[::-1] if transposed else spec.shape


def _infer_mm(a: Spec, b: Spec, *, ta: bool = False, tb: bool = False) -> Spec:
    return _infer_matmul(Spec(_flip(a, ta), a.dtype), Spec(_flip(b, tb), b.dtype))


def _letters(ranks: list[int], attrs: dict[str, Any]) -> tuple[list[str], str]:
    """Leading axes go by their place from the end; a vector is a row on the left, a column on the right."""
    a, b = ranks
    batch = _BATCH[len(_BATCH) - max(a, b, 2) + 2 :]
    rows = "km" if attrs.get("ta") else "mk" if a > 1 else "k"
    columns = "nk" if attrs.get("tb") else "kn" if b > 1 else "k"
    left, right = (batch[len(batch) - max(n - 2, 0) :] for n in (a, b))
    return [left + rows, right + columns], batch + "m" * (a > 1) + "n" * (b > 1)


def _mm_left(g: Tensor, out: Any, a: Any, b: Tensor, *, ta: bool = False, tb: bool = False) -> Tensor:
    return apply(MM, b, g, ta=tb, tb=True) if ta else apply(MM, g, b, tb=not tb)


def _mm_right(g: Tensor, out: Any, a: Tensor, b: Any, *, ta: bool = False, tb: bool = False) -> Tensor:
    return apply(MM, g, a, ta=True, tb=ta) if tb else apply(MM, a, g, ta=not ta)


# The product of two matrices, each as it lies or transposed: then its derivatives are such products again.
MM = register(
    Op(
        "mm",
        lambda m, a, b, *, ta=False, tb=False: m.matmul(a.T if ta else a, b.T if tb else b),
        _infer_mm,
        (_mm_left, _mm_right),
        promote="same",
        lower=Contract(_letters),
    )
)


def _left(g: Tensor, out: Any, a: Tensor, b: Tensor) -> Tensor:
    """g bᵀ, with vectors seen as the rows and columns that matmul takes them for."""
    if a.ndim == 2 and b.ndim == 2:
        return apply(MM, g, b, tb=True)
    if b.ndim == 1:
        g, b = (g.unsqueeze(-1), b.unsqueeze(-1))
    if a.ndim == 1:
        g = g.unsqueeze(-2)
    product = apply(MATMUL, g, b.mT)
    return product.sum_to_size(a.shape) if a.ndim == 1 else product


def _right(g: Tensor, out: Any, a: Tensor, b: Tensor) -> Tensor:
    """aᵀ g, likewise."""
    if a.ndim == 2 and b.ndim == 2:
        return apply(MM, a, g, ta=True)
    if a.ndim == 1:
        a, g = a.unsqueeze(0), g.unsqueeze(-2) if b.ndim > 1 else g
    if b.ndim == 1:
        g = g.unsqueeze(-1)
        return apply(MATMUL, a.mT, g if g.ndim > 1 else g.unsqueeze(0)).squeeze(-1).sum_to_size(b.shape)
    return apply(MATMUL, a.mT, g)


_PRODUCTS = {(1, 1): "Dot", (2, 2): "Mm", (2, 1): "Mv", (3, 3): "Bmm"}
"""PyTorch's names of products, by the axes of both sides."""


def _label_matmul(node: Any) -> str:
    axes = tuple(t.ndim for t in node.kept) if node.kept is not None else ()
    return f"{_PRODUCTS.get(axes, 'UnsafeView')}Backward0"


MATMUL = register(
    Op(
        "matmul",
        lambda m, a, b: m.matmul(a, b),
        _infer_matmul,
        (_left, _right),
        promote="same",
        lowers=True,
        lower=Contract(_letters),
        label=_label_matmul,
    )
)


def _infer_linear(x: Spec, weight: Spec, bias: Spec | None = None) -> Spec:
    if weight.ndim != 2 or not x.ndim or x.shape[-1] != weight.shape[1]:
        expected = f"inputs whose last size is in_features ({weight.shape[-1] if weight.ndim else '?'})"
        raise ShapeError(
            message(
                "linear",
                f"an input of shape {x.shape} for a weight (out, in) of shape {weight.shape}",
                expected,
                "Flatten the input, or make the layer with other in_features.",
            )
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(message("linear", f"a bias of shape {bias.shape}", f"({weight.shape[0]},)"))
    return Spec((*x.shape[:-1], weight.shape[0]), x.dtype)


def _linear(m: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    y = m.matmul(x, weight.T)
    if bias is not None:
        y += bias
    return y


def _rows(t: Tensor) -> Tensor:
    """All leading axes as one, so that a batch of any shape is a matrix."""
    return t if t.ndim == 2 else t.flatten(0, -2) if t.ndim > 2 else t.unsqueeze(0)


def _linear_weight(g: Tensor, out: Any, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    return apply(MM, _rows(g), _rows(x), ta=True)


def _linear_bias(g: Tensor, out: Any, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    return apply(REGISTRY["sum"], _rows(g), dim=(0,), keepdim=False)


def _label_linear(node: Any) -> str:
    if len(node.spec[0]) != 2:
        return "ViewBackward0"
    return "AddmmBackward0" if len(node.parents) == 3 else "MmBackward0"


LINEAR = register(
    Op(
        "linear",
        _linear,
        _infer_linear,
        (lambda g, out, x, weight, bias=None: apply(MATMUL, g, weight), _linear_weight, _linear_bias),
        promote="same",
        lowers=True,
        decompose=lambda x, weight, bias=None: (
            apply(MATMUL, x, weight.T) if bias is None else apply(MATMUL, x, weight.T) + bias
        ),
        label=_label_linear,
    )
)


@method("matmul", "__matmul__")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; leading axes broadcast, a vector is a row on the left, a column on the right.

    >>> import rushlight as rl
    >>> rl.matmul(rl.tensor([[1.0, 2.0]]), rl.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    return apply(MATMUL, input, other)


@method("__rmatmul__")
def _rmatmul(input: Tensor, other: Any) -> Tensor:
    return apply(MATMUL, other, input)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b with x (..., in), W (out, in), b (out).

    ∇x = ∇y W, ∇W = ∇yᵀ x, ∇b = Σ ∇y over the batch.

    >>> import rushlight as rl
    >>> rl.nn.functional.linear(rl.ones(1, 2), rl.tensor([[1.0, 2.0]]), rl.tensor([0.5]))
    tensor([[3.5000]])
    """
    return apply(LINEAR, input, weight) if bias is None else apply(LINEAR, input, weight, bias)


def with_axes(name: str, *given: tuple[Tensor, int]) -> None:
    for tensor, ndim in given:
        if not isinstance(tensor, Tensor):
            raise DTypeError(message(name, f"a {type(tensor).__name__}", "a Tensor"))
        if tensor.ndim != ndim:
            raise ShapeError(
                message(name, f"shape {tensor.shape}", f"{ndim} axes", "Use matmul for other shapes.")
            )


@method()
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    with_axes("mm", (input, 2), (mat2, 2))
    return matmul(input, mat2)


@method()
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices."""
    with_axes("bmm", (input, 3), (mat2, 3))
    return matmul(input, mat2)


@method()
@autocasts("as it is")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Matrix times vector."""
    with_axes("mv", (input, 2), (vec, 1))
    return matmul(input, vec)


@method()
@autocasts("as it is")
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors."""
    with_axes("dot", (input, 1), (tensor, 1))
    return matmul(input, tensor)


@method("outer", "ger")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """All products of an element of the one vector and an element of the other."""
    with_axes("outer", (input, 1), (vec2, 1))
    return input.unsqueeze(1) * vec2


@method()
@autocasts("lower")
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    product = mm(mat1, mat2)
    one_dtype("addmm", (input, mat1))
    return input * beta + product * alpha
