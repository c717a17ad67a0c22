from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.data import DataLoader, Dataset, Subset, TensorDataset
from rushlight.errors import ArgumentError, CheckpointError

SIZES = st.integers(1, 40)


def loader(n: int = 10, batch_size: int = 3, **options: Any) -> DataLoader:
    return DataLoader(TensorDataset(rl.arange(n), rl.arange(n) * 2), batch_size, **options)


def seen(batches: Any) -> list[list[int]]:
    return [x.tolist() for x, _ in batches]


class Watched(TensorDataset):
    """Counts how it is asked."""

    def __init__(self, *tensors: rl.Tensor) -> None:
        super().__init__(*tensors)
        self.singles = 0
        self.gathers = 0

    def __getitem__(self, index: Any) -> Any:
        self.singles += 1
        return super().__getitem__(index)

    def gather(self, indices: Any) -> Any:
        self.gathers += 1
        return super().gather(indices)


def test_unshuffled() -> None:
    batches = list(loader())
    assert seen(batches) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert all(type(b) is list for b in batches)
    assert batches[1][1].tolist() == [6, 8, 10]


@given(SIZES, SIZES, st.booleans(), st.booleans(), st.integers(0, 5))
def test_an_epoch_covers_every_index_once(n: int, size: int, shuffle: bool, drop: bool, seed: int) -> None:
    batches = loader(n, size, shuffle=shuffle, drop_last=drop, seed=seed)
    for _ in range(2):
        epoch = seen(batches)
        assert len(epoch) == len(batches) == (n // size if drop else -(-n // size))
        assert all(len(b) == size for b in epoch[:-1])
        indices = list(itertools.chain(*epoch))
        assert len(set(indices)) == len(indices)
        if drop:
            assert set(indices) <= set(range(n))
            assert len(indices) == n // size * size
        else:
            assert set(indices) == set(range(n))


@given(SIZES, SIZES, st.booleans(), st.booleans())
def test_the_index_matrix_is_what_the_loop_gives(n: int, size: int, shuffle: bool, drop: bool) -> None:
    batches = loader(n, size, shuffle=shuffle, drop_last=drop, seed=1)
    for epoch in range(2):
        whole, rest = batches.epoch_indices(epoch)
        assert whole.shape == (n // size, size)
        assert whole.dtype == rest.dtype == np.int64
        assert whole.tolist() + ([rest.tolist()] if rest.size else []) == seen(batches)


def test_epochs_differ_and_depend_on_seed_and_number_alone() -> None:
    a = loader(50, 7, shuffle=True, seed=1)
    epochs = [seen(a) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    b = loader(50, 7, shuffle=True, seed=1)
    b.set_epoch(2)
    rl.rand(10)
    assert seen(b) == epochs[2]
    assert b.epoch == 3
    assert seen(loader(50, 7, shuffle=True, seed=2)) != epochs[0]


def test_without_a_seed_the_generator_decides() -> None:
    def first(**options: Any) -> list[list[int]]:
        return seen(loader(50, 7, shuffle=True, **options))

    rl.manual_seed(3)
    one, two = first(), first()
    rl.manual_seed(3)
    assert [one, two] == [first(), first()]
    assert one != two
    assert (
        first(generator=rl.Generator().manual_seed(5))
        == first(generator=rl.Generator().manual_seed(5))
        != one
    )


def test_an_unshuffled_loader_draws_nothing() -> None:
    before = rl.get_rng_state().tolist()
    seen(loader())
    loader().state_dict()
    loader(shuffle=True, seed=1).state_dict()
    assert rl.get_rng_state().tolist() == before


def test_a_loop_left_early_is_followed_by_the_next_epoch() -> None:
    batches, whole = loader(20, 3, shuffle=True, seed=1), loader(20, 3, shuffle=True, seed=1)
    expected = [seen(whole) for _ in range(3)]
    next(iter(batches))
    for _ in batches:
        break
    assert seen(batches) == expected[2]


@given(SIZES, SIZES, st.booleans(), st.booleans(), st.integers(0, 200))
def test_resuming_gives_exactly_what_remains(n: int, size: int, shuffle: bool, drop: bool, stop: int) -> None:
    options = {"shuffle": shuffle, "drop_last": drop}
    whole = loader(n, size, seed=9, **options)
    expected = [b for _ in range(3) for b in seen(whole)]

    first = loader(n, size, seed=9, **options)
    used: list[list[int]] = []
    state = first.state_dict()
    for _ in range(3):
        for x, _y in first:
            if len(used) == stop:
                break
            used.append(x.tolist())
            state = json.loads(json.dumps(first.state_dict()))

    second = loader(n, size, **options)
    second.load_state_dict(state)
    while second.epoch < 3:
        used += seen(second)
    assert used == expected


def test_set_epoch_keeps_a_loaded_position() -> None:
    a = loader(20, 3, shuffle=True, seed=1)
    whole = [seen(a), seen(a)]
    state = {**a.state_dict(), "epoch": 1, "position": 4}
    b = loader(20, 3, shuffle=True)
    b.load_state_dict(state)
    assert (b.epoch, b.position) == (1, 4)
    b.set_epoch(1)
    assert seen(b) == whole[1][4:]
    b.set_epoch(1)
    assert seen(b) == whole[1]
    b.load_state_dict(state)
    b.set_epoch(0)
    assert seen(b) == whole[0]


def test_a_state_after_the_last_batch_leaves_an_empty_rest_of_the_epoch() -> None:
    a = loader(6, 3)
    for _ in a:
        state = a.state_dict()
    b = loader(6, 3)
    b.load_state_dict(state)
    assert seen(b) == []
    assert b.epoch == a.epoch == 1
    assert seen(b) == [[0, 1, 2], [3, 4, 5]]


def test_two_loops_over_one_loader() -> None:
    batches = loader(12, 3, shuffle=True, seed=1)
    whole = loader(12, 3, shuffle=True, seed=1)
    expected = [seen(whole), seen(whole)]
    pairs = [(a[0].tolist(), b[0].tolist()) for a, b in zip(batches, batches, strict=True)]
    assert [list(side) for side in zip(*pairs, strict=True)] == expected
    assert (batches.epoch, batches.position) == (2, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"samples": 11}, "samples 11"),
        ({"batch_size": 4}, "batch_size 4"),
        ({"shuffle": True}, "shuffle True"),
        ({"drop_last": True}, "drop_last True"),
        ({"position": 5}, "position=5"),
        ({"position": -1}, "position=-1"),
        ({"position": "2"}, "position='2'"),
        ({"epoch": -1}, "epoch=-1"),
        ({"seed": 0.5}, "seed=0.5"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change: dict[str, Any], words: str) -> None:
    batches = loader(seed=3)
    seen(batches)
    before = batches.state_dict()
    with pytest.raises(CheckpointError, match=words):
        batches.load_state_dict({**before, **change})
    for key in before:
        with pytest.raises(CheckpointError, match=key):
            batches.load_state_dict({k: v for k, v in before.items() if k != key})
    with pytest.raises(CheckpointError):
        batches.load_state_dict(7)  # type: ignore[arg-type]
    assert batches.state_dict() == before


@pytest.mark.parametrize(("shuffle", "gathers"), [(True, 4), (False, 0)])
def test_a_set_in_memory_is_never_asked_sample_by_sample(shuffle: bool, gathers: int) -> None:
    data = Watched(rl.arange(10))
    list(DataLoader(data, 3, shuffle=shuffle, seed=0))
    list(DataLoader(Subset(data, range(9)), 3, shuffle=shuffle, seed=0))
    assert data.singles == 0
    assert data.gathers == gathers + 3


def test_unshuffled_batches_are_views() -> None:
    data = TensorDataset(rl.rand(10, 2))
    for (x,) in DataLoader(data, 3):
        assert np.shares_memory(x.numpy(), data.tensors[0].numpy())


def test_any_sequence_is_a_data_set() -> None:
    batches = list(DataLoader([(1, 2.0), (3, 4.0), (5, 6.0)], 2))  # type: ignore[arg-type]
    assert [[t.tolist() for t in b] for b in batches] == [[[1, 3], [2, 4]], [[5], [6]]]
    assert [b.tolist() for b in DataLoader(range(4), 3)] == [[0, 1, 2], [3]]  # type: ignore[arg-type]
    rows = DataLoader(rl.arange(6).reshape(3, 2), 2)  # type: ignore[arg-type]
    assert [b.tolist() for b in rows] == [[[0, 1], [2, 3]], [[4, 5]]]


def test_collate_fn() -> None:
    batches = DataLoader(TensorDataset(rl.arange(5)), 2, shuffle=True, seed=0, collate_fn=len)
    assert list(batches) == [2, 2, 1]
    rows = DataLoader(
        TensorDataset(rl.arange(3)), 2, collate_fn=lambda samples: [x.item() for (x,) in samples]
    )
    assert list(rows) == [[0, 1], [2]]


def test_an_empty_set_has_no_batches() -> None:
    class Empty(Dataset[Any]):
        def __len__(self) -> int:
            return 0

    for shuffle in (False, True):
        batches = DataLoader(Empty(), 4, shuffle=shuffle)
        assert list(batches) == []
        assert batches.epoch_indices()[0].shape == (0, 4)
    assert len(batches) == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch_size": 0}, ArgumentError, "batch_size=0"),
        ({"batch_size": 2.0}, ArgumentError, "batch_size=2.0"),
        ({"batch_size": None, "drop_last": True}, ArgumentError, "batch_size=None"),
        ({"seed": 1.5}, ArgumentError, "seed=1.5"),
        ({"num_workers": -1}, ArgumentError, "num_workers=-1"),
        ({"timeout": -1}, ArgumentError, "timeout=-1"),
        ({"prefetch_factor": 0, "num_workers": 1}, ArgumentError, "prefetch_factor=0"),
        ({"prefetch_factor": 2}, ArgumentError, "prefetch_factor without workers"),
        ({"persistent_workers": True}, ArgumentError, "persistent_workers without workers"),
        ({"multiprocessing_context": "fork"}, ArgumentError, "multiprocessing_context without"),
        ({"sampler": [1], "shuffle": True}, ArgumentError, "Drop shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 3}, ArgumentError, "drop them"),
        ({"batch_sampler": [[1]], "sampler": [1]}, ArgumentError, "drop them"),
        ({"seed": 1, "generator": rl.Generator()}, ArgumentError, "both"),
        ({"bach_size": 1}, TypeError, "bach_size"),
    ],
)
def test_options_are_checked(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        DataLoader(TensorDataset(rl.arange(3)), **options)
    with pytest.raises(ArgumentError, match="epoch=-1"):
        loader().set_epoch(-1)


def test_pytorchs_defaults_are_accepted() -> None:
    assert len(loader(num_workers=0, pin_memory=False, sampler=None)) == 4
    assert "batch_size=3" in repr(loader())
