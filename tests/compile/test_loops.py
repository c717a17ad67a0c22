"""Loops: one operation however many rounds there are, with its derivatives; and what runs round by round."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.graph import structure
from rushlight.compile.interpret import interpret
from rushlight.compile.loops import is_loop, unrolled
from rushlight.compile.native import threads
from rushlight.compile.plan import memory, rounds
from rushlight.compile.proof import blame
from rushlight.compile.proof.reproducer import load, save
from rushlight.func import scan

F = nn.functional
pytest.importorskip("llvmlite")

Cell = Callable[..., Any]
WEIGHTS = rl.tensor(np.linspace(-0.6, 0.7, 9).reshape(3, 3), requires_grad=True)
BIAS = rl.tensor(np.linspace(0.3, -0.2, 3), requires_grad=True)


def cell(carry: Any, x: Any) -> Any:
    """Two states, one of them whole numbers; slices of two tensors, two outputs."""
    h = (carry["h"] @ WEIGHTS + x["a"] + BIAS).tanh()
    return {"h": h, "k": carry["k"] + 1}, (h * x["b"], h.sum())


def given(length: int) -> list[rl.Tensor]:
    rl.manual_seed(length)
    made = rl.randn(2, 3), rl.randn(2, length, 3), rl.randn(2, length, 3)
    return [t.double().requires_grad_() for t in made]


def values(reverse: bool, h: Any, a: Any, b: Any) -> list[rl.Tensor]:
    last, (y, z) = scan(cell, {"h": h, "k": rl.tensor(0)}, {"a": a, "b": b}, dim=1, reverse=reverse)
    return [last["h"], last["k"], y, z]


def total(reverse: bool, *tensors: Any) -> Any:
    h, _, y, z = values(reverse, *tensors)
    return (h**3).sum() + (y**2).sum() + z.sin().sum()


def first(reverse: bool, *tensors: Any) -> Any:
    return rl.autograd.grad(total(reverse, *tensors), [*tensors, WEIGHTS, BIAS])


def second(reverse: bool, *tensors: Any) -> Any:
    leaves = [*tensors, WEIGHTS, BIAS]
    found = rl.autograd.grad(total(reverse, *tensors), leaves, create_graph=True)
    return rl.autograd.grad(sum((g**2).sum() for g in found), leaves)


def part(reverse: bool, *tensors: Any) -> Any:
    """Of results of which only some have gradients, by some of the inputs."""
    _, _, _, z = values(reverse, *tensors)
    return rl.autograd.grad(z.sum(), [tensors[1], WEIGHTS])


@pytest.fixture
def on(request: pytest.FixtureRequest) -> Any:
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield request.param
    threads.set_num_threads(before)


def same(found: Any, expected: Any, tolerance: float) -> None:
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        x, y = a.detach().numpy(), b.detach().numpy()
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(y).max())))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("length", "on"), [(1, 1), (2, 1), (7, 1), (7, 2), (64, 1)], indirect=["on"])
@pytest.mark.parametrize("function", [values, first, second, part])
def test_compiled_is_eager(function: Any, length: int, reverse: bool, on: int) -> None:
    tensors = given(length)
    compiled = compile(lambda *t: function(reverse, *t))
    expected = function(reverse, *tensors)
    for _ in range(2):
        same(compiled(*tensors), expected, 1e-10)
    assert "loop of" in compiled.stages()["kernels"]


def weight(x: Any) -> Any:
    return x @ WEIGHTS.float()


CELLS: dict[str, tuple[Cell, bool]] = {
    "the state as it is": (lambda h, x: (h, weight(h) * x), True),
    "the state as output": (lambda h, x: ((h + x).tanh(),) * 2, True),
    "softmax": (lambda h, x: ((weight(h) + x).softmax(1), h.log_softmax(1)), True),
    "layer norm": (lambda h, x: (F.layer_norm(weight(h) + x, (3,)), F.gelu(h)), True),
    "a convolution": (
        lambda h, x: (F.conv1d((h + x)[:, None], WEIGHTS.float()[:1, None], padding=1)[:, 0], h),
        True,
    ),
    "constants": (lambda h, x: ((weight(h) + rl.arange(3) * x).tanh(), WEIGHTS.float().sum()), True),
    "another loop": (lambda h, x: (within(h, x), scan(lambda k, z: (k * z, k), x[:, 0], x.T)[1]), True),
    "whole numbers": (lambda h, x: ((h + x).tanh(), (h * 9).to(rl.int32).float() * h), True),
    "an index that is checked": (
        lambda h, x: ((h + x).tanh(), h.gather(1, x.argmax(1, True).abs() % 3)),
        False,
    ),
    "what NumPy computes": (lambda h, x: ((h + x).tanh(), rl.linalg.qr(h)[1]), False),
    "16-bit floats": (lambda h, x: ((h + x).tanh(), (h.half() @ h.T.half()).float()), True),
    "detach": (lambda h, x: ((h.detach() * x + h).tanh(), h), False),
    "no_grad": (lambda h, x: ((h + x).tanh() / bounded(h), h), False),
    "an own derivative": (lambda h, x: (Twice.apply(h + x).tanh(), h), False),
}
"""Cells, and whether a native loop runs them; else they run round by round."""


def within(h: Any, x: Any) -> Any:
    last, rest = scan(lambda k, z: ((k * z + h.sum(1)).tanh(), k), x[:, 0], weight(x).T)
    return (h + last[:, None] * 0.1 + rest.T * 0.1).tanh()


def bounded(h: Any) -> Any:
    with rl.no_grad():
        return h.abs().amax() + 1


class Twice(rl.autograd.Function):
    """2 x, with a derivative of 3: nobody shall take it for that of 2 x."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3


