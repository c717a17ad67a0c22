"""Sparse tensors in coordinate form (COO): the numbers that are there, and where each stands.

Like any tensor they go through `apply`, which hands them to `ops/coo_rules.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from rushlight.core.apply import apply
from rushlight.core.composite import Composite
from rushlight.core.op import Op
from rushlight.core.printing import describe_sparse
from rushlight.core.size import Size
from rushlight.core.spec import Spec, normalize_axis
from rushlight.core.tensor import Tensor
from rushlight.errors import (
    DTypeError,
    GradError,
    NotSupportedError,
    message,
)
from rushlight.ops.counting import unique
from rushlight.ops.creation import ones_like
from rushlight.ops.grids import unravel_index
from rushlight.ops.index import INDEX_ADD
from rushlight.ops.join import stack

__all__ = ["SparseTensor", "coo_only", "flat_of", "sparse_axis"]


class SparseTensor(Composite):
    """A tensor of which only some numbers are held: `values` (nnz, *) at the places `indices` (axes, nnz).

    Places that are named twice add up; all others are 0. Axes behind those that the indices count are dense:
    there each value is a tensor. Made by `rl.sparse_coo_tensor` and `Tensor.to_sparse`; gradients flow to the
    values that it was made of, in every order, also compiled.

    Products with dense tensors, sums, scaling, and functions of one element that give 0 for 0 are there; any
    other operation raises NotSupportedError: `to_dense()` gives a tensor that has them all.

    >>> import rushlight as rl
    >>> x = rl.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    >>> x @ rl.ones(3)
    tensor([3., 9.])
    >>> (2 * x).to_dense()
    tensor([[ 0.,  0.,  6.],
            [ 8.,  0., 10.]])
    """

    kind = "sparse"
    remedy = "Use x.to_dense()."
    layout = "rushlight.sparse_coo"
    is_sparse = True

    def __init__(
        self, indices: Tensor, values: Tensor, size: tuple[int, ...], coalesced: bool = False
    ) -> None:
        self._places, self._numbers = indices, values
        self._size, self._coalesced, self._own = tuple(size), coalesced, False

    # As a composite

    def parts(self) -> tuple[Tensor, ...]:
        """Indices and values."""
        return self._places, self._numbers

    def facts(self) -> tuple[Any, ...]:
        """The shape, and whether it is coalesced."""
        return self._size, self._coalesced

    def rebuilt(self, parts: Sequence[Any]) -> SparseTensor:
        """The same with other indices and values."""
        return SparseTensor(parts[0], parts[1], self._size, self._coalesced)

    def compute(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """What `ops/coo_rules.py` makes of it."""
        from rushlight.ops.coo_rules import compute

        return compute(op, inputs, attrs)

    # Facts

    @property
    def shape(self) -> Size:
        """The sizes of the axes."""
        return Size(self._size)

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self._numbers.dtype

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self._size)

    @property
    def spec(self) -> Spec:
        """Shape and dtype together."""
        return Spec(self._size, self.dtype)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return Size(self._size) if dim is None else self._size[dim]

    def dim(self) -> int:
        """How many axes."""
        return len(self._size)

    def numel(self) -> int:
        """How many elements, zeros included."""
        return math.prod(self._size)

    def element_size(self) -> int:
        """Bytes of one value."""
        return self._numbers.element_size()

    def is_floating_point(self) -> bool:
        """Whether the values are floats."""
        return self._numbers.is_floating_point()

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """False."""
        return False

    def sparse_dim(self) -> int:
        """How many axes the indices count."""
        return int(self._places.shape[0])

    def dense_dim(self) -> int:
        """How many axes each value has."""
        return self.ndim - self.sparse_dim()

    def _nnz(self) -> int:
        """How many values are held."""
        return int(self._places.shape[1])

    def __len__(self) -> int:
        if not self._size:
            raise DTypeError(message("len", "a 0-d tensor", "at least one axis"))
        return self._size[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    # Gradients belong to the values

    @property
    def requires_grad(self) -> bool:
        """Whether the values require grad."""
        return self._numbers.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Ask for the gradient of the values, or no longer. Returns the tensor itself."""
        if requires_grad and not self._numbers.requires_grad:
            self._numbers, self._own = self._numbers.detach(), True
        self._numbers.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self._own or not self.requires_grad

    @property
    def grad_fn(self) -> Any:
        """The node that made the values, or None."""
        return self._numbers.grad_fn

    @property
    def grad(self) -> Tensor | None:
        """The gradient, at the places of the values: of a tensor that was itself asked to require grad."""
        found = self._numbers.grad if self._own else None
        if found is None or self._coalesced:
            return None if found is None else self.rebuilt((self._places, found))
        # What depends on the sum at a place has one gradient for all values there.
        whole = self.rebuilt((self._places, found)).coalesce()
        count = self.rebuilt((self._places, ones_like(found))).coalesce()
        return whole.rebuilt((whole._places, whole._numbers / count._numbers))

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            raise NotSupportedError(message("grad", "a gradient of a sparse tensor", "None"))
        self._numbers.grad = None

    def backward(self, *args: Any, **options: Any) -> NoReturn:
        """Refused: a gradient starts from a dense result."""
        raise GradError(message("backward", "a sparse tensor", "a dense one", "Use rl.sparse.sum(x)."))

    def detach(self) -> SparseTensor:
        """The same places and values without history."""
        return self.rebuilt((self._places, self._numbers.detach()))

    @property
    def data(self) -> Tensor:
        """The tensor without history; assigning replaces places and values, not the history."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, SparseTensor):
            raise DTypeError(message("data", "a dense tensor", "a sparse one", "Use x.to_sparse()."))
        self._places, self._size = value._places, value._size
        self._coalesced = value._coalesced
        if self.requires_grad:
            self._numbers.data = value._numbers
        else:  # others may hold the same values
            self._numbers = value._numbers

    # Places and values

    def is_coalesced(self) -> bool:
        """Whether every place is named once, in row-major order."""
        return self._coalesced

    def coalesce(self) -> SparseTensor:
        """The same tensor with every place named once, in row-major order; itself if it is so.

        >>> import rushlight as rl
        >>> rl.sparse_coo_tensor([[1, 0, 1]], [1.0, 2.0, 3.0], (2,)).coalesce().values()
        tensor([2., 4.])
        """
        if self._coalesced:
            return self
        shape = self._size[: self.sparse_dim()]
        places, which = unique(self.flat(), return_inverse=True)
        values = apply(
            INDEX_ADD,
            self._numbers,
            which,
            pattern=("tensor",),
            shape=(*places.shape, *self._size[len(shape) :]),
        )
        return SparseTensor(stack(list(unravel_index(places, shape))), values, self._size, True)

    def flat(self) -> Tensor:
        """The places counted through in row-major order."""
        return flat_of(self.rows(), self._size)

    def rows(self) -> list[Tensor]:
        """The indices along each axis."""
        return [self._places[i] for i in range(self.sparse_dim())]

    def _indices(self) -> Tensor:
        """The places as they are held, a column each."""
        return self._places

    def _values(self) -> Tensor:
        """The values as they are held."""
        return self._numbers

    def indices(self) -> Tensor:
        """The places, a column each; raises GradError before `coalesce`."""
        self._need_coalesced("indices")
        return self._places

    def values(self) -> Tensor:
        """The values; raises GradError before `coalesce`."""
        self._need_coalesced("values")
        return self._numbers

    def _need_coalesced(self, name: str) -> None:
        if not self._coalesced:
            remedy = f"Call coalesce() first; _{name}() gives them as they are."
            raise GradError(message(name, "a tensor that is not coalesced", "one that is", remedy))

    # Conversions

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """The dense tensor: the values at their places, added up, and zeros."""
        values = self._numbers if dtype is None else self._numbers.to(dtype)
        rows = self.rows()
        return apply(INDEX_ADD, values, *rows, pattern=("tensor",) * len(rows), shape=self._size)

    def to_sparse(self, sparse_dim: int | None = None, *, layout: Any = None) -> SparseTensor:
        """Itself."""
        coo_only("to_sparse", layout)
        return self

    def to_sparse_coo(self) -> SparseTensor:
        """Itself."""
        return self

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return self.permute(*range(self.ndim)[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return self.transpose(-1, -2)

    def __repr__(self) -> str:
        return describe_sparse(self)

    def __format__(self, spec: str) -> str:
        return object.__format__(self, spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> SparseTensor:
        if not self.is_leaf:
            got = "a sparse tensor of values with a history"
            raise GradError(message("deepcopy", got, "a leaf", "Use x.detach() first."))
        places, values = (t.detach().clone() for t in self.parts())
        out = memo[id(self)] = self.rebuilt((places, values))
        return out.requires_grad_() if self.requires_grad else out

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            got = "a sparse tensor of values with a history"
            raise GradError(message("pickle", got, "a leaf", "Use x.detach() first."))
        return SparseTensor, (self._places, self._numbers.detach(), self._size, self._coalesced)


def flat_of(rows: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """Positions along several axes, counted through in row-major order."""
    found = rows[0]
    for n, row in zip(shape[1:], rows[1:], strict=False):
        found = found * n + row
    return found


def sparse_axis(name: str, input: SparseTensor, dim: Any) -> int:
    """An axis that the indices count, from the front; raises NotSupportedError for a dense one."""
    axis = normalize_axis(name, dim, input.ndim)
    if axis >= input.sparse_dim():
        got = f"dim={dim}, a dense axis of a sparse tensor"
        raise NotSupportedError(message(name, got, "a sparse axis", input.remedy))
    return axis


def coo_only(name: str, layout: Any) -> None:
    if layout is not None and "sparse_coo" not in str(layout):
        remedy = "Use x.to_sparse(): a COO tensor."
        raise NotSupportedError(message(name, f"layout={layout}", "sparse_coo, the only sparse one", remedy))
