"""What two processes check together: ``mpiexec -n 2 python -m mpi4py -m tests.distributed.ranks``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import rushlight as rl
from rushlight import distributed as dist
from rushlight import nn
from rushlight.core.state import asking_nobody
from rushlight.distributed.messages import _under_way as under_way
from rushlight.errors import ArgumentError, DTypeError, GradError, NotSupportedError, ShapeError
from rushlight.train import Callback, Trainer

CHECKS: list[Callable[[], None]] = []
BATCH, EPOCHS = 16, 3


def check(function: Callable[[], None]) -> Callable[[], None]:
    CHECKS.append(function)
    return function


def raises(kind: type[Exception], text: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except kind as error:
        if text in str(error):
            return
        raise
    raise AssertionError(f"{kind.__name__} was not raised: {text}")


def mine(*numbers: float, dtype: Any = rl.float32) -> rl.Tensor:
    """The numbers, 10 more in the second process."""
    return rl.tensor([n + 10 * dist.get_rank() for n in numbers], dtype=dtype)


@check
def who_is_who() -> None:
    rank = dist.get_rank()
    assert dist.is_initialized()
    assert (dist.get_world_size(), dist.get_backend()) == (2, "mpi")
    assert dist.get_process_group_ranks(None) == [0, 1]
    alone = [dist.new_group([0]), dist.new_group([1])]
    assert [dist.get_rank(g) for g in alone] == ([0, -1] if rank == 0 else [-1, 0])
    assert [dist.get_world_size(g) for g in alone] == ([1, -1] if rank == 0 else [-1, 1])
    assert dist.get_global_rank(alone[1], 0) == 1
    assert dist.get_group_rank(alone[1], 1) == 0
    x = mine(1)
    for g in alone:  # those that do not belong to it have nothing to do
        dist.all_reduce(x, group=g)
    assert x.tolist() == mine(1).tolist()
    turned = dist.new_group([1, 0])
    assert dist.get_rank(turned) == rank
    raises(ArgumentError, "a second call", lambda: dist.init_process_group("mpi"))
    raises(ArgumentError, "ranks=[0, 2]", lambda: dist.new_group([0, 2]))


@check
def reductions() -> None:
    ops = {"SUM": 12, "AVG": 6, "PRODUCT": 11, "MIN": 1, "MAX": 11}
    for dtype in (rl.float32, rl.float64, rl.float16, rl.int64, rl.int32):
        for name, expected in ops.items():
            x = mine(1, dtype=dtype)
            if name == "AVG" and dtype in (rl.int64, rl.int32):
                raises(DTypeError, "the mean of int", lambda x=x: dist.all_reduce(x, dist.ReduceOp.AVG))
                continue
            dist.all_reduce(x, getattr(dist.ReduceOp, name))
            assert (x.tolist(), x.dtype) == ([expected], dtype), (dtype, name, x)
    x = mine(1, dtype=rl.int64)
    dist.all_reduce(x, dist.ReduceOp.BOR)
    assert x.tolist() == [1 | 11]
    grid = mine(*range(6)).reshape(2, 3).T  # no contiguous memory
    dist.all_reduce(grid)
    assert grid.tolist() == [[2.0 * n + 10 for n in column] for column in ([0, 3], [1, 4], [2, 5])]
    weight = nn.Parameter(mine(1))
    dist.all_reduce(weight.data)
    assert weight.tolist() == [12]
    x = mine(1)
    dist.reduce(x, 1, dist.ReduceOp.AVG)
    assert x.tolist() == [1 if dist.get_rank() == 0 else 6]
    work = dist.all_reduce(x, async_op=True)
    assert work is not None
    assert work.wait()
    assert work.is_completed()
    found = rl.zeros(2)
    dist.reduce_scatter(found, [mine(1, 2), mine(3, 4)])
    assert found.tolist() == ([12, 14] if dist.get_rank() == 0 else [16, 18])
    dist.reduce_scatter_tensor(found, mine(1, 2, 3, 4))
    assert found.tolist() == ([12, 14] if dist.get_rank() == 0 else [16, 18])
    raises(NotSupportedError, "op='premul_sum'", lambda: dist.all_reduce(x, dist.ReduceOp.PREMUL_SUM))


@check
def moves() -> None:
    rank = dist.get_rank()
    for dtype in (rl.float32, rl.float16, rl.bool, rl.uint8):
        x = mine(1, dtype=rl.int64).to(dtype)
        dist.broadcast(x, 1)
        assert x.tolist() == rl.tensor([11]).to(dtype).tolist()
    parts = [rl.zeros(2), rl.zeros(2)]
    dist.all_gather(parts, mine(1, 2))
    assert [p.tolist() for p in parts] == [[1, 2], [11, 12]]
    flat, stacked = rl.zeros(4), rl.zeros(2, 2)
    dist.all_gather_into_tensor(flat, mine(1, 2))
    dist.all_gather_into_tensor(stacked, mine(1, 2))
    assert (flat.tolist(), stacked.tolist()) == ([1, 2, 11, 12], [[1, 2], [11, 12]])
    parts = [rl.zeros(1), rl.zeros(1)] if rank == 1 else []
    dist.gather(mine(1), parts or None, dst=1)
    assert [p.tolist() for p in parts] == ([[1], [11]] if rank == 1 else [])
    x = rl.zeros(2)
    dist.scatter(x, [rl.ones(2), 2 * rl.ones(2)] if rank == 0 else None)
    assert x.tolist() == [rank + 1] * 2
    found = [rl.zeros(1), rl.zeros(1)]
    dist.all_to_all(found, [mine(1), mine(2)])
    assert [p.tolist() for p in found] == ([[1], [11]] if rank == 0 else [[2], [12]])
    x = rl.zeros(2)
    dist.all_to_all_single(x, mine(1, 2))
    assert x.tolist() == ([1, 11] if rank == 0 else [2, 12])
    dist.barrier()
    raises(ArgumentError, "1 tensors", lambda: dist.all_gather([x], x))
    raises(ShapeError, "one of 4 elements", lambda: dist.all_gather_into_tensor(x, x))
    raises(ArgumentError, "process 5", lambda: dist.broadcast(x, 5))


@check
def at_the_same_time() -> None:
    """With async_op: begun in one order, waited for in another; the tensors are filled then."""
    rank = dist.get_rank()
    for finish in ("wait", "look"):
        summed, sent, least, half = mine(1), mine(2), mine(3), mine(1, dtype=rl.float16)
        parts, flat, gathered = [rl.zeros(1), rl.zeros(1)], rl.zeros(2), [rl.zeros(1), rl.zeros(1)]
        part, own, exchanged, single = rl.zeros(1), rl.zeros(1), [rl.zeros(1), rl.zeros(1)], rl.zeros(2)
        grid = mine(*range(6)).reshape(2, 3).T
        works = [
            dist.all_reduce(summed, async_op=True),
            dist.broadcast(sent, 1, async_op=True),
            dist.reduce(least, 0, dist.ReduceOp.MIN, async_op=True),
            dist.all_reduce(half, dist.ReduceOp.AVG, async_op=True),
            dist.all_gather(parts, mine(4), async_op=True),
            dist.all_gather_into_tensor(flat, mine(5), async_op=True),
            dist.gather(mine(6), gathered if rank == 1 else None, dst=1, async_op=True),
            dist.scatter(part, [rl.ones(1), 2 * rl.ones(1)] if rank == 0 else None, async_op=True),
            dist.reduce_scatter(own, [mine(1), mine(2)], async_op=True),
            dist.all_to_all(exchanged, [mine(1), mine(2)], async_op=True),
            dist.all_to_all_single(single, mine(1, 2), async_op=True),
            dist.all_reduce(grid, async_op=True),
            dist.barrier(async_op=True),
        ]
        assert all(isinstance(work, dist.Work) for work in works)
        if finish == "wait":
            assert all(work.wait() for work in reversed(works))
        else:
            while not all(work.is_completed() for work in works):
                pass
        assert all(work.is_completed() for work in works)
        assert (summed.tolist(), sent.tolist(), half.tolist()) == ([12], [12], [6])
        assert least.tolist() == [3 if rank == 0 else 13]
        assert [p.tolist() for p in parts] == [[4], [14]]
        assert flat.tolist() == [5, 15]
        assert [p.tolist() for p in gathered] == ([[6], [16]] if rank == 1 else [[0], [0]])
        assert part.tolist() == [rank + 1]
        assert own.tolist() == ([12] if rank == 0 else [14])
        assert [p.tolist() for p in exchanged] == ([[1], [11]] if rank == 0 else [[2], [12]])
        assert single.tolist() == ([1, 11] if rank == 0 else [2, 12])
        assert grid.tolist() == [[2.0 * n + 10 for n in column] for column in ([0, 3], [1, 4], [2, 5])]
    assert not under_way
    dist.all_reduce(mine(1), async_op=True)  # its memory lives until it is over, though nobody waits
    assert len(under_way) == 1
    next(iter(under_way)).wait()
    x = mine(1)

    @rl.compile
    def function(x: rl.Tensor) -> rl.Tensor:
        y = x * 2
        work = dist.all_reduce(y, async_op=True)
        work.wait()
        return y

    assert [function(x).tolist() for _ in range(3)] == [[24]] * 3
    outside = dist.new_group([0])
    work = dist.all_reduce(x, group=outside, async_op=True)
    assert work.wait()
    assert x.tolist() == mine(1).tolist()


@check
def messages() -> None:
    rank, x = dist.get_rank(), rl.zeros(3)
    if rank == 0:
        dist.send(mine(1, 2, 3), 1)
        assert dist.recv(x) == 1
        assert x.tolist() == [11, 12, 13]
    else:
        work = dist.irecv(x, 0)
        other = dist.isend(mine(1, 2, 3), 0)
        work.wait()
        other.wait()
        assert x.tolist() == [1, 2, 3]
        assert work.source_rank() == 0
    raises(ArgumentError, "another one of the group", lambda: dist.send(x, rank))


@check
def objects() -> None:
    rank, found = dist.get_rank(), [None, None]
    dist.all_gather_object(found, {"rank": rank})
    assert found == [{"rank": 0}, {"rank": 1}]
    items = ["a", 3] if rank == 1 else [None, None]
    dist.broadcast_object_list(items, src=1)
    assert items == ["a", 3]
    part = [None]
    dist.scatter_object_list(part, [10, 20] if rank == 0 else None)
    assert part == [10 * (rank + 1)]
    gathered = [None, None] if rank == 0 else None
    dist.gather_object(rank, gathered)
    assert gathered == ([0, 1] if rank == 0 else None)


@check
def compiled_functions() -> None:
    @rl.compile
    def function(x: rl.Tensor) -> rl.Tensor:
        y = x * 2
        dist.all_reduce(y)
        z = y.clone()
        dist.all_reduce(y)  # equal calls are two, too
        dist.broadcast(x, 1)
        return y + z + x

    for turn in range(3):
        x = mine(turn)
        assert function(x).tolist() == [3 * (4 * turn + 20) + 10 + turn], turn
        assert x.tolist() == [10 + turn]
    if dist.get_rank() == 0:
        with asking_nobody():  # as explain() does: the others need not look
            assert function(mine(5)).tolist() == [2 * 10 + 5]
    assert function(mine(1)).tolist() == [3 * 24 + 11]

    @rl.compile
    def other(x: rl.Tensor) -> rl.Tensor:
        parts = [rl.zeros(1), rl.zeros(1)]
        dist.all_gather(parts, x)
        return parts[0]

    raises(NotSupportedError, "a call in a compiled function", lambda: other(mine(1)))


def make(seed: int = 0) -> nn.Module:
    rl.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def data() -> tuple[rl.Tensor, rl.Tensor]:
    rl.manual_seed(1)
    x = rl.randn(64, 4)
    return x, x.sin().sum(1, keepdim=True)


def losses(net: nn.Module, parts: int, compile: bool) -> list[float]:
    """The mean losses of the whole batches, of which every process has its part."""
    x, y = data()
    optimizer = rl.optim.Adam(net.parameters(), lr=0.01)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        loss = nn.functional.mse_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    taken, found = rl.compile(step) if compile else step, []
    rank = dist.get_rank() if parts > 1 else 0
    for _ in range(EPOCHS):
        for start in range(0, len(x), BATCH):
            rows = slice(start + rank, start + BATCH, parts)
            loss = taken(x[rows], y[rows])
            if parts > 1:
                dist.all_reduce(loss, dist.ReduceOp.AVG)
            found.append(loss.item())
    if compile and parts > 1:
        assert [call.node.op.name for call in program_of(taken).module.callbacks] == ["all_reduce"]
    return found


def program_of(function: Any) -> Any:
    x, y = data()
    return function.entry(x[: BATCH // 2], y[: BATCH // 2]).program


@check
def the_loss_curve_is_that_of_one_process() -> None:
    for compile in (False, True):
        whole = losses(make(), 1, compile)
        net = nn.parallel.DistributedDataParallel(make(dist.get_rank()))  # the weights are those of rank 0
        shared = losses(net, 2, compile)
        assert whole[-1] < 0.7 * whole[0]
        for one, other in zip(whole, shared, strict=True):
            assert abs(one - other) <= 1e-6 * max(1, abs(one)), (compile, one, other)
        for p in net.parameters():
            parts = [rl.zeros_like(p) for _ in range(2)]
            dist.all_gather(parts, p.detach())
            assert rl.equal(*parts)


class Epochs(Callback):
    """Tells the sampler which epoch it is."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler

    def on_epoch_start(self, trainer: Any) -> None:
        self.sampler.set_epoch(trainer.position.epoch)