@pytest.mark.parametrize("mode", ["full", "nofuse", "interpret"])
@pytest.mark.parametrize("name", CELLS)
def test_cells(name: str, mode: str) -> None:
    step, native = CELLS[name]
    rl.manual_seed(0)
    tensors = [rl.randn(4, 3).requires_grad_(), rl.randn(5, 4, 3).requires_grad_()]

    def function(h: Any, x: Any) -> Any:
        last, y = scan(step, h, x)
        found = rl.autograd.grad((last**2).sum() + (y**3).sum(), [h, x, WEIGHTS], allow_unused=True)
        return [last.detach(), y.detach(), *[g for g in found if g is not None]]

    expected, compiled = function(*tensors), compile(function, mode=mode)
    for _ in range(2):
        same(compiled(*tensors), expected, 5e-5)
    if mode != "interpret":
        assert ("loop of" in compiled.stages()["kernels"]) == native


SLICES: dict[str, Callable[[Any], Any]] = {
    "reversed": lambda x: x.flip(0),
    "turned": lambda x: x.permute(2, 1, 0)[:, :, :3],
    "the same again": lambda x: x[0].expand(5, 4, 3),
    "beyond the ends": lambda x: F.pad(x[:, :, :1], (1, 1)),
    "a number": lambda x: rl.ones(5, 4, 3),
    "every second": lambda x: rl.cat([x, x])[::2],
}


@pytest.mark.parametrize("name", SLICES)
def test_slices_are_read_where_they_are(name: str) -> None:
    rl.manual_seed(0)
    x = rl.randn(5, 4, 3)

    def function(x: Any) -> Any:
        return scan(lambda h, part: (h * 0.5 + part, h + part), rl.zeros(4, 3), SLICES[name](x))

    compiled = compile(function)
    for _ in range(2):
        same(compiled(x), function(x), 1e-6)


def test_derivatives_of_other_kinds_and_of_many_examples() -> None:
    """`vmap` goes through the rounds one by one, also of the derivative of a loop outside of it."""
    x = given(5)[1][0].detach()

    def function(h: Any) -> Any:
        return (scan(lambda h, x: ((h * x).tanh(), h * x), h, x)[1] ** 2).sum()

    h = x[0] * 0.5
    for transform in (rl.func.hessian, rl.func.jacrev, lambda f: lambda h: rl.func.jvp(f, (h,), (h,))[1]):
        transformed = transform(function)
        same([compile(transformed)(h)], [transformed(h)], 1e-10)


def test_what_the_derivative_does_not_read_may_be_written_afterwards() -> None:
    @compile
    def function(h: Any, x: Any) -> Any:
        bias = h * 1.0
        last, _ = scan(lambda h, x: (h + x + bias, h), h * 2.0, x)
        bias.mul_(3.0)
        return rl.autograd.grad(last.sum(), [h, x])

    found = function(rl.ones(2, requires_grad=True), rl.ones(3, 2, requires_grad=True))
    assert [g.flatten().tolist() for g in found] == [[5.0, 5.0], [1.0] * 6]


def test_what_happens_besides_happens_in_every_round() -> None:
    total = rl.zeros(2)

    def step(h: Any, x: Any) -> Any:
        total.add_(x)
        return h + rl.rand(2), h

    compiled = compile(lambda x: scan(step, rl.zeros(2), x))
    for function in (compiled, compiled, lambda x: scan(step, rl.zeros(2), x)):
        rl.manual_seed(0)
        total.zero_()
        last, _ = function(rl.ones(3, 2))
        assert total.tolist() == [3.0, 3.0]
        rl.manual_seed(0)
        same([last], [rl.rand(2) + rl.rand(2) + rl.rand(2)], 1e-6)


