"""scan: structures of carries and outputs, eager and compiled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import rushlight as rl
from rushlight.func import scan


class Two(NamedTuple):
    a: Any
    b: Any


def both(function: Callable[[], Any]) -> list[Callable[[], Any]]:
    pytest.importorskip("llvmlite")
    return [function, rl.compile(function)]


def test_keys_in_another_order() -> None:
    def step(c: Any, v: Any) -> Any:
        return {"b": c["b"] * 2, "a": {"y": c["a"]["y"] + 10, "x": c["a"]["x"] + v}}, {"q": v, "p": c["b"]}

    init = {"a": {"x": rl.zeros(2), "y": rl.zeros(2)}, "b": rl.ones(2)}
    for run in both(lambda: scan(step, init, rl.ones(3, 2))):
        last, y = run()
        assert list(last) == ["a", "b"]
        assert last["a"]["x"].tolist() == [3.0, 3.0]
        assert last["a"]["y"].tolist() == [30.0, 30.0]
        assert last["b"].tolist() == [8.0, 8.0]
        assert y["p"].tolist() == [[1.0] * 2, [2.0] * 2, [4.0] * 2]


def test_outputs_by_key() -> None:
    def function() -> Any:
        rounds: list[int] = []

        def step(c: Any, v: Any) -> Any:
            rounds.append(0)
            found = [("p", v), ("q", c)]
            return c + v, dict(found[:: 1 if len(rounds) % 2 else -1])

        return scan(step, rl.zeros(2), rl.ones(3, 2))

    for run in both(function):
        _, y = run()
        assert y["p"].tolist() == [[1.0, 1.0]] * 3
        assert y["q"].tolist() == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]


h = rl.ones(2)
STRUCTURES: list[tuple[Any, Callable[[Any, Any], Any], str]] = [
    ({"a": h, "b": h}, lambda c, v: ([c["a"], c["b"]], v), r"a carry of \[\*, \*\]; expected {'a': \*, 'b'"),
    ({"a": h, "b": h}, lambda c, v: ((c["a"], c["b"]), v), r"a carry of \(\*, \*\)"),
    ({"a": h, "b": h}, lambda c, v: ({"a": c["a"], "z": c["b"]}, v), "'z'"),
    ({"a": h}, lambda c, v: (OrderedDict(c), v), "OrderedDict"),
    ({"a": h}, lambda c, v: (c["a"], v), r"a carry of \*"),
    ([h, h], lambda c, v: (tuple(c), v), r"expected \[\*, \*\]"),
    ([h, [h]], lambda c, v: ([c[0], c[1][0]], v), r"\[\*, \[\*\]\]"),
    (Two(h, h), lambda c, v: (tuple(c), v), "Two"),
    (h, lambda c, v: ([c], v), r"a carry of \[\*\]; expected \*"),
]


@pytest.mark.parametrize(("init", "step", "text"), STRUCTURES)
def test_another_structure_is_refused(init: Any, step: Any, text: str) -> None:
    for run in both(lambda: scan(step, init, rl.ones(3, 2))):
        with pytest.raises(rl.errors.ArgumentError, match=f"scan: got .*{text}"):
            run()


@pytest.mark.parametrize(
    ("outputs", "error", "text"),
    [
        ([lambda v: v, lambda v: [v]], "ArgumentError", r"an output of \[\*\]; expected \*"),
        ([lambda v: {"a": v}, lambda v: {"b": v}], "ArgumentError", "an output of {'b'"),
        ([lambda v: [v], lambda v: [v, v]], "ArgumentError", r"an output of \[\*, \*\]"),
        ([lambda v: v, lambda v: v[:1]], "ShapeError", r"an output of .*as before"),
    ],
)
def test_outputs_that_vary(outputs: Any, error: str, text: str) -> None:
    def function() -> Any:
        rounds = iter(range(9))
        return scan(lambda c, v: (c, outputs[next(rounds) % 2](v)), rl.zeros(2), rl.ones(3, 2))

    def listed() -> Any:
        rounds: list[int] = []

        def step(c: Any, v: Any) -> Any:
            rounds.append(0)
            return c, outputs[len(rounds) % 2 - 1](v)

        return scan(step, rl.zeros(2), rl.ones(3, 2))

    for run in (*both(function), *both(listed)):
        with pytest.raises(getattr(rl.errors, error), match=f"scan: got {text}"):
            run()


@pytest.mark.parametrize(
    "step",
    [
        lambda c, v, h, x: (c, c),
        lambda c, v, h, x: (v, c),
        lambda c, v, h, x: (h, c),
        lambda c, v, h, x: (c.view(2), c),
        lambda c, v, h, x: (x[0], c),
    ],
)
def test_results_are_tensors_of_their_own(step: Any) -> None:
    def function() -> Any:
        h, x = rl.ones(2), rl.ones(3, 2)
        c, y = scan(lambda c, v: step(c, v, h, x), h, x)
        h.add_(1)
        x.add_(1)
        return c, y

    for run in both(function):
        c, y = run()
        assert c.tolist() == [1.0, 1.0]
        assert y.tolist() == [[1.0, 1.0]] * 3


def test_nothing_to_go_along() -> None:
    for run in both(lambda: scan(lambda c, v: (c, v), rl.ones(2), rl.tensor(1.0))):
        with pytest.raises(rl.errors.ShapeError, match="scan: got xs of shape"):
            run()


def test_a_bad_index_is_the_lookups() -> None:
    table, index = rl.ones(3, 2), rl.tensor([1, 9])

    def function() -> Any:
        return scan(lambda c, v: (c, rl.nn.functional.embedding(v, table)), rl.ones(2), index)

    for run in both(function):
        with pytest.raises(rl.errors.IndexingError, match="(embedding|index): got index 9"):
            run()


MADE: dict[str, Any] = {
    "converted": lambda t: t.float(),
    "computed": lambda t: (t * 1.0).float().abs(),
    "of a view": lambda t: t.view(2, 1).float()[:, 0].contiguous(),
    "of a loop": lambda t: scan(lambda c, v: ((c * v + t.float().sum()).tanh(), c), rl.ones(()), t.float())[
        1
    ],
}


@pytest.mark.parametrize("how", MADE)
@pytest.mark.parametrize("dtype", [rl.uint8, rl.int64, rl.float64])
def test_what_rounds_compute_of_may_be_written_before_backward(dtype: Any, how: str) -> None:
    """Python's rounds keep what they made of it; the loop keeps the values that there were."""

    def function() -> Any:
        x, factor = rl.tensor([2.0, 3.0], requires_grad=True), rl.tensor([2, 5], dtype=dtype)
        last, _ = scan(lambda c, v: ((c * v * MADE[how](factor)), v), x, rl.ones(3, 2))
        factor.add_(1)
        last.sum().backward()
        return x.grad, factor

    found = [run() for run in both(function)]
    assert len({str(gradient.tolist()) for gradient, _ in found}) == 1
    assert all(factor.tolist() == [3, 6] for _, factor in found)
    if how != "of a loop":
        assert found[0][0].tolist() == [8.0, 125.0]


@pytest.mark.parametrize("seen", [lambda t: t, lambda t: t.view(1, 2)[0]], ids=["itself", "a view"])
def test_what_rounds_save_may_not(seen: Any) -> None:
    def function() -> Any:
        x, factor = rl.tensor([2.0, 3.0], requires_grad=True), rl.tensor([2.0, 5.0])
        last, _ = scan(lambda c, v: (c * v * seen(factor), v), x, rl.ones(3, 2))
        factor.add_(1)
        last.sum().backward()

    for run in both(function):
        with pytest.raises(rl.errors.GradError, match="overwritten"):
            run()