@check
def a_trainer() -> None:
    """With DistributedSampler; its epochs' mean losses are those of one process with the same batches."""
    held = rl.data.TensorDataset(*data())
    for compile in (False, True):
        net = nn.parallel.DistributedDataParallel(make())
        sampler = rl.data.DistributedSampler(held, seed=3)
        loader = rl.data.DataLoader(held, batch_size=8, sampler=sampler)
        optimizer = rl.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        options = {"progress": False, "compile": compile, "callbacks": [Epochs(sampler)]}
        trainer = Trainer(net, optimizer, nn.MSELoss(), **options)
        history = trainer.fit(loader, EPOCHS)
        assert trainer.why_eager() == (None if compile else "compile=False")
        found: list[Any] = [None, None]
        dist.all_gather_object(found, history["train_loss"])
        shared = [sum(pair) / 2 for pair in zip(*found, strict=True)]

        net = make()
        optimizer = rl.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        both = [rl.data.DistributedSampler(held, 2, rank, seed=3) for rank in range(2)]
        trainer = Trainer(net, optimizer, nn.MSELoss(), progress=False, compile=compile)
        for epoch in range(EPOCHS):
            for one in both:
                one.set_epoch(epoch)
            pairs = list(zip(*both, strict=True))
            order = [
                i
                for start in range(0, 32, 8)
                for part in zip(*pairs[start : start + 8], strict=True)
                for i in part
            ]
            batches = [held[order[start : start + 16]] for start in range(0, 64, 16)]
            trainer.fit(batches, epoch + 1)
        for one, other in zip(trainer.history["train_loss"], shared, strict=True):
            assert abs(one - other) <= 1e-6 * max(1, abs(one)), (compile, one, other)