def training(kind: str, **options: Any) -> tuple[Any, Any]:
    """(step, parameters): a training step of a recurrent net."""
    rl.manual_seed(0)
    net, out = getattr(nn, kind)(3, 5, **options), nn.Linear(10 if options.get("bidirectional") else 5, 1)
    parameters = [*net.parameters(), *out.parameters()]
    optimizer = rl.optim.Adam(parameters, 0.01)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        found, states = net(x)
        states = states if isinstance(states, tuple) else (states,)
        loss = F.mse_loss(out(found), y) + sum((s**2).mean() for s in states)
        loss.backward()
        optimizer.step()
        return loss

    return step, parameters


LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("LSTM", {}), ("GRU", {}), ("RNN", {}), ("RNN", {"nonlinearity": "relu"}),
    ("LSTM", {"num_layers": 2, "bidirectional": True}), ("GRU", {"bidirectional": True, "batch_first": True}),
    ("GRU", {"bias": False}), ("LSTM", {"num_layers": 2, "dropout": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), LAYERS)
@pytest.mark.parametrize("length", [1, 2, 7])
def test_training_a_recurrent_net(kind: str, options: dict[str, Any], length: int) -> None:
    shape = (4, length) if options.get("batch_first") else (length, 4)
    runs = []
    for way in ("eager", "single", "scan"):
        step, parameters = training(kind, **options)
        x, y = rl.randn(3, *shape, 3), rl.randn(3, *shape, 1)
        if way == "scan":
            losses = [*compile(step).scan(x, y)]
        else:
            run = compile(step) if way == "single" else step
            losses = [run(a, b) for a, b in zip(x, y, strict=True)]
        runs.append([*[loss.detach() for loss in losses], *[p.detach() for p in parameters]])
    same(runs[1], runs[0], 2e-5)
    for a, b in zip(runs[1], runs[2], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_projected_lstm_and_packed_sequences() -> None:
    for net in (nn.LSTM(3, 5, proj_size=2, bidirectional=True), nn.GRU(3, 4)):

        def function(x: Any, net: Any = net) -> Any:
            packed = nn.utils.rnn.pack_padded_sequence(x, rl.tensor([5, 3]), enforce_sorted=True)
            whole, short = net(x)[0], net(packed)[0].data
            return [whole, *rl.autograd.grad((whole**2).sum() + (short**3).sum(), [*net.parameters()])]

        x = rl.randn(5, 2, 3)
        same(compile(function)(x), function(x), 2e-5)


def test_code_does_not_grow_with_the_number_of_rounds() -> None:
    texts = []
    for length in (16, 256):
        step, _ = training("LSTM")
        compiled = compile(step)
        compiled(rl.ones(length, 2, 3), rl.ones(length, 2, 1))
        stages = compiled.stages()
        texts.append(
            [stages["graph"].count("\n"), stages["kernels"].count("\n"), stages["llvm"].count("define")]
        )
    assert texts[0] == texts[1]


def test_parts_and_threads_leave_the_bits_alone() -> None:
    before, found = threads.get_num_threads(), []
    try:
        for n in (1, 2):
            threads.set_num_threads(n)
            rl.manual_seed(0)
            net, x = nn.LSTM(64, 256), rl.randn(3, 64, 64)
            compiled = compile(lambda x, net=net: rl.autograd.grad(net(x)[0].sum(), [*net.parameters()]))
            compiled(x)
            found.append([g.numpy() for g in compiled(x)])
            assert re.search(r"k\d+\.\d+: product .* [24] parts", compiled.stages()["kernels"])
    finally:
        threads.set_num_threads(before)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_the_same_in_every_round_is_computed_once() -> None:
    def step(h: Any, x: Any) -> Any:
        pair = rl.cat([WEIGHTS.float().exp(), rl.ones(1, 3)])  # of numbers and of a weight
        return (h @ pair[:3] * 0.1 + x).tanh(), pair.T.sort(1)[0]  # a sort within short rows is native

    def function(x: Any) -> Any:
        with rl.no_grad():
            return scan(step, rl.zeros(4, 3), x)

    compiled, x = compile(function), rl.linspace(0, 1, 60).reshape(5, 4, 3)
    same(compiled(x), function(x), 1e-6)
    lines = compiled.stages()["kernels"].splitlines()
    for name in (" exp(", " cat(", "argsort("):
        assert any(name in line for line in lines)
        assert not any(name in line for line in lines if line.startswith(8 * " "))


def test_explain_says_how_often_kernels_run() -> None:
    compiled = compile(lambda x: scan(lambda h, x: (weight(h + x).tanh(), h), rl.zeros(4, 3), x))
    compiled(rl.ones(6, 4, 3))
    rows = [row for row in compiled.explain().kernels if row.times > 1]
    assert rows
    assert all(row.times == 6 for row in rows)
    assert " x 6" in str(compiled.explain())
    assert sum(row.flops for row in rows) >= 6 * 2 * 4 * 3 * 3


def test_a_large_program_is_looked_at_as_a_whole_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WATCHED", 0)
    step, parameters = training("LSTM")
    twin, others = training("LSTM")
    compiled, x, y = compile(step), rl.randn(5, 4, 3), rl.randn(5, 4, 1)
    for _ in range(2):
        same([compiled(x, y)], [twin(x, y)], 1e-5)
    same(parameters, others, 1e-5)
    assert "kernel by kernel" in compiled.explain().proof


def test_a_wrong_loop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rounds read the slices in the wrong order."""
    rows = rounds._Planner._rows
    monkeypatch.setattr(
        rounds._Planner, "_rows", lambda self, stack, first, step: rows(self, stack, 0, 0 * step)
    )
    monkeypatch.setattr(blame, "_reproducer", lambda *a: "nothing")
    compiled = compile(lambda x: scan(lambda h, x: (h * 2 + x, h), rl.zeros(3), x)[0])
    x = rl.arange(12.0).reshape(4, 3)
    with pytest.warns(UserWarning, match="loop kernel loop"):
        found = compiled(x)
    same([found], [scan(lambda h, x: (h * 2 + x, h), rl.zeros(3), x)[0]], 1e-6)


def test_unrolled_is_the_same_and_a_loop_goes_to_disk_and_back(tmp_path: Any) -> None:
    tensors = given(4)
    traced = trace(lambda *t: first(True, *t), tensors)
    arrays = [t.array for t in traced.lifted]
    expected = interpret(traced.graph, arrays)[0]
    plain = unrolled(traced.graph)
    assert any(map(is_loop, traced.graph.nodes))
    assert not any(map(is_loop, plain.nodes))
    for a, b in zip(interpret(plain, arrays)[0], expected, strict=True):
        np.testing.assert_array_equal(a, b)
    save(str(tmp_path), traced.graph, arrays, "full")
    loaded, kept, _ = load(str(tmp_path))
    assert structure(loaded) == structure(traced.graph)
    for a, b in zip(interpret(loaded, kept)[0], expected, strict=True):
        np.testing.assert_array_equal(a, b)
    command = [sys.executable, "-m", "rushlight.compile.proof.replay", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert "agrees with the interpreter" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: scan(lambda h, x: (h, x), rl.ones(1), []), "ArgumentError", "without a tensor"),
        (lambda: scan(lambda h, x: (h, x), rl.ones(1), rl.ones(0, 2)), "ShapeError", "1 or more"),
        (
            lambda: scan(lambda h, x: (h, x[0]), rl.ones(1), [rl.ones(2), rl.ones(3)]),
            "ShapeError",
            "one length",
        ),
        (lambda: scan(lambda h, x: (h + x, x), rl.ones(1), rl.ones(2, 3)), "ShapeError", "as before"),
        (lambda: scan(lambda h, x: (h.long(), x), rl.ones(1), rl.ones(2, 1)), "ShapeError", "int64"),
        (lambda: scan(lambda h, x: h, rl.ones(1), rl.ones(2, 1)), "ArgumentError", "a pair"),
        (lambda: scan(lambda h, x: (h, 1.0), rl.ones(1), rl.ones(2, 1)), "DTypeError", "tensors"),
        (lambda: scan(lambda h, x: (h, x), 1.0, rl.ones(2, 1)), "DTypeError", "tensors"),
        (lambda: scan(lambda h, x: (h, x), rl.ones(1), rl.ones(2, 1), dim=2), "IndexingError", "dim"),
    ],
)
def test_what_does_not_fit(call: Any, error: str, text: str) -> None:
    for run in (call, compile(call)):
        with pytest.raises(getattr(rl.errors, error), match=text):
            run()


def test_a_body_that_does_not_fit_is_refused() -> None:
    traced = trace(lambda *t: values(False, *t), given(3))
    node = next(filter(is_loop, traced.graph.nodes))
    with pytest.raises(rl.errors.ShapeError, match="loop"):
        node.op.infer(*[v.spec for v in node.inputs], **{**node.attrs, "count": 4})
