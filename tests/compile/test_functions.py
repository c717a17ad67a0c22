"""Kernels that are alike are one function, whatever their places in a program, and only those."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.write import render
from tests.compile.nets import CASES, build

pytest.importorskip("llvmlite")


def _program(run: Any) -> Any:
    ((entry,),) = run._entries.values()
    return entry.program


def test_equal_blocks_are_one_function() -> None:
    def functions(blocks: int) -> set[str]:
        weights = [rl.rand(8, 8) for _ in range(blocks)]

        def chain(x: rl.Tensor) -> rl.Tensor:
            for weight in weights:
                x = (x @ weight).relu()
            return x

        run = compile(chain)
        run(rl.rand(4, 8))
        assert len(_program(run).module.calls) == blocks
        return set(_program(run).module.functions)

    assert functions(20) == functions(1)


def test_slices_are_read_by_one_function() -> None:
    x = rl.rand(6, 50)
    run = compile(lambda x: [x[i].exp() for i in range(6)])
    for row, found in zip(x.exp(), run(x), strict=True):
        np.testing.assert_allclose(found.numpy(), row.numpy(), rtol=1e-6)
    assert len(_program(run).module.functions) == 1


def test_how_far_apart_two_slices_lie_counts() -> None:
    x = rl.rand(6, 50)
    run = compile(lambda x: (x[0] + x[1], x[2] + x[3], x[2] + x[4]))
    found = run(x)
    for (a, b), sums in zip(((0, 1), (2, 3), (2, 4)), found, strict=True):
        np.testing.assert_array_equal(sums.numpy(), (x[a] + x[b]).numpy())
    assert len(_program(run).module.functions) == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x * 0.0, x * -0.0),
        lambda x: (x + 1, x + 1.5),
        lambda x: (x.sum(0), x.sum(1)),
        lambda x: (x.exp(), x.log()),
        lambda x: (x + x, x + x.flip(0)),
        lambda x: (x.clamp(min=0.2), x.clamp(max=0.2)),
    ],
)
def test_what_differs_is_another_function(function: Any) -> None:
    x = rl.rand(9, 9)
    run = compile(function)
    for found, expected in zip(run(x), function(x), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)
        np.testing.assert_array_equal(np.signbit(found.numpy()), np.signbit(expected.numpy()))
    assert len(_program(run).module.functions) == 2


def test_each_check_keeps_its_number() -> None:
    table = rl.rand(5)
    run = compile(lambda a, b: table[a] + table[b])
    good, bad = rl.tensor([0, 1]), rl.tensor([0, 7])
    run(good, good)
    module = _program(run).module
    assert len(module.checks) == 2
    assert len({module.calls[i].name for i in module.checks}) == 1
    for given in ((good, bad), (bad, good)):
        with pytest.raises(IndexError, match="7"):
            run(*given)


class _Unlike:
    """The fingerprint of a kernel of which nothing can be said."""

    key, buffers = None, ()

    def __init__(self, *_: Any) -> None: ...


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_written_again_would_be_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, step = build(CASES[name])
    run = compile(step)
    run(*CASES[name].batch())
    program = _program(run)
    monkeypatch.setattr(render, "Fingerprint", _Unlike)
    again = render.render(program.plan, program.memory)
    assert again.functions == program.module.functions
    assert again.calls == program.module.calls
    assert again.step == program.module.step


def test_one_hot_of_so_many_classes_compiles() -> None:
    f = rl.compile(lambda y: rl.nn.functional.one_hot(y, 3).float())
    for y in (rl.tensor([0, 2]), rl.tensor([[1], [0]])):
        assert f(y).equal(rl.nn.functional.one_hot(y, 3).float())
    for wrong in (3, -1):
        with pytest.raises(rl.errors.IndexingError, match=f"index {wrong}"):
            f(rl.tensor([0, wrong]))
    with pytest.raises(rl.errors.NotSupportedError, match=r"one_hot.*Pass num_classes"):
        rl.compile(lambda y: rl.nn.functional.one_hot(y))(rl.tensor([0, 1]))