@check
def gradients_add_up_without_sync() -> None:
    net = nn.parallel.DistributedDataParallel(make())
    x, y = data()
    rank = dist.get_rank()
    with net.no_sync():
        nn.functional.mse_loss(net(x[rank::4]), y[rank::4]).backward()
    own = net.module[0].weight.grad.clone()
    parts = [rl.zeros_like(own), rl.zeros_like(own)]
    dist.all_gather(parts, own)
    assert not rl.equal(*parts)
    nn.functional.mse_loss(net(x[rank + 2 :: 4]), y[rank + 2 :: 4]).backward()
    alone = make()
    (2 * nn.functional.mse_loss(alone(x), y)).backward()
    for p, q in zip(net.parameters(), alone.parameters(), strict=True):
        assert rl.allclose(p.grad, q.grad, atol=1e-6)

    @rl.compile
    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        net.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        return net.module[0].weight.grad

    for _ in range(2):
        with net.no_sync():
            dist.all_gather(parts, step(x[rank::4], y[rank::4]))
        assert not rl.equal(*parts)
        dist.all_gather(parts, step(x[rank::4], y[rank::4]))
        assert rl.equal(*parts)


@check
def buffers_are_those_of_the_first() -> None:
    for compile in (False, True):
        rl.manual_seed(0)
        inner = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        net = nn.parallel.DistributedDataParallel(inner)

        def step(x: rl.Tensor, net: Any = net) -> rl.Tensor:
            out = net(x).sum()
            out.backward()
            for p in net.parameters():
                p.grad = None
            return out.detach()

        x, _ = data()
        taken = rl.compile(step) if compile else step
        for _ in range(3):
            taken(x[dist.get_rank() :: 2])
        mean = inner[1].running_mean.clone()
        dist.broadcast(mean, 0)
        assert rl.equal(mean, inner[1].running_mean) == (dist.get_rank() == 0)  # since the last forward
        taken(x[dist.get_rank() :: 2])
        assert int(inner[1].num_batches_tracked) == 4


