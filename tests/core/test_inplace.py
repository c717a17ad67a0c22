"""In-place updates: what is refused, what is recorded, and that no backward reads overwritten values."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rushlight as rl
from rushlight.errors import DTypeError, GradError, ShapeError

OVERWRITTEN = "overwritten since"


def leaf(*values: float) -> rl.Tensor:
    return rl.tensor(list(values), requires_grad=True)


def test_a_leaf_that_requires_grad_is_refused() -> None:
    x = leaf(1.0, 2.0)
    for write in (
        lambda: x.add_(1.0),
        lambda: x.zero_(),
        lambda: x.copy_(rl.ones(2)),
        lambda: x.__setitem__(0, 3.0),
        lambda: x.normal_(),
        lambda: x[0].zero_(),
    ):
        with pytest.raises(GradError, match="no_grad"):
            write()
    assert x.tolist() == [1.0, 2.0]


def test_an_optimiser_step_under_no_grad() -> None:
    w = leaf(1.0, 2.0)
    for _ in range(3):
        (w * w).sum().backward()
        assert w.grad is not None
        with rl.no_grad():
            w.sub_(w.grad, alpha=0.25)
            w -= 0.0 * w
        w.grad = None
    assert w.tolist() == [0.125, 0.25]
    assert w.is_leaf
    assert w.requires_grad


WRITES: dict[str, Callable[[rl.Tensor], object]] = {
    "itself": lambda t: t.mul_(3.0),
    "detach": lambda t: t.detach().mul_(3.0),
    "data": lambda t: t.data.mul_(3.0),
    "a view": lambda t: t.view(-1).mul_(3.0),
    "a part": lambda t: t[0].zero_(),
    "a view of a view of detach": lambda t: t.detach()[:1].reshape(1).fill_(3.0),
    "an index": lambda t: t.__setitem__(0, 9.0),
    "index tensors": lambda t: t.__setitem__(rl.tensor([0]), 9.0),
    "a mask": lambda t: t.masked_fill_(t > 0.0, 0.0),
    "copy_": lambda t: t.copy_(rl.ones(2)),
    "new data": lambda t: setattr(t, "data", rl.ones(2)),
    "iteration": lambda t: [part.zero_() for part in t],
}


@pytest.mark.parametrize("how", WRITES)
def test_overwriting_a_saved_input_is_found(how: str) -> None:
    x = leaf(1.0, 2.0)
    h = x * 1.0
    y = h.log().sum()
    with rl.no_grad():
        WRITES[how](h)
    with pytest.raises(GradError, match=rf"log saved and that was {OVERWRITTEN}"):
        y.backward()


@pytest.mark.parametrize("how", [w for w in WRITES if w != "new data"])
def test_overwriting_a_saved_result_is_found(how: str) -> None:
    x = leaf(1.0, 2.0)
    h = x.exp()
    y = (h + 1.0).sum()
    with rl.no_grad():
        WRITES[how](h)
    with pytest.raises(GradError, match=rf"exp saved and that was {OVERWRITTEN}"):
        y.backward()


def test_overwriting_through_a_view_of_the_saved_is_found() -> None:
    x = leaf(1.0, 2.0)
    base = (x * 1.0).detach()
    y = (x * base[1:]).sum()
    base.add_(1.0)
    with pytest.raises(GradError, match=OVERWRITTEN):
        y.backward()


def test_overwriting_a_leaf_that_was_saved_is_found() -> None:
    w, x = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (w * x).sum()
    with rl.no_grad():
        w.add_(1.0)
    with pytest.raises(GradError, match=OVERWRITTEN):
        y.backward()


def test_overwriting_what_nobody_reads_is_fine() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2.0
    y = (h + 1.0).sum()
    with rl.no_grad():
        h.zero_()
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]
    w, v = rl.ones(2, 2), rl.ones(2, 2, requires_grad=True)
    h = v * 1.0
    y = (h @ w).sum()  # the gradient of h reads w alone
    with rl.no_grad():
        h.zero_()
    y.backward()
    assert v.grad is not None
    assert v.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_a_reshape_that_had_to_copy_is_not_reached_by_writes() -> None:
    x, w = rl.ones(2, 3), leaf(1.0, 2.0)
    flat = x.T.reshape(-1)
    y = (w[0] * flat).sum()
    x.zero_()
    y.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [6.0, 0.0]


def test_writes_before_the_forward_pass_do_not_count() -> None:
    x, c = leaf(1.0, 2.0), rl.ones(2)
    c.mul_(3.0)
    (x * c).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


def test_in_place_results_are_recorded() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1.0
    y.mul_(3.0).add_(x).mul_(2.0)
    y += 1.0
    y.exp_()
    y.sum().backward()
    want = leaf(1.0, 2.0)
    ((want * 1.0 * 3.0 + want) * 2.0 + 1.0).exp().sum().backward()
    assert x.grad is not None
    assert want.grad is not None
    assert x.grad.tolist() == want.grad.tolist()


def test_plain_data_written_with_a_history_joins_the_graph() -> None:
    x, buffer = leaf(1.0, 2.0), rl.zeros(3)
    buffer[1:] = x * 2.0
    buffer[0] = x[0] * 5.0
    buffer.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [7.0, 2.0]


def test_a_second_name_of_plain_data_may_be_written_with_a_history() -> None:
    x, base = leaf(1.0, 2.0), rl.ones(2)
    alias = base.detach()
    alias.mul_(x)
    alias.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]


def test_views_write_through() -> None:
    x = rl.zeros(2, 3)
    x[0].add_(1.0)
    x[:, 1].mul_(5.0)
    x[1, 2].fill_(7.0)
    x.T[0].sub_(1.0)
    x.view(-1)[4:5].zero_()
    first = x[0]
    first += 1.0
    for row in x:
        row.mul_(2.0)
    assert x.tolist() == [[2.0, 12.0, 4.0], [-2.0, 0.0, 14.0]]
    x[0][1] = -1.0
    x[1] += rl.tensor([1.0, 1.0, 1.0])
    assert x.tolist() == [[2.0, -1.0, 4.0], [-1.0, 1.0, 15.0]]


def test_copies_do_not_write_through() -> None:
    x = rl.ones(2, 3)
    for copy in (x.flip(0), x[[0, 1]], x[x > 0], x.clone(), rl.einsum("ij->ji", x), x.repeat(1, 1),
        x.relu(), x + 0,
                 rl.cat([x]), x.to(rl.float64), x.masked_fill(x < 0, 1.0), x.sort().values):  # fmt: skip
        copy.zero_()
    assert x.tolist() == [[1.0] * 3] * 2


def test_shape_and_dtype_of_the_target_stay() -> None:
    x, i = rl.ones(2), rl.ones(2, dtype=rl.int64)
    with pytest.raises((ShapeError, ValueError)):
        x.add_(rl.ones(3, 2))
    with pytest.raises(DTypeError, match="float"):
        i.add_(0.5)
    with pytest.raises(DTypeError, match="float32 into int64"):
        i.mul_(x)
    i[0] = 1.7  # loses its fraction
    x.add_(rl.ones(2, dtype=rl.float64))
    x.add_(i)
    assert x.dtype == rl.float32
    assert x.tolist() == [3.0, 3.0]
    assert i.tolist() == [1, 1]


def test_iadd_returns_the_same_tensor() -> None:
    x = rl.ones(2)
    y = x
    y += 1.0
    y -= 0.5
    y *= 4.0
    y /= 2.0
    y **= 2
    assert x is y
    assert x.tolist() == [9.0, 9.0]


def test_writing_into_itself() -> None:
    x = rl.arange(4).float()
    x[1:] = x[:-1].clone()
    assert x.tolist() == [0.0, 0.0, 1.0, 2.0]
    x.add_(x)
    assert x.tolist() == [0.0, 0.0, 2.0, 4.0]
