"""Planted miscompiles: each is caught at the first run, named and reproduced, and leaves all as it was."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.graph import Graph
from rushlight.compile.native import cache
from rushlight.compile.plan import memory, views
from rushlight.compile.proof.check import agrees, close
from rushlight.compile.proof.replay import replay
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write import contract, library, maps

F = nn.functional
pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Miscompiled objects shall not be kept."""
    monkeypatch.setattr(cache, "store", lambda *args: None)


def _running() -> tuple[Any, list[Any], Any, Any]:
    """A function that still needs old numbers of the state when it has computed the new ones."""
    total = rl.ones(40)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        new = total * 0.5 + x
        old = total.flip(0) * y
        total.copy_(new)
        return old.sum() + new.sum()

    return step, [total], rl.full((40,), 3.0), rl.arange(40.0)


def _large() -> tuple[Any, list[Any], Any, Any]:
    """Products that OpenBLAS does, of matrices in both layouts."""
    rl.manual_seed(2)
    weight = rl.rand(90, 110)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        out = x @ weight.T @ y.T
        weight.add_(x, alpha=0.1)
        return out.mean()

    rl.manual_seed(3)
    return step, [weight], rl.rand(90, 110), rl.rand(100, 90)


def _training() -> tuple[Any, list[Any], Any, Any]:
    """A training step with maps, reductions, products of both kinds, a callback and state."""
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 9), nn.Tanh(), nn.Linear(9, 25), nn.ReLU(), nn.Linear(25, 5))
    optimizer = rl.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    x, y = rl.rand(18, 20), rl.randint(0, 5, (18,))

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, list(model.parameters()), x, y


def _wrong_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    right = registers.constant

    def wrong(emitter: Any, value: Any, dtype: Any, lanes: int) -> Any:
        return right(emitter, 1.01 if value == 1.0 else value, dtype, lanes)

    monkeypatch.setattr(registers, "constant", wrong)


def _dropped_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    def along(writer: Any, size: int, body: Callable[[str, int], None]) -> None:
        lanes = maps.LANES
        whole = size // lanes * lanes
        if whole:
            writer.emitter.loop(0, whole, lanes, lambda j: body(j, lanes))
        if size % lanes > 1:
            body(str(whole), size % lanes - 1)

    monkeypatch.setattr(maps, "_along", along)


def _swapped_operands(monkeypatch: pytest.MonkeyPatch) -> None:
    right = registers._arithmetic
    monkeypatch.setattr(
        registers, "_arithmetic", lambda name, a, b: right(name, b, a) if name == "sub" else right(name, a, b)
    )


def _wrong_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(maps.IDENTITY, "sum", 1e-3)


def _lost_products(monkeypatch: pytest.MonkeyPatch) -> None:
    right = contract.fma
    monkeypatch.setattr(contract, "fma", lambda a, b, c: right(a, b, c) * 0.999)


def _wrong_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    def layout(row_step: int, column_step: int, rows: int, columns: int) -> tuple[int, int]:
        return (library.PLAIN if column_step == 1 else library.TRANSPOSED), columns

    monkeypatch.setattr(library, "_layout", layout)


def _stale_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory plan gives a place away while it is still needed."""
    monkeypatch.setattr(memory, "_first_fit", lambda taken, size: 0)


def _early_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates overwrite what later kernels still read."""
    monkeypatch.setattr(memory, "_only_pointwise", lambda *args, **kwargs: True)


def _wrong_view(monkeypatch: pytest.MonkeyPatch) -> None:
    right = views._RULES["permute"]

    def permute(source: Any, shape: Any, out: Any, attrs: Any) -> Any:
        found = right(source, shape, out, attrs)
        return views.Access(found.value, found.offset, found.strides[::-1])

    monkeypatch.setitem(views._RULES, "permute", permute)


def _wrong_last_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    right = transfer.reduce_add
    monkeypatch.setattr(transfer, "reduce_add", lambda v: right(v) * 1.001)
    monkeypatch.setitem(maps.ACROSS, "sum", transfer.reduce_add)
    monkeypatch.setitem(maps.ACROSS, "mean", transfer.reduce_add)