@check
def batch_norm_over_all_batches() -> None:
    rank = dist.get_rank()
    x, y = data()
    for compile, cut in ((False, 32), (False, 20), (True, 32)):
        rl.manual_seed(0)
        nets = [nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1)) for _ in "12"]
        whole, shared = nets[0], nn.SyncBatchNorm.convert_sync_batchnorm(nets[1])
        shared.load_state_dict(whole.state_dict())
        part = slice(cut) if rank == 0 else slice(cut, None)

        def step(x: rl.Tensor, y: rl.Tensor, net: Any = shared) -> rl.Tensor:
            for p in net.parameters():
                p.grad = None
            ((net(x) - y) ** 2).sum().backward()
            return rl.cat([p.grad.reshape(-1) for p in net.parameters()])

        taken = rl.compile(step) if compile else step
        for _ in range(2):
            expected, found = step(x, y, whole), taken(x[part], y[part])
            dist.all_reduce(found)
            assert rl.allclose(found, expected, atol=1e-4, rtol=1e-5), (compile, cut, found - expected)
        for name, buffer in whole.named_buffers():
            assert rl.allclose(shared.get_buffer(name), buffer, atol=1e-6), (compile, cut, name)
        shared.eval()
        assert rl.allclose(shared(x[part]), whole.eval()(x[part]), atol=1e-5)


