"""Samplers, and loaders that go on where they stood."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

import rushlight as rl
from rushlight.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from rushlight.errors import ArgumentError


def test_replacement_draws_each_alike() -> None:
    counts = Counter(RandomSampler(range(4), True, 8000, rl.Generator().manual_seed(0)))
    assert all(abs(counts[i] - 2000) < 200 for i in range(4))


@pytest.mark.parametrize("replacement", [True, False])
def test_weights(replacement: bool) -> None:
    weights, generator = [1.0, 0.0, 3.0, 2.0], rl.Generator().manual_seed(0)
    sampler = WeightedRandomSampler(weights, 1 if not replacement else 6000, replacement, generator)
    counts = Counter(sampler) if replacement else Counter(next(iter(sampler)) for _ in range(6000))
    assert counts[1] == 0
    assert all(abs(counts[i] - 1000 * weights[i]) < 170 for i in (0, 2, 3))


def test_weights_without_replacement_come_once() -> None:
    sampler = WeightedRandomSampler(rl.tensor([1.0, 0.0, 3.0, 2.0]), 3, replacement=False)
    assert sorted(sampler) == [0, 2, 3]
    for weights, count in (([0.0, 0.0], 1), ([1.0, -1.0], 1), ([1.0, 0.0], 2), ([float("nan")], 1)):
        with pytest.raises(ArgumentError):
            WeightedRandomSampler(weights, count, replacement=False)


def test_processes_share_an_epoch() -> None:
    parts = [DistributedSampler(range(12), 3, rank) for rank in range(3)]
    for epoch in (0, 1):
        for part in parts:
            part.set_epoch(epoch)
        assert sorted(i for part in parts for i in part) == list(range(12))
    first = list(parts[0])
    parts[0].set_epoch(0)
    assert list(parts[0]) != first
    with pytest.raises(ArgumentError, match="Pass num_replicas and rank"):
        DistributedSampler(range(12))


SAMPLED: dict[str, Any] = {
    "random": lambda: {"sampler": RandomSampler(range(20)), "batch_size": 3},
    "own generator": lambda: {"sampler": RandomSampler(range(20), generator=rl.Generator().manual_seed(3)),
                              "batch_size": 3},
    "batches": lambda: {"batch_sampler": BatchSampler(RandomSampler(range(20)), 3, False)},
    "one by one": lambda: {"sampler": RandomSampler(range(20)), "batch_size": None},
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sampled_loader_goes_on_where_it_stood(name: str) -> None:
    data = TensorDataset(rl.arange(20))

    def run(stop: int | None) -> list[Any]:
        rl.manual_seed(5)
        loader = DataLoader(data, **SAMPLED[name]())
        found = []
        for step, (x,) in enumerate(loader):
            found.append(x.tolist())
            if step == stop:
                state = json.loads(json.dumps(loader.state_dict()))
                here = rl.get_rng_state()
                rl.rand(100)
                loader = DataLoader(data, **SAMPLED[name]())
                loader.load_state_dict(state)
                rl.set_rng_state(here)
                found += [x.tolist() for (x,) in loader]
                break
        return [*found, rl.rand(1).item(), *([x.tolist() for (x,) in loader] if name == "random" else [])]

    assert run(2) == run(None)


def test_a_stream_goes_on_where_it_stood() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self) -> Any:
            return iter(range(10))

    loader = DataLoader(Stream(), 2)
    batches = iter(loader)
    assert [next(batches).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    other = DataLoader(Stream(), 2)
    other.load_state_dict(loader.state_dict())
    assert [x.tolist() for x in other] == [[4, 5], [6, 7], [8, 9]]
    assert [len(x) for x in other] == [2] * 5
    with pytest.raises(ArgumentError, match="order"):
        DataLoader(Stream(), 2, shuffle=True)


def test_what_a_loader_says_of_itself() -> None:
    data = TensorDataset(rl.arange(5))
    loader = DataLoader(data, 2, shuffle=True)
    assert isinstance(loader.sampler, RandomSampler)
    assert loader.batch_sampler.batch_size == 2
    assert len(loader.sampler) == 5
    assert DataLoader[Any].__origin__ is DataLoader  # type: ignore[attr-defined]
    assert "sampler" in repr(DataLoader(data, sampler=[1]))
    assert DataLoader(data, batch_sampler=[[1]]).batch_size is None


def test_a_trainer_takes_samplers_and_workers() -> None:
    rl.manual_seed(0)
    x = rl.rand(32, 2)
    model = rl.nn.Linear(2, 1)
    trainer = rl.train.Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), rl.nn.MSELoss())
    data = TensorDataset(x, x.sum(1, keepdim=True))
    weights = [1.0] * 32
    loader = DataLoader(data, 8, sampler=WeightedRandomSampler(weights, 32), num_workers=1, collate_fn=pair)
    history = trainer.fit(loader, epochs=3)
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]


def pair(samples: list[Any]) -> Any:
    return rl.data.default_collate(samples)
