"""Planted miscompiles: each is caught at the first run, named and reproduced, and leaves all as it was."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import compile
from rushlight.compile.native import cache, program
from rushlight.compile.plan import kernels, layout, memory, views
from rushlight.compile.proof.replay import replay
from rushlight.compile.vector import namespace, registers, transfer
from rushlight.compile.write import accumulate, library, maps

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
        old = (total.flip(0) * y).reshape(8, 5).amax(0)
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


def _comparing() -> tuple[Any, list[Any], Any, Any]:
    """Comparisons, roundings and choices, with many ties, of numbers that no program rounds."""
    count = rl.zeros(6)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        a, b = x * 2 - 3, (y + x.sum(0) * 0.25).flip(0)
        count.add_((a < b).float().sum(1) + (a <= b).float().sum(1) * 8)
        chosen = rl.where(a > b * 0.5, a, b)
        return (count * rl.arange(6.0)).sum() + ((a / 2).round() * 3 + chosen * b.sign()).sum()

    rl.manual_seed(4)
    return step, [count], rl.randint(0, 5, (6, 21)).float(), rl.randint(0, 7, (6, 21)).float()


def _order(name: str, taken: str) -> Callable[[pytest.MonkeyPatch], None]:
    """One comparison is written as another, which differs from it at ties only."""
    return lambda monkeypatch: monkeypatch.setitem(registers._ORDERS, name, registers._ORDERS[taken])


def _half_up(monkeypatch: pytest.MonkeyPatch) -> None:
    right = registers.intrinsic
    monkeypatch.setattr(
        namespace, "intrinsic", lambda n, *a, **o: right("round" if n == "roundeven" else n, *a, **o)
    )


def _wrong_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    right = registers.constant

    def wrong(emitter: Any, value: Any, dtype: Any, lanes: int) -> Any:
        return right(emitter, 1.01 if value == 1.0 else value, dtype, lanes)

    monkeypatch.setattr(registers, "constant", wrong)


def _dropped_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    def along(writer: Any, size: int, body: Callable[[str, int], None], lanes: int = maps.LANES) -> None:
        whole = size // lanes * lanes
        if whole:
            writer.emitter.loop(0, whole, lanes, lambda j: body(j, lanes))
        if size % lanes > 1:
            body(str(whole), size % lanes - 1)

    monkeypatch.setattr(maps, "along", along)


def _swapped_operands(monkeypatch: pytest.MonkeyPatch) -> None:
    right = registers._arithmetic
    monkeypatch.setattr(
        registers, "_arithmetic", lambda name, a, b: right(name, b, a) if name == "sub" else right(name, a, b)
    )


def _wrong_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    right = accumulate._start
    monkeypatch.setattr(
        accumulate, "_start", lambda kind, *args: 1e-3 if kind == "sum" else right(kind, *args)
    )


def _lost_products(monkeypatch: pytest.MonkeyPatch) -> None:
    right = registers.intrinsic

    def lost(name: str, *args: Any, **options: Any) -> Any:
        found = right(name, *args, **options)
        return found * 0.999 if name == "fmuladd" else found

    monkeypatch.setattr(registers, "intrinsic", lost)


def _wrong_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    def layout(row_step: int, column_step: int, rows: int, columns: int) -> tuple[int, int]:
        return (library.PLAIN if column_step == 1 else library.TRANSPOSED), columns

    monkeypatch.setattr(library, "_layout", layout)
    monkeypatch.setattr(library, "LARGE", 0)  # all products are OpenBLAS's


def _stale_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory plan gives a place away while it is still needed."""
    monkeypatch.setattr(memory, "_first_fit", lambda taken, size: 0)


def _early_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates overwrite what later kernels still read."""
    monkeypatch.setattr(memory, "_only_pointwise", lambda *args, **kwargs: True)


def _wrong_view(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_through(node: Any, source: Any) -> Any:
        found = views.look_through(node, source)
        return views.Access(found.value, found.offset, found.strides[::-1]) if "dims" in node.attrs else found

    for module in (kernels, layout):
        monkeypatch.setattr(module, "look_through", look_through)


def _wrong_last_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    right = transfer.reduce_lanes

    def reduce_lanes(x: Any, merge: Any) -> Any:
        return right(x, merge) * 1.001 if merge is operator.add else right(x, merge)

    monkeypatch.setattr(transfer, "reduce_lanes", reduce_lanes)


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
    "lt as le": _order("lt", "le"),
    "le as lt": _order("le", "lt"),
    "gt as ge": _order("gt", "ge"),
    "round half up": _half_up,
}
PROGRAMS = {
    "early update": _running,
    "wrong layout": _large,
    "lt as le": _comparing,
    "le as lt": _comparing,
    "gt as ge": _comparing,
    "round half up": _comparing,
}


@pytest.mark.parametrize("watched", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_miscompile_is_caught(
    name: str, watched: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """By a copy beside the interpreter, or in a large program's own memory, kernel by kernel."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("RUSHLIGHT_VERIFY", raising=False)  # it would find some of them before they run
    if watched:
        monkeypatch.setattr(memory, "WATCHED", 0)
    make = PROGRAMS.get(name, _training)
    plain, twins, x, y = make()
    step, states, _, _ = make()
    PLANTED[name](monkeypatch)
    compiled = compile(step)
    with pytest.warns(UserWarning, match="disagrees with the interpreter") as caught:
        found = compiled(x, y)
    text = str(caught[0].message)
    assert re.search(
        "(gather|map|reduce|rows|product|library) kernel |where the values lie in memory|the program fails",
        text,
    ), text
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


def test_the_message_says_what_a_user_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """What happened, what is used instead, which kernel, how to run it again; and it points at the call."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _wrong_constant(monkeypatch)
    with pytest.warns(UserWarning, match="disagrees") as caught:
        compile(lambda x: x + 1.0)(rl.ones(3))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    text = (
        "rl.compile: a compiled program disagrees with the interpreter on its first inputs. The "
        "interpreter's "
        "result is used, now and for every later call. Kernel at fault: map kernel add, shape (3,), which "
        "makes %0. To reproduce: python -m rushlight.compile.proof.replay FOLDER. Please report it."
    )
    assert re.fullmatch(re.escape(text).replace("FOLDER", r"\S+"), str(caught[0].message))


@pytest.mark.parametrize("watched", [False, True], ids=["small", "large"])
def test_a_program_that_fails_where_the_interpreter_does_not(
    watched: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if watched:
        monkeypatch.setattr(memory, "WATCHED", 0)
    total = rl.zeros(3)
    compiled = compile(lambda x: total.add_(x) * 2)
    monkeypatch.setattr(program.Program, "run", lambda self, arguments: 1 / 0)
    with pytest.warns(UserWarning, match="disagrees.*ZeroDivisionError.*replay"):
        assert compiled(rl.ones(3)).tolist() == [2.0] * 3
    assert compiled(rl.ones(3)).tolist() == [4.0] * 3
    assert total.tolist() == [2.0] * 3
