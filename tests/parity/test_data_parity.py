"""Data sets, samplers, collating and DataLoader beside PyTorch's."""

from __future__ import annotations

import multiprocessing
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

PARTS = {"D": "utils.data"}
"""Arguments of functions that stand for a part of the framework."""
Point = namedtuple("Point", "x name")
LIBRARIES = (rl, torch)


def plain(value: Any) -> Any:
    """`value` with its tensors as (dtype, numbers), and the kinds of its containers."""
    if hasattr(value, "requires_grad"):
        return str(value.dtype).rpartition(".")[2], value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(item) for item in value]
    return type(value).__name__, str(value)


BATCHES = {
    "ints": lambda L: [1, 2],
    "floats": lambda L: [1.5, 2],
    "ints, then floats": lambda L: [1, 2.5],
    "bools": lambda L: [True, False],
    "bools, then ints": lambda L: [True, 2],
    "strings": lambda L: ["a", "b"],
    "bytes": lambda L: [b"a", b"b"],
    "scalars": lambda L: [np.float32(1), np.float32(2)],
    "small scalars": lambda L: [np.int8(1), np.int8(2)],
    "arrays": lambda L: [np.ones((2, 1)), np.zeros((2, 1))],
    "tensors": lambda L: [L.ones(2), L.zeros(2)],
    "0-d tensors": lambda L: [L.tensor(1), L.tensor(2)],
    "two dtypes": lambda L: [L.ones(2), L.ones(2).double()],
    "tuples": lambda L: [("a", 1), ("b", 2)],
    "lists": lambda L: [["a", L.ones(1)], ["b", L.ones(1)]],
    "named": lambda L: [Point(1, "a"), Point(2, "b")],
    "dicts": lambda L: [{"x": 1, "y": {"z": "a"}}, {"x": 2, "y": {"z": "b"}}],
    "ordered": lambda L: [OrderedDict(b=1, a=(2, "x")), OrderedDict(b=3, a=(4, "y"))],
    "ranges": lambda L: [range(2), range(2)],
    "nested": lambda L: [((1, [2.0]), "s"), ((3, [4.0]), "t")],
}


@pytest.mark.parametrize("name", BATCHES)
def test_collate(name: str) -> None:
    ours, theirs = (plain(L.utils.data.default_collate(BATCHES[name](L))) for L in LIBRARIES)
    assert ours == theirs
    ours, theirs = (plain(L.utils.data.default_convert(BATCHES[name](L))) for L in LIBRARIES)
    assert ours == theirs


