"""What is refused names the line, and whatever fails leaves all as it was."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile import pipeline
from rushlight.compile.capture.trace import TraceError, trace
from rushlight.compile.function import compile
from rushlight.core.state import state
from tests.compile.steps import assert_same, batch, entries, make, weights

F = nn.functional
pytest.importorskip("llvmlite")


def test_a_function_that_keeps_a_tensor_runs_as_python() -> None:
    """With a warning that says which, where it was made, and where it is kept."""
    kept: list[Any] = []

    def keep(x: rl.Tensor) -> rl.Tensor:
        y = x * 2
        kept.append(y)
        return y

    compiled = compile(keep)
    for k in range(2):
        compiled(rl.full((2,), float(k)))
    with pytest.warns(UserWarning, match=r"keeps a tensor.*test_failures\.py.*in kept"):
        compiled(rl.full((2,), 2.0))
    compiled(rl.full((2,), 3.0))
    assert [t.tolist() for t in kept] == [[2.0 * k] * 2 for k in range(4)]
    assert state.tracing is False
    with pytest.raises(TraceError, match=r"keeps a tensor.*kept\.copy_"):
        trace(keep, [rl.ones(2)])


@pytest.mark.parametrize("store", [lambda kept, y: kept.append(y), lambda kept, y: kept.append(y.detach())])
def test_a_forward_hook_that_stores_an_activation(store: Any) -> None:
    """It runs as Python, and the warning says what to do, which works."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    kept: list[Any] = []
    handle = model[0].register_forward_hook(lambda module, args, output: store(kept, output))
    compiled = compile(model)
    with rl.no_grad():
        compiled(rl.ones(1, 2)), compiled(rl.ones(1, 2))
    with rl.no_grad(), pytest.warns(UserWarning, match=r"forward hook.*kept\.copy_\(output\.detach\(\)\)"):
        compiled(rl.ones(1, 2))
    assert len(kept) == 3
    handle.remove()
    activation = rl.zeros(1, 3)

    def hook(module: Any, args: Any, output: rl.Tensor) -> None:
        activation.copy_(output.detach())

    model[0].register_forward_hook(hook)
    with rl.no_grad():
        found = compile(model)(rl.ones(1, 2))
    assert rl.equal(found, activation.relu())


def test_lengths_that_decide_shapes() -> None:
    from rushlight.nn.utils.rnn import pack_padded_sequence, unpad_sequence

    x, lengths = rl.rand(3, 2, 1), rl.tensor([3, 2])
    functions: dict[str, Any] = {
        "pack_padded_sequence": lambda x, n: pack_padded_sequence(x, n).data,
        "unpad_sequence": lambda x, n: unpad_sequence(x, n),
        "ctc_loss": lambda x, n: nn.functional.ctc_loss(
            x.expand(3, 2, 2), rl.ones(2, 1, dtype=rl.int64), n, [1, 1]
        ),
    }
    for name, function in functions.items():
        with pytest.raises(TraceError, match=rf"{name}: got lengths.*tolist"):
            compile(function)(x, lengths)
    packed = compile(functions["pack_padded_sequence"])(x, lengths.tolist())
    assert packed.shape == (5, 1)


def test_an_attribute_that_each_call_sets_anew() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            self.mean = rl.zeros(2)

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            self.mean = 0.9 * self.mean + 0.1 * x
            return x - self.mean

    module, plain = Mean(), Mean()
    compiled = compile(module)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(4):
            assert compiled(rl.ones(2)).tolist() == plain(rl.ones(2)).tolist()
            assert module.mean.tolist() == plain.mean.tolist()
    assert len(told) == 1
    assert "in Mean.mean" in str(told[0].message)


