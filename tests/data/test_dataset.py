from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.data import DataLoader, Dataset, Subset, TensorDataset, default_collate, random_split
from rushlight.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    IndexingError,
    NotSupportedError,
    ShapeError,
)


def numbered(n: int) -> TensorDataset:
    return TensorDataset(rl.arange(2 * n).reshape(n, 2), rl.arange(n))


class Slow(Dataset[Any]):
    """Samples made one by one."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Any:
        assert type(index) is int
        return rl.tensor([2 * index, 2 * index + 1]), index


def test_tensor_dataset_indexes_like_pytorch() -> None:
    data = numbered(5)
    assert len(data) == 5
    x, y = data[2]
    assert (x.tolist(), y.tolist()) == ([4, 5], 2)
    assert data[-1][1].item() == 4
    assert data[1:3][1].tolist() == [1, 2]
    with pytest.raises(IndexError):
        data[5]


@pytest.mark.parametrize("kind", [list, tuple, np.array, rl.tensor])
def test_gather_takes_any_integers(kind: Any) -> None:
    x, y = numbered(5).gather(kind([3, 0, -1]))
    assert x.tolist() == [[6, 7], [0, 1], [8, 9]]
    assert y.tolist() == [3, 0, 4]


def test_gather_is_a_copy_and_slice_a_read_only_view() -> None:
    data = numbered(5)
    x, _ = data.gather([1])
    x.fill_(100)
    view, _ = data.slice(1, 3)
    assert view.tolist() == [[2, 3], [4, 5]]
    assert np.shares_memory(view.numpy(), data.tensors[0].numpy())
    with pytest.raises(rl.errors.RushlightError, match="read-only"):
        view.fill_(100)
    view.clone().fill_(100)
    assert data.tensors[0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_slow_sets_stack_their_samples() -> None:
    slow, fast = Slow(6), numbered(6)
    for a, b in zip(slow.gather([4, 1]), fast.gather([4, 1]), strict=True):
        assert a.tolist() == b.tolist()
        assert a.dtype == b.dtype
    assert slow.slice(2, 4)[1].tolist() == [2, 3]


def test_gradients_reach_data_that_requires_them() -> None:
    table = rl.ones(4, 2, requires_grad=True)
    data = TensorDataset(table)
    (data.gather([1, 1])[0].sum() + data.slice(0, 2)[0].sum()).backward()
    assert table.grad is not None
    assert table.grad.tolist() == [[1, 1], [3, 3], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("indices", "error", "words"),
    [
        ([5], IndexingError, "index 5"),
        ([-6], IndexingError, "index -6"),
        ([0.5], DTypeError, "float64"),
        ([True, False, True, False, True], DTypeError, "bool"),
        ([[1]], DTypeError, "2 axes"),
    ],
)
def test_bad_indices(indices: Any, error: type[Exception], words: str) -> None:
    for use in (numbered(5).gather, Subset(numbered(5), range(5)).gather, lambda i: Subset(numbered(5), i)):
        with pytest.raises(error, match=words):
            use(indices)


def test_empty_batches() -> None:
    assert numbered(5).gather([])[0].shape == (0, 2)
    assert len(Subset(numbered(5), [])) == 0


def test_tensor_dataset_refuses() -> None:
    with pytest.raises(ShapeError, match=r"\(2,\), \(3,\)"):
        TensorDataset(rl.zeros(2), rl.zeros(3))
    with pytest.raises(ShapeError, match="one entry for each sample"):
        TensorDataset(rl.tensor(1.0))
    with pytest.raises(DTypeError, match="a list"):
        TensorDataset(["a", "b"])
    with pytest.raises(ArgumentError, match="at least one"):
        TensorDataset()


@given(st.data())
def test_subsets_compose(data: st.DataObject) -> None:
    indices = np.arange(10)
    subset: Any = numbered(10)
    for _ in range(data.draw(st.integers(1, 3))):
        size = len(indices)
        chosen = data.draw(st.lists(st.integers(-size, size - 1), min_size=1, max_size=8))
        subset, indices = Subset(subset, chosen), indices[chosen]
    assert [subset[i][1].item() for i in range(len(subset))] == indices.tolist()
    assert subset.gather(range(len(subset)))[1].tolist() == indices.tolist()
    assert subset.slice(0, len(subset))[1].tolist() == indices.tolist()
    assert subset[[0, -1]][1].tolist() == indices[[0, -1]].tolist()


def test_a_subset_of_a_slow_set() -> None:
    subset = Subset(Slow(6), [5, 3])
    assert subset[1][1] == 3
    assert subset.gather([1, 0])[0].tolist() == [[6, 7], [10, 11]]
    assert subset.slice(0, 2)[1].tolist() == [5, 3]


@given(st.integers(1, 60), st.data())
def test_random_split_gives_every_sample_to_one_part(n: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=3)))
    sizes = np.diff([0, *cuts, n]).tolist()
    parts = random_split(numbered(n), sizes, seed=data.draw(st.integers(0, 99)))
    assert sorted(i for part in parts for i in part.indices) == list(range(n))
    if 1 not in (sum(sizes), len(sizes)):
        assert [len(p) for p in parts] == sizes


@pytest.mark.parametrize(
    ("fractions", "sizes"),
    [([0.8, 0.2], [8, 2]), ([0.3, 0.3, 0.4], [4, 3, 4]), ([1 / 3] * 3, [4, 4, 3]), ([1], [11])],
)
def test_fractions_follow_pytorch(fractions: list[float], sizes: list[int]) -> None:
    n = 10 if sizes == [8, 2] else 11
    assert [len(p) for p in random_split(numbered(n), fractions)] == sizes


def test_random_split_is_decided_by_seed_or_generator() -> None:
    def split(**options: Any) -> list[int]:
        return list(random_split(numbered(50), [25, 25], **options)[0].indices)

    assert split(seed=1) == split(seed=1) != split(seed=2)
    first = split(generator=rl.Generator().manual_seed(1))
    assert first == split(generator=rl.Generator().manual_seed(1)) != split(seed=1)
    rl.manual_seed(4)
    one, two = split(), split()
    rl.manual_seed(4)
    assert [one, two] == [split(), split()]
    assert one != two


@pytest.mark.parametrize("lengths", [[5, 4], [11, -1], [0.5, 0.6], [1.5, -0.5], [5.0, 5.0], []])
def test_random_split_refuses(lengths: list[float]) -> None:
    with pytest.raises(ArgumentError, match="random_split"):
        random_split(numbered(10), lengths)
    with pytest.raises(ArgumentError, match="both seed and generator"):
        random_split(numbered(10), [5, 5], generator=rl.Generator(), seed=1)


def test_collate() -> None:
    batch = default_collate([{"x": (1.5, True), "name": "a"}, {"x": (2.5, False), "name": "b"}])
    assert batch["x"][0].dtype == rl.float64
    assert batch["x"][0].tolist() == [1.5, 2.5]
    assert batch["x"][1].tolist() == [True, False]
    assert batch["name"] == ["a", "b"]
    stacked = default_collate([np.zeros((2, 3), np.float32)] * 4)
    assert (stacked.shape, stacked.dtype) == ((4, 2, 3), rl.float32)
    weight = rl.ones(2, requires_grad=True)
    assert default_collate([weight, weight * 2]).requires_grad


@pytest.mark.parametrize(
    ("samples", "error", "words"),
    [
        ([rl.zeros(2), rl.zeros(3)], DataError, r"\(2,\), \(3,\)"),
        ([(1, 2), (1,)], DataError, r"\[1, 2\] fields"),
        ([object(), object()], DTypeError, "collate_fn"),
        ([None], DTypeError, "NoneType"),
    ],
)
def test_collate_refuses(samples: list[Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        default_collate(samples)


def test_an_unfinished_class_says_what_it_lacks() -> None:
    class Half(Dataset[int]):
        pass

    with pytest.raises(TypeError, match="Define __len__ in class Half"):
        DataLoader(Half())
    with pytest.raises(NotSupportedError, match="Define __getitem__ in class Half"):
        Half()[0]