PLANTED = {
    "wrong constant": _wrong_constant,
    "dropped tail": _dropped_tail,
    "swapped operands": _swapped_operands,
    "wrong identity": _wrong_identity,
    "lost products": _lost_products,
    "wrong layout": _wrong_layout,
    "stale buffer": _stale_buffer,
    "early update": _early_update,
    "wrong view": _wrong_view,
    "wrong last lane": _wrong_last_lane,
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_miscompile_is_caught(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    program = {"early update": _running, "wrong layout": _large}.get(name, _training)
    plain, twins, x, y = program()
    step, states, _, _ = program()
    PLANTED[name](monkeypatch)
    compiled = compile(step)
    with pytest.warns(UserWarning, match="disagrees with the interpreter") as caught:
        found = compiled(x, y)
    text = str(caught[0].message)
    assert re.search("(map|reduce|product|library) kernel |where the values lie in memory", text), text
    np.testing.assert_allclose(found.item(), plain(x, y).item(), rtol=1e-5)
    for _ in range(2):  # from now on the interpreter does it
        np.testing.assert_allclose(compiled(x, y).item(), plain(x, y).item(), rtol=1e-5)
    for p, q in zip(states, twins, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-6)
    folder = re.search(r"replay (\S+?)\. ", text)
    assert folder is not None
    if name not in ("wrong view", "early update", "wrong layout"):  # replaying takes its time
        return
    right, report = replay(folder[1])
    assert not right, report
    assert "disagrees" in report
    monkeypatch.undo()
    assert replay(folder[1])[0]


def test_what_is_right_is_not_suspected() -> None:
    """Noise, which cancelling leaves, is no fault: these results are nothing else."""
    x = rl.rand(40, 30)

    def noise(x: rl.Tensor) -> Any:
        p = x.softmax(1)
        return (p - p * p.sum(1, keepdim=True)), x.var(0) - x.var(0), (x / 3 * 3 == x), (x * 7 / 7).floor()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(noise)(x)


def test_close_is_strict() -> None:
    a = np.linspace(-1, 1, 50, dtype=np.float32)
    assert close(a, a + np.float32(1e-6))
    assert not close(a, a + np.float32(1e-4))
    assert not close(a, np.where(a == a[3], np.nan, a).astype(np.float32))
    assert close(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]))
    assert not close(np.array([np.inf]), np.array([-np.inf]))
    assert not close(np.array([1, 2]), np.array([1, 3]))
    assert not close(np.array([1.0]), np.array([1.0, 1.0]))
    assert not close(np.array([1.0], np.float32), np.array([1.0]))


def test_a_flipped_bit_is_beyond_rounding() -> None:
    graph: Graph = trace(lambda x: (x > 0.5, x.argmax()), [rl.rand(30)]).graph
    x = np.random.default_rng(0).uniform(0, 1, 30).astype(np.float32)
    right = [x > 0.5, np.asarray(x.argmax())]
    assert agrees(graph, [x], right, right)
    wrong = right[0].copy()
    wrong[4] = not wrong[4]
    assert not agrees(graph, [x], [wrong, right[1]], right)
    assert not agrees(graph, [x], [right[0], np.asarray((x.argmax() + 1) % 30)], right)


def test_the_command_replays(tmp_path: Any) -> None:
    from rushlight.compile.proof.reproducer import save

    traced = trace(
        lambda x, y: (x[1:, ::2].sum(0, keepdim=True) * 2.5, y.clamp(min=-1)), [rl.rand(3, 4), rl.arange(3)]
    )
    arrays = [t.array for t in traced.lifted]
    save(str(tmp_path), traced.graph, arrays, "full")
    done = subprocess.run(
        [sys.executable, "-m", "rushlight.compile.proof.replay", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "agrees with the interpreter" in done.stdout
    (tmp_path / "graph.json").write_text("{}")
    with pytest.raises(rl.errors.DataError, match=r"graph\.json"):
        replay(str(tmp_path))
