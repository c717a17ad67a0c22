"""Nests of lists, tuples and dicts: the functions that programs call of PyTorch's `torch.utils._pytree`.

None is a leaf here, as it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rushlight.errors import ArgumentError, message
from rushlight.func.tree import is_nest, leaves, mapped, rebuilt

__all__ = [
    "PyTree",
    "TreeSpec",
    "tree_all",
    "tree_any",
    "tree_flatten",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any


class _Leaf:
    def __repr__(self) -> str:
        return "*"


_LEAF = _Leaf()


class TreeSpec:
    """The form of a nest, its leaves taken out.

    >>> tree_structure({"a": [1, 2]})
    TreeSpec({'a': [*, *]})
    """

    def __init__(self, form: Any) -> None:
        self.form = form
        self.num_leaves = len(leaves(form))

    def unflatten(self, new: Iterable[Any]) -> Any:
        """The nest with these leaves."""
        return tree_unflatten(new, self)

    def is_leaf(self) -> bool:
        """Whether it is no nest, but a leaf alone."""
        return self.form is _LEAF

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"TreeSpec({self.form!r})"


class _Kept:
    """A nest that is to count as a leaf."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _closed(tree: Any, is_leaf: Callable[[Any], bool] | None) -> Any:
    """The nest with what `is_leaf` says to be leaves closed to those who walk it."""
    if is_leaf is not None and is_leaf(tree):
        return _Kept(tree)
    if is_leaf is None or not is_nest(tree):
        return tree
    parts = tree.values() if isinstance(tree, dict) else tree
    closed = [_closed(part, is_leaf) for part in parts]
    if isinstance(tree, dict):
        return type(tree)(zip(tree, closed, strict=True)) if type(tree) is dict else dict(zip(tree, closed))  # noqa: B905
    return type(tree)(*closed) if hasattr(tree, "_fields") else type(tree)(closed)


def _opened(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, _Kept) else leaf


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves, and the form that `tree_unflatten` fills again.

    >>> tree_flatten({"a": [1, (2, None)]})
    ([1, 2, None], TreeSpec({'a': [*, (*, *)]}))
    """
    closed = _closed(tree, is_leaf)
    return [_opened(leaf) for leaf in leaves(closed)], TreeSpec(mapped(lambda _: _LEAF, closed))


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The nest of the form `treespec` with these leaves. Raises ArgumentError for too many or too few."""
    new = list(leaves)
    if len(new) != treespec.num_leaves:
        raise ArgumentError(
            message("tree_unflatten", f"{len(new)} leaves", f"{treespec.num_leaves}, as many as {treespec}")
        )
    return rebuilt(treespec.form, iter(new))


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves in order.

    >>> tree_leaves([1, {"b": 2}])
    [1, 2]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Iterable[Any]:
    """The leaves, one after the other."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The form."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """The nest with ``func(leaf, ...)`` for each leaf; of `rests` the leaves at the same place follow.

    >>> tree_map(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    first, form = tree_flatten(tree, is_leaf)
    others = [tree_leaves(rest, is_leaf) for rest in rests]
    if any(len(other) != len(first) for other in others):
        got = f"nests of {[len(first), *map(len, others)]} leaves"
        raise ArgumentError(message("tree_map", got, "nests of one form"))
    return tree_unflatten(map(func, first, *others), form)


def tree_map_(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """Call ``func`` on each leaf, as `tree_map`, and give back the nest itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(
    type_or_types_or_pred: Any,
    func: Callable[[Any], Any],
    tree: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """The nest with ``func(leaf)`` for leaves of a type, of several, or those a function picks.

    >>> tree_map_only(int, lambda n: -n, [1, "a", (2,)])
    [-1, 'a', (-2,)]
    """
    given = type_or_types_or_pred
    picks = (lambda x: isinstance(x, given)) if isinstance(given, (type, tuple)) else given
    return tree_map(lambda x: func(x) if picks(x) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether `pred` holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether `pred` holds for a leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
