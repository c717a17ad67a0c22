"""torch.distributed's names: one process, several under MPI, and what is refused."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import distributed as dist
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError
from rushlight.optional import MissingPackageError
from tests.mpi_helpers import ROOT, mpirun


def test_two_processes() -> None:
    """Takes some seconds, as two processes import and compile. All that they check stands in ranks.py."""
    out = mpirun(2, "-m", "mpi4py", "-m", "tests.distributed.ranks")
    assert out.strip().endswith(" checks")


@pytest.fixture
def alone() -> Iterator[None]:
    dist.init_process_group("gloo", world_size=1, rank=0)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("alone")
def test_one_process() -> None:
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    assert dist.group.WORLD is not None
    x = rl.tensor([1.0, 2.0])
    for op in ("SUM", "AVG", "MAX"):
        dist.all_reduce(x, getattr(dist.ReduceOp, op))
    dist.reduce(x, 0)
    dist.broadcast(x, 0)
    dist.barrier()
    assert x.tolist() == [1, 2]
    y = [rl.zeros(2)]
    dist.all_gather(y, x)
    dist.gather(x + 1, z := [rl.zeros(2)])
    dist.scatter(w := rl.zeros(2), [x + 2])
    dist.reduce_scatter(v := rl.zeros(2), [x + 3])
    dist.all_to_all(u := [rl.zeros(2)], [x + 4])
    dist.all_gather_into_tensor(t := rl.zeros(2), x + 5)
    found = [int(k[0]) for k in (*y, *z, w, v, *u, t)]
    assert found == [1, 2, 3, 4, 5, 6]
    items = [None]
    dist.all_gather_object(items, "a")
    dist.broadcast_object_list(items)
    assert items == ["a"]
    net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    net(x).sum().backward()
    assert net.module.weight.grad.tolist() == [[1, 2]]
    assert len(rl.data.DistributedSampler(range(5))) == 5
    with pytest.raises(ArgumentError, match="there is this alone"):
        dist.recv(x)
    with pytest.raises(ArgumentError, match="another one of the group"):
        dist.send(x, 0)
    with pytest.raises(DTypeError, match="a list; expected a Tensor"):
        dist.reduce([1])
    with pytest.raises(ArgumentError, match="a second call"):
        dist.init_process_group("gloo")
    part = dist.new_group([0])
    assert dist.get_rank(part) == 0
    dist.destroy_process_group(part)
    assert dist.is_initialized()


X = rl.ones(2)
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "all_reduce": [("x",), ([X],), (X, ["sum"])],
    "broadcast": [("x",), (3.5,), (X, "first")],
    "reduce": [("x",), (X, None, {})],
    "all_gather": [([X], "x"), ("x", X), (["x"], X)],
    "all_gather_into_tensor": [(X, "x"), ([X], X)],
    "gather": [("x", [X]), (X, ["x"])],
    "scatter": [("x", [X]), (X, ["x"]), (X, 3)],
    "reduce_scatter": [("x", [X]), (X, ["x"])],
    "reduce_scatter_tensor": [("x", X), (X, "x")],
    "all_to_all": [(["x"], [X]), ([X], ["x"]), ("x", "x")],
    "all_to_all_single": [("x", X), (X, "x")],
    "isend": [("x", 0), (X, "x")],
    "irecv": [("x", 0), (X, "x")],
    "barrier": [("x",)],
    "get_rank": [("x",)],
    "get_backend": [(3,)],
    "get_global_rank": [(None, "x"), ("x", 0)],
    "get_group_rank": [(None, "x"), ("x", 0)],
    "get_process_group_ranks": [("x",)],
    "new_group": [("x",), (3.5,), (["x"],)],
}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("async_op", [False, True])
def test_what_is_no_tensor_no_rank_and_no_group_is_refused(name: str, async_op: bool) -> None:
    function = getattr(dist, name)
    options = {"async_op": True} if async_op and "async_op" in signature(function).parameters else {}
    for arguments in CALLS[name]:
        with pytest.raises((DTypeError, ArgumentError, NotSupportedError)):
            function(*arguments, **options)


def test_without_a_group() -> None:
    assert dist.is_available()
    assert not dist.is_initialized()
    assert dist.group.WORLD is None
    for call in (dist.get_rank, dist.barrier, lambda: dist.all_reduce(rl.ones(1))):
        with pytest.raises(ValueError, match="is_initialized"):
            call()
    net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    net(rl.ones(2)).sum().backward()


def test_other_backends_name_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSupportedError, match=r'"gloo" with 4 processes; expected the backend "mpi"'):
        dist.init_process_group("gloo", world_size=4, rank=0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(NotSupportedError, match="mpiexec -n 2 python"):
        dist.init_process_group("nccl")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(MissingPackageError, match=r"needs mpi4py: pip install mpi4py"):
        dist.init_process_group()
    assert not dist.is_initialized()


def test_the_guide_s_program(tmp_path: Path) -> None:
    """One process and two print the same losses. Takes some seconds, as both are started and compile."""
    text = (ROOT / "docs" / "guide" / "11-many-machines.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    program = tmp_path / "train.py"
    program.write_text("import rushlight; rushlight.manual_seed(0)\n" + code)
    one, two = (mpirun(ranks, "-m", "mpi4py", str(program)).splitlines() for ranks in (1, 2))
    assert len(one) == len(two) == 3
    for first, second in zip(one, two, strict=True):
        assert float(second.split()[-1]) == pytest.approx(float(first.split()[-1]), abs=2e-5)