def test_an_optimiser_that_makes_its_state_in_update() -> None:
    class Lazy(rl.optim.Optimizer):
        def update(self, param: Any, grad: Any, state: Any, group: Any) -> Any:
            if "seen" not in state:
                state["seen"] = rl.zeros_like(param)
            state["seen"].add_(grad)
            return group["lr"] * state["seen"]

    model, _, step = make(lambda p: Lazy(p, {"lr": 0.1}))
    twin, _, plain = make(lambda p: Lazy(p, {"lr": 0.1}))
    compiled = compile(step)
    for _ in range(4):
        compiled(*batch())
        plain(*batch())
    assert_same(weights(model), weights(twin))
    assert entries(compiled) == 1


class Counting(rl.optim.Optimizer):
    """Adam, as one writes it for PyTorch: its first step makes the state, and a Python number counts."""

    def __init__(self, params: Any, lr: float = 0.01) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["step"] = 0
                    state["mean"], state["square"] = rl.zeros_like(p), rl.zeros_like(p)
                state["step"] += 1
                with rl.no_grad():
                    state["mean"].mul_(0.9).add_(p.grad, alpha=0.1)
                    state["square"].mul_(0.99).addcmul_(p.grad, p.grad, value=0.01)
                    first, second = 1 - 0.9 ** state["step"], 1 - 0.99 ** state["step"]
                    root = (state["square"] / second).sqrt().add_(1e-8)
                    p.addcdiv_(state["mean"] / first, root, value=-group["lr"])


class Decaying(rl.optim.Optimizer):
    """A rule that counts its steps by itself."""

    def update(self, param: Any, grad: Any, state: Any, group: Any) -> Any:
        state["steps"] = state.get("steps", 0) + 1
        return group["lr"] * grad / state["steps"]


@pytest.mark.parametrize("kind", [Counting, lambda p: Decaying(p, {"lr": 0.1})])
def test_optimisers_as_they_are_written_for_pytorch(kind: Any) -> None:
    (model, first, step), (twin, second, plain) = make(kind), make(kind)
    compiled = compile(step)
    for _ in range(5):
        compiled(*batch())
        plain(*batch())
        for optimizer, net in ((first, model), (second, twin)):
            assert all(isinstance(optimizer.state[p], dict) for p in net.parameters())
        counts = [[s.get("step", s.get("steps")) for s in o.state.values()] for o in (first, second)]
        assert counts[0] == counts[1]
    assert_same(weights(model), weights(twin))
    assert entries(compiled) == 1