REFUSED = {
    "none": ([None, None], TypeError),
    "objects": ([object()], TypeError),
    "words": ([np.array(["a"])], TypeError),
    "lengths": ([[1], [1, 2]], RuntimeError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_collate(name: str) -> None:
    batch, error = REFUSED[name]
    for L in LIBRARIES:
        with pytest.raises((error, rl.errors.DataError)):
            L.utils.data.default_collate(batch)


class Words:
    """Samples of several kinds."""

    def __len__(self) -> int:
        return 11

    def __getitem__(self, i: int) -> Any:
        return {"i": i, "half": i / 2, "name": f"n{i}", "pair": (i, [i, str(i)])}


def stream(L: Any, share: bool = True) -> Any:
    class Stream(L.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            info = L.utils.data.get_worker_info() if share else None
            start, step = (0, 1) if info is None else (info.id, info.num_workers)
            return iter(range(start, 5 + 4 * start, step))

    return Stream()


LOADERS: dict[str, Any] = {
    "plain": lambda L, D: D.DataLoader(Words(), 4),
    "drop_last": lambda L, D: D.DataLoader(Words(), 4, drop_last=True),
    "one by one": lambda L, D: D.DataLoader(Words(), None),
    "sampler": lambda L, D: D.DataLoader(Words(), 3, sampler=[5, 3, 1, 0]),
    "sampler of batches": lambda L, D: D.DataLoader(Words(), batch_sampler=[[1], [2, 3], []][:2]),
    "sampler one by one": lambda L, D: D.DataLoader(Words(), batch_size=None, sampler=[4, 2]),
    "sequential": lambda L, D: D.DataLoader(Words(), 4, sampler=D.SequentialSampler(Words()), drop_last=True),
    "collate_fn": lambda L, D: D.DataLoader(Words(), 4, collate_fn=lambda s: [x["name"] for x in s]),
    "tensors": lambda L, D: D.DataLoader(D.TensorDataset(L.arange(5), L.ones(5)), 2),
    "one tensor": lambda L, D: D.DataLoader(L.arange(5), 2),
    "names as keys": lambda L, D: D.DataLoader({"a": 1, "b": 2}, 2, sampler=["b", "a"]),
    "subset": lambda L, D: D.DataLoader(D.Subset(Words(), [3, 1]), 2),
    "concat": lambda L, D: D.DataLoader(D.ConcatDataset([[1, 2], [3]]), 2),
    "sum": lambda L, D: D.DataLoader(D.TensorDataset(L.ones(1)) + D.TensorDataset(L.zeros(2)), 2),
    "stack": lambda L, D: D.DataLoader(D.StackDataset([1, 2], ["a", "b"]), 2),
    "stack by name": lambda L, D: D.DataLoader(D.StackDataset(x=[1, 2], y=["a", "b"]), 2),
    "stream": lambda L, D: D.DataLoader(stream(L), 2),
    "stream, drop_last": lambda L, D: D.DataLoader(stream(L), 2, drop_last=True),
    "stream one by one": lambda L, D: D.DataLoader(stream(L), None),
    "chain": lambda L, D: D.DataLoader(D.ChainDataset([stream(L), stream(L)]), 3),
    "workers": lambda L, D: D.DataLoader(Words(), 2, num_workers=2),
    "workers, sampler": lambda L, D: D.DataLoader(Words(), 2, sampler=range(9, -1, -1), num_workers=2),
    "workers, one by one": lambda L, D: D.DataLoader(Words(), None, num_workers=2),
    "workers, stream": lambda L, D: D.DataLoader(stream(L), 2, num_workers=2),
    "workers, stream of each": lambda L, D: D.DataLoader(
        stream(L, share=False), 2, num_workers=2, prefetch_factor=1
    ),
    "workers, stream one by one": lambda L, D: D.DataLoader(stream(L), None, num_workers=3),
    "workers, more than batches": lambda L, D: D.DataLoader(Words(), 11, num_workers=3),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", LOADERS)
def test_loaders(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = multiprocessing.get_context  # the streams cannot be imported
    monkeypatch.setattr(multiprocessing, "get_context", lambda method=None: context(method or "fork"))
    found = []
    for L in LIBRARIES:
        loader = LOADERS[name](L, L.utils.data)
        try:
            length = len(loader)
        except TypeError:
            length = None
        found.append((length, [plain(batch) for batch in loader]))
    assert found[0] == found[1]


SAMPLERS: dict[str, Any] = {
    "sequential": lambda D, G: D.SequentialSampler(range(5)),
    "batches": lambda D, G: D.BatchSampler(D.SequentialSampler(range(5)), 2, False),
    "batches, drop_last": lambda D, G: D.BatchSampler(D.SequentialSampler(range(5)), 2, True),
    **{
        f"distributed {total} {rank} of {count} {drop}": lambda D, G, t=total, r=rank, c=count, d=drop: (
            D.DistributedSampler(range(t), c, r, shuffle=False, drop_last=d)
        )
        for total, count in ((10, 3), (9, 3), (1, 4))
        for rank in range(count)
        for drop in (False, True)
    },
}
RANDOM: dict[str, Any] = {
    "random": lambda D, G: D.RandomSampler(range(7), generator=G),
    "random, more": lambda D, G: D.RandomSampler(range(3), num_samples=7, generator=G),
    "random, fewer": lambda D, G: D.RandomSampler(range(5), num_samples=2, generator=G),
    "subset": lambda D, G: D.SubsetRandomSampler([7, 3, 5], generator=G),
    "distributed": lambda D, G: D.DistributedSampler(range(9), 3, 1),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name: str) -> None:
    ours, theirs = (SAMPLERS[name](L.utils.data, None) for L in LIBRARIES)
    assert (len(ours), list(ours)) == (len(theirs), list(theirs))


@pytest.mark.parametrize("name", RANDOM)
def test_random_samplers(name: str) -> None:
    """Of random orders the lengths, and how often each index comes, are PyTorch's."""
    ours, theirs = (RANDOM[name](L.utils.data, L.Generator().manual_seed(1)) for L in LIBRARIES)
    first = list(ours)
    assert len(first) == len(ours) == len(theirs)
    assert all(type(i) is int for i in first)
    counts = [sorted(indices.count(i) for i in set(indices)) for indices in (first, list(theirs))]
    assert counts[0] == counts[1]
    again = RANDOM[name](rl.utils.data, rl.Generator().manual_seed(1))
    assert list(again) == first
    assert name == "distributed" or list(again) != first or len(first) < 3


WRONG: dict[str, Any] = {
    "replacement": lambda D: D.RandomSampler(range(2), replacement=1),
    "num_samples": lambda D: D.RandomSampler(range(2), num_samples=0),
    "batch_size": lambda D: D.BatchSampler(range(2), 0, False),
    "drop_last": lambda D: D.BatchSampler(range(2), 1, 3),
    "rank": lambda D: D.DistributedSampler(range(2), 2, 2),
    "weights": lambda D: D.WeightedRandomSampler([[1.0]], 2),
    "sampler and shuffle": lambda D: D.DataLoader(range(2), sampler=[1], shuffle=True),
    "batch_sampler": lambda D: D.DataLoader(range(2), batch_sampler=[[1]], batch_size=2),
    "drop_last of none": lambda D: D.DataLoader(range(2), None, drop_last=True),
    "workers": lambda D: D.DataLoader(range(2), num_workers=-1),
    "prefetch": lambda D: D.DataLoader(range(2), prefetch_factor=2),
    "persistent": lambda D: D.DataLoader(range(2), persistent_workers=True),
    "timeout": lambda D: D.DataLoader(range(2), timeout=-1),
    "empty concat": lambda D: D.ConcatDataset([]),
    "empty stack": lambda D: D.StackDataset(),
    "unequal stack": lambda D: D.StackDataset([1], [1, 2]),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_same_is_refused(name: str) -> None:
    for L in LIBRARIES:
        with pytest.raises((ValueError, TypeError, AssertionError)) as caught:
            WRONG[name](L.utils.data)
        assert L is torch or isinstance(caught.value, rl.errors.RushlightError)


@pytest.mark.parametrize("lengths", [[3, 4], [0.3, 0.3, 0.4], [0.5, 0.5], [0.1, 0.9]])
@pytest.mark.filterwarnings("ignore:Length of split")
def test_splits(lengths: list[float]) -> None:
    ours, theirs = (L.utils.data.random_split(range(7), lengths) for L in LIBRARIES)
    assert [len(part) for part in ours] == [len(part) for part in theirs]