@check
def parameters_without_gradients() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.never = nn.Linear(2, 1), nn.Linear(2, 1), nn.Linear(2, 1)

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return (self.left if dist.get_rank() == 0 else self.right)(x)

    net = nn.parallel.DistributedDataParallel(Two())
    raises(GradError, "find_unused_parameters=True", lambda: net(rl.ones(1, 2)).sum().backward())
    net = nn.parallel.DistributedDataParallel(Two(), find_unused_parameters=True)
    net(rl.ones(1, 2)).sum().backward()
    assert net.module.left.weight.grad.tolist() == net.module.right.weight.grad.tolist() == [[0.5, 0.5]]
    assert net.module.never.weight.grad is None
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1)
    trainer = Trainer(net, optimizer, nn.MSELoss(), progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        trainer.fit((rl.ones(4, 2), rl.ones(4, 1)), 2, batch_size=2)
    assert "find_unused_parameters=True in a compiled step" in (trainer.why_eager() or "")
    weight = net.module.left.weight.detach().clone()
    dist.broadcast(weight, 0)
    assert rl.equal(weight, net.module.left.weight)


@check
def modules_that_differ() -> None:
    size = 3 + dist.get_rank()
    raises(ArgumentError, "process 1", lambda: nn.parallel.DistributedDataParallel(nn.Linear(size, 1)))
    embedding = nn.parallel.DistributedDataParallel(nn.Embedding(3, 2, sparse=True))
    raises(NotSupportedError, "sparse=False", lambda: embedding(rl.tensor([1])).sum().backward())


def main() -> None:
    warnings.simplefilter("error")
    raises(NotSupportedError, '"gloo" with 2 processes', lambda: dist.init_process_group("gloo"))
    raises(ArgumentError, "world_size=3", lambda: dist.init_process_group("mpi", world_size=3))
    dist.init_process_group()
    for function in CHECKS:
        if not sys.argv[1:] or function.__name__ in sys.argv[1:]:
            function()
            dist.barrier()
    rank = dist.get_rank()
    dist.destroy_process_group()
    assert not dist.is_initialized()
    if rank == 0:
        print(f"{len(CHECKS)} checks")


if __name__ == "__main__":
    main()