def test_a_failure_leaves_everything_as_it_was() -> None:
    model, optimizer, _ = make(lambda p: rl.optim.Adam(p, 0.1))
    calls: list[int] = []
    x, y = batch()
    F.mse_loss(model(x), y).backward()
    grads = [p.grad for p in model.parameters()]
    before = weights(model)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        calls.append(1)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss if loss.item() > 0 else -loss

    with pytest.raises(TraceError, match=r"item.*test_failures\.py:\d+ in step"):
        compile(step)(x, y)
    assert calls == []
    assert all(p.grad is g for p, g in zip(model.parameters(), grads, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(weights(model), before, strict=True))
    assert (state.run, state.write, state.tracing) == (None, None, False)


def test_a_failure_while_running_leaves_everything_as_it_was() -> None:
    total = rl.zeros(3)

    def pick(x: rl.Tensor, i: rl.Tensor) -> rl.Tensor:
        total.add_(x)
        return x[i] + total[0]

    compiled = compile(pick)
    compiled(rl.ones(3), rl.tensor([0, 1]))
    for _ in range(2):
        with pytest.raises(IndexError):
            compiled(rl.ones(3), rl.tensor([0, 7]))
        assert total.tolist() == [1.0] * 3
    assert compiled(rl.ones(3), rl.tensor([0, 1])).tolist() == [3.0, 3.0]
    fresh = compile(pick)
    with pytest.raises(IndexError):
        fresh(rl.ones(3), rl.tensor([0, 7]))
    assert total.tolist() == [2.0] * 3


def test_branching_on_numbers_names_the_line() -> None:
    def branch(x: rl.Tensor) -> rl.Tensor:
        return x if x.sum() > 0 else -x

    with pytest.raises(TraceError, match=r"test_failures\.py:\d+ in branch.*rl\.where"):
        compile(branch)(rl.ones(2))
    for look in (float, int, bool, list, lambda t: t.tolist(), lambda t: t.numpy(), np.asarray):
        with pytest.raises(TraceError, match=r"test_failures\.py"):
            compile(lambda x, look=look: look(x.sum() if look is not list else x[0].item()))(rl.ones(2))


LOOKS = {
    "float": lambda loss: float(loss),
    "int": lambda loss: int(loss),
    "item": lambda loss: loss.item(),
    "bool": lambda loss: bool(loss),
    "if": lambda loss: 1 if loss else 2,
    "not": lambda loss: not loss,
    "and": lambda loss: loss > 0 and loss < 3,
    "all": lambda loss: all(row > 0 for row in loss.reshape(1, 1)),
    "numpy": lambda loss: loss.detach().numpy(),
    "asarray": lambda loss: np.asarray(loss.detach()),
    "tolist": lambda loss: loss.tolist(),
    "range": lambda loss: range(loss.long()),
    "index": lambda loss: [10, 20][loss.long()],
    "format": lambda loss: f"{loss:.3f}",
    "assert": lambda loss: rl.equal(loss, loss),
    "in": lambda loss: 3 in loss.reshape(1),
    "mask": lambda loss: loss.reshape(1)[loss.reshape(1) > 0],
    "nonzero": lambda loss: loss.nonzero(),
    "max": lambda loss: max(loss, loss + 1),
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_needs_numbers_names_the_users_line(name: str) -> None:
    """And leaves parameters, gradients and the optimiser's state alone."""
    model, optimizer, step = make(lambda p: rl.optim.Adam(p, 0.1))
    step(*batch())
    before, saved = weights(model), copy.deepcopy(optimizer.state_dict()["state"])
    grads = [p.grad for p in model.parameters()]
    look = LOOKS[name]

    def looking(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        loss = step(x, y)
        look(loss)
        return loss

    line = look.__code__.co_firstlineno
    for mode in ("full", "interpret"):
        with pytest.raises(TraceError, match=rf"test_failures\.py:{line} in <(lambda|genexpr)>"):
            compile(looking, mode=mode)(*batch())
    assert all(np.array_equal(a, b) for a, b in zip(weights(model), before, strict=True))
    assert all(p.grad is g for p, g in zip(model.parameters(), grads, strict=True))
    for number, held in optimizer.state_dict()["state"].items():
        assert {k: v.tolist() for k, v in held.items()} == {k: v.tolist() for k, v in saved[number].items()}


def test_what_follows_from_the_shape_is_known() -> None:
    def shapes(x: rl.Tensor) -> Any:
        rows = [row * len(x) for row in x]
        return sum(rows[1:], rows[0]), x.numel(), x.shape[0] if x.ndim else 0, max(x.shape), list(x[0])[-1]

    found = compile(shapes)(rl.arange(6.0).reshape(3, 2))
    assert found[0].tolist() == [18.0, 27.0]
    assert (found[1], found[2], found[3], found[4].item()) == (6, 3, 3, 1.0)


def test_an_error_of_the_function_itself_changes_nothing() -> None:
    model, _, step = make()
    before = weights(model)

    def failing(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        step(x, y)
        raise KeyError("mine")

    compiled = compile(failing)
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            compiled(*batch())
    assert all(np.array_equal(a, b) for a, b in zip(weights(model), before, strict=True))
    assert all(p.grad is None for p in model.parameters())
    assert (state.run, state.write, state.tracing) == (None, None, False)


def test_a_step_that_llvm_refuses_runs_on_numpy(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model, _, step = make()
    twin, _, plain = make()
    monkeypatch.setattr(pipeline.jit, "build", lambda *args: 1 / 0)
    compiled = compile(step)
    with pytest.warns(UserWarning, match="could not be compiled.*NumPy.*replay"):
        compiled(*batch())
    plain(*batch())
    np.testing.assert_allclose(compiled(*batch()).item(), plain(*batch()).item(), rtol=1e-5)
    assert_same(weights(model), weights(twin))


@pytest.mark.parametrize("mode", ["full", "interpret"])
@pytest.mark.parametrize("bad", [-1, 3, 2**40])
def test_a_class_out_of_range_is_an_error_as_it_is_eagerly(bad: int, mode: str) -> None:
    rl.manual_seed(0)
    model = nn.Linear(2, 3)
    optimizer = rl.optim.SGD(model.parameters(), 0.1, momentum=0.9)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = compile(step, mode=mode)
    x = rl.rand(4, 2)
    compiled(x, rl.tensor([0, 1, 2, -100]))
    before = weights(model)
    for function in (compiled, step):
        with pytest.raises(IndexError, match=f"{bad}|{bad - 3}"):
            function(x, rl.tensor([0, bad, 2, 1]))
        assert all(np.array_equal(a, b) for a, b in zip(weights(model), before, strict=True))


def _gathering(total: rl.Tensor) -> Any:
    def pick(x: rl.Tensor, i: rl.Tensor) -> rl.Tensor:
        total.add_(x)
        return x[i] + total[0] + rl.rand(2)

    return compile(pick)


@pytest.mark.parametrize("bad", range(5))
@pytest.mark.parametrize("proved", [False, True])
def test_a_scan_that_fails_at_some_step_takes_all_back(bad: int, proved: bool) -> None:
    total = rl.zeros(3)
    compiled = _gathering(total)
    if proved:
        compiled(rl.ones(3), rl.tensor([0, 1]))
    start = total.tolist()
    rows = rl.zeros(5, 2).long()
    rows[bad, 1] = 7
    rl.manual_seed(3)
    with pytest.raises(IndexError, match="7"):
        compiled.scan(rl.ones(5, 3), rows)
    assert total.tolist() == start
    drawn = rl.rand(4).tolist()
    rl.manual_seed(3)
    assert drawn == rl.rand(4).tolist()
    found = compiled.scan(rl.ones(5, 3), rl.zeros(5, 2).long())
    assert found.shape == (5, 2)
    assert total.tolist() == [s + 5 for s in start]


def test_anomalies_are_found_in_compiled_functions() -> None:
    compiled = rl.compile(lambda x: (x.log() * 0.0).sum())
    compiled(rl.ones(2))
    with rl.detect_anomaly(), pytest.raises(rl.errors.AnomalyError, match="log"):
        compiled(rl.zeros(2))


def test_a_graph_that_cannot_be_compiled_runs_on_numpy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(pipeline, "render", lambda *args: 1 / 0)
    compiled = rl.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match="could not be compiled.*ZeroDivisionError"):
        assert compiled(rl.ones(2)).tolist() == [2.0, 2.0]
    assert compiled(rl.ones(2)).tolist() == [2.0, 2.0]


def test_what_a_function_catches_is_refused_all_the_same() -> None:
    """In Python nothing would have been raised."""

    def number(x: Any) -> Any:
        try:
            return float(x.sum())
        except Exception:
            return None

    def positive(x: Any) -> Any:
        try:
            return x * (2 if x.sum() > 0 else 1)
        except Exception:
            return x

    def logged(x: Any) -> Any:
        number(x)
        return x * 2

    def mapped(x: Any) -> Any:
        try:
            return rl.func.vmap(lambda row: row * row.sum().item())(x)
        except Exception:
            return x

    for function in (positive, logged, mapped, lambda x: rl.func.vmap(positive)(x)):
        with pytest.raises(TraceError, match="inside a compiled function"):
            compile(function)(rl.ones(2, 2))


def test_what_eager_code_raises_may_be_caught() -> None:
    def either(x: Any, y: Any) -> Any:
        try:
            return x @ y
        except RuntimeError:
            return x + y

    compiled = compile(either)
    for x, y in ((rl.ones(2, 2), rl.ones(2, 2)), (rl.ones(3, 2), rl.ones(3, 2))):
        assert compiled(x, y).tolist() == either(x, y).tolist()
