"""Bad calls: whoever catches PyTorch's exception catches ours too."""

from __future__ import annotations

import copy
import operator
import re
from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight.errors import RushlightError

torch = pytest.importorskip("torch")


def F(L: Any) -> Any:
    return L.nn.functional


BAD: dict[str, Callable[[Any], Any]] = {
    "add shapes": lambda L: L.ones(2) + L.ones(3),
    "matmul shapes": lambda L: L.ones(2, 3) @ L.ones(2, 3),
    "matmul dtypes": lambda L: L.ones(2, 2) @ L.ones(2, 2, dtype=L.float64),
    "matmul ints floats": lambda L: L.ones(2, 2) @ L.ones(2, 2).long(),
    "matmul 0-d": lambda L: L.tensor(1.0) @ L.ones(2),
    "mm vectors": lambda L: L.mm(L.ones(2), L.ones(2)),
    "mv": lambda L: L.mv(L.ones(2, 2), L.ones(3)),
    "dot": lambda L: L.dot(L.ones(2), L.ones(3)),
    "item of many": lambda L: L.ones(2).item(),
    "bool of many": lambda L: bool(L.ones(2)),
    "if of many": lambda L: 1 if L.ones(2) > 0 else 0,
    "bool of none": lambda L: bool(L.ones(0)),
    "float of many": lambda L: float(L.ones(2)),
    "int of many": lambda L: int(L.ones(2)),
    "len of 0-d": lambda L: len(L.tensor(1.0)),
    "iter of 0-d": lambda L: list(L.tensor(1.0)),
    "index outside": lambda L: L.ones(2)[2],
    "index outside 2": lambda L: L.ones(2)[L.tensor([5])],
    "too many indices": lambda L: L.ones(2)[0, 0],
    "index float": lambda L: L.ones(2)[0.5],
    "index string": lambda L: L.ones(2)["a"],
    "index float tensor": lambda L: L.ones(2)[L.ones(1)],
    "mask shape": lambda L: L.ones(2)[L.tensor([True, False, True])],
    "negative step": lambda L: L.ones(3)[::-1],
    "0-d index": lambda L: L.tensor(1.0)[0],
    "set shape": lambda L: L.zeros(3).__setitem__(slice(None), L.ones(2)),
    "set outside": lambda L: L.zeros(3).__setitem__(5, 1.0),
    "set string": lambda L: L.zeros(3).__setitem__(0, "a"),
    "dim outside sum": lambda L: L.ones(2).sum(3),
    "dim outside max": lambda L: L.ones(2).max(3),
    "dim outside cat": lambda L: L.cat([L.ones(2)], 2),
    "dim outside squeeze": lambda L: L.ones(2).squeeze(3),
    "dim outside softmax": lambda L: L.ones(2).softmax(3),
    "dim twice": lambda L: L.ones(2, 2).sum((0, 0)),
    "reshape": lambda L: L.ones(4).reshape(3),
    "reshape two -1": lambda L: L.ones(4).reshape(-1, -1),
    "view": lambda L: L.ones(4).view(3),
    "view strided": lambda L: L.ones(2, 3).t().view(-1),
    "permute": lambda L: L.ones(2, 3).permute(0, 0),
    "permute few": lambda L: L.ones(2, 3).permute(0),
    "transpose": lambda L: L.ones(2, 3).transpose(0, 5),
    "t 3d": lambda L: L.ones(2, 3, 4).t(),
    "expand": lambda L: L.ones(2).expand(3),
    "expand fewer": lambda L: L.ones(2, 2).expand(2),
    "cat shapes": lambda L: L.cat([L.ones(2, 2), L.ones(3, 3)]),
    "cat none": lambda L: L.cat([]),
    "stack shapes": lambda L: L.stack([L.ones(2), L.ones(3)]),
    "stack none": lambda L: L.stack([]),
    "cat number": lambda L: L.cat(3),
    "stack number": lambda L: L.stack(3),
    "unbind 0-d": lambda L: L.tensor(1.0).unbind(),
    "zeros string": lambda L: L.zeros("a"),
    "zeros strings": lambda L: L.zeros(2, "a"),
    "zeros float": lambda L: L.zeros(1.5),
    "reshape string": lambda L: L.ones(2).reshape("x"),
    "reshape float": lambda L: L.ones(2).reshape(2.0),
    "max_pool1d bool": lambda L: F(L).max_pool1d(L.ones(1, 1, 4) > 0, 2),
    "max_pool2d bool": lambda L: F(L).max_pool2d(L.ones(1, 1, 4, 4) > 0, 2),
    "max_pool3d bool": lambda L: F(L).max_pool3d(L.ones(1, 1, 4, 4, 4) > 0, 2),
    "adaptive_max_pool2d bool": lambda L: F(L).adaptive_max_pool2d(L.ones(1, 1, 4, 4) > 0, 2),
    "gather": lambda L: L.ones(2, 2).gather(0, L.tensor([[5]])),
    "gather dtype": lambda L: L.ones(2, 2).gather(0, L.ones(1, 1)),
    "gather ndim": lambda L: L.ones(2, 2).gather(0, L.tensor([0])),
    "index_select": lambda L: L.ones(2).index_select(0, L.tensor([5])),
    "index_select dtype": lambda L: L.ones(2).index_select(0, L.ones(1)),
    "narrow": lambda L: L.ones(2).narrow(0, 1, 3),
    "masked_fill overflow": lambda L: L.ones(2, dtype=L.uint8).masked_fill(L.tensor([True, False]), 1000),
    "masked_fill mask": lambda L: L.ones(2).masked_fill(L.ones(2), 2.5),
    "where dtype": lambda L: L.where(L.ones(2), L.ones(2), L.ones(2)),
    "tensor of string": lambda L: L.tensor("a"),
    "tensor ragged": lambda L: L.tensor([[1, 2], [3]]),
    "tensor of None": lambda L: L.tensor(None),
    "tensor of dict": lambda L: L.tensor({}),
    "tensor negative uint8": lambda L: L.tensor([300], dtype=L.uint8),
    "zeros negative": lambda L: L.zeros(-1),
    "arange": lambda L: L.arange(0, 5, -1),
    "arange 0": lambda L: L.arange(0, 5, 0),
    "linspace": lambda L: L.linspace(0, 1, -1),
    "eye": lambda L: L.eye(-1),
    "from_numpy list": lambda L: L.from_numpy([1]),
    "numpy requires grad": lambda L: L.ones(1, requires_grad=True).numpy(),
    "requires_grad ints": lambda L: L.ones(1).long().requires_grad_(),
    "requires_grad non-leaf": lambda L: (L.ones(1, requires_grad=True) * 2).requires_grad_(False),
    "backward no grad": lambda L: L.ones(1).backward(),
    "backward of many": lambda L: (L.ones(2, requires_grad=True) * 2).backward(),
    "backward grad shape": lambda L: (L.ones(2, requires_grad=True) * 2).backward(L.ones(3)),
    "leaf in place": lambda L: L.ones(1, requires_grad=True).add_(1),
    "in-place shape": lambda L: L.ones(2).add_(L.ones(3)),
    "in-place larger": lambda L: L.ones(2).add_(L.ones(3, 2)),
    "in-place dtype": lambda L: L.ones(2).long().add_(0.5),
    "in-place div ints": lambda L: L.ones(2).long().div_(2),
    "in-place expand": lambda L: L.ones(1).expand(3).add_(1),
    "in-place expand mul": lambda L: L.ones(2, 1).expand(2, 3).mul_(2.0),
    "copy into expand": lambda L: L.ones(1).expand(3).copy_(L.ones(3)),
    "copy_ shape": lambda L: L.ones(2).copy_(L.ones(3)),
    "index_put expand": lambda L: L.ones(1).expand(3).add_(L.ones(3)),
    "mean ints": lambda L: L.ones(2).long().mean(),
    "max of none": lambda L: L.ones(0).max(),
    "argmax of none": lambda L: L.ones(0).argmax(),
    "bools minus": lambda L: L.tensor([True]) - L.tensor([True]),
    "neg bool": lambda L: -L.tensor([True]),
    "invert floats": lambda L: ~L.ones(2),
    "add string": lambda L: L.ones(2) + "a",
    "add list": lambda L: operator.add(L.ones(2), [1, 2]),
    "add None": lambda L: L.ones(2) + None,
    "lt None": lambda L: L.ones(2) < None,
    "pow ints negative": lambda L: L.tensor([2]) ** -1,
    "div by 0 ints": lambda L: L.tensor([1]) // L.tensor([0]),
    "linear": lambda L: F(L).linear(L.ones(2, 3), L.ones(2, 4)),
    "linear dtype": lambda L: F(L).linear(L.ones(2, 3), L.ones(2, 3).double()),
    "Linear": lambda L: L.nn.Linear(3, 2)(L.ones(2, 4)),
    "cross_entropy class": lambda L: F(L).cross_entropy(L.ones(2, 3), L.tensor([0, 5])),
    "cross_entropy shape": lambda L: F(L).cross_entropy(L.ones(2, 3), L.tensor([0, 1, 2])),
    "bce range": lambda L: F(L).binary_cross_entropy(L.tensor([2.0]), L.tensor([1.0])),
    "bce shape": lambda L: F(L).binary_cross_entropy(L.tensor([0.5]), L.tensor([1.0, 1.0])),
    "bce logits shape": lambda L: F(L).binary_cross_entropy_with_logits(
        L.tensor([0.5]), L.tensor([1.0, 1.0])
    ),
    "mse shapes": lambda L: F(L).mse_loss(L.ones(2), L.ones(3)),
    "nll dtype": lambda L: F(L).nll_loss(L.ones(2, 3), L.ones(2)),
    "reduction": lambda L: F(L).mse_loss(L.ones(2), L.ones(2), reduction="x"),
    "dropout p": lambda L: L.nn.Dropout(2.0),
    "load_state_dict missing": lambda L: L.nn.Linear(1, 1).load_state_dict({}),
    "load_state_dict shape": lambda L: L.nn.Linear(1, 1).load_state_dict(L.nn.Linear(2, 2).state_dict()),
    "optimizer lr": lambda L: L.optim.SGD([L.nn.Parameter(L.ones(1))], lr=-1.0),
    "optimizer none": lambda L: L.optim.SGD([], lr=1.0),
    "optimizer tensor": lambda L: L.optim.SGD(L.nn.Parameter(L.ones(1)), lr=1.0),
    "optimizer non-leaf": lambda L: L.optim.SGD([L.nn.Parameter(L.ones(1)) * 2], lr=1.0),
    "grad unused": lambda L: L.autograd.grad(
        L.ones(1, requires_grad=True).sum(), L.ones(1, requires_grad=True)
    ),
    "multinomial none": lambda L: L.randint(0, 0, (2,)),
    "randint": lambda L: L.randint(5, 2, (2,)),
    "randperm": lambda L: L.randperm(-1),
    "split": lambda L: L.ones(4).split([1, 1]),
    "chunk": lambda L: L.ones(4).chunk(0),
    "einsum": lambda L: L.einsum("ij,jk->ik", L.ones(2, 3), L.ones(4, 2)),
    "einsum letters": lambda L: L.einsum("ij", L.ones(2)),
    "topk": lambda L: L.ones(3).topk(5),
    "no attribute": lambda L: L.ones(2).nothing,
    "no name": lambda L: L.nothing,
    "kwarg": lambda L: L.zeros(2, foo=1),
    "module attr": lambda L: L.nn.Linear(1, 1).nothing,
    "forward missing": lambda L: type("M", (L.nn.Module,), {})()(1),
    "sequential of no module": lambda L: L.nn.Sequential(1),
    "set param": lambda L: setattr(L.nn.Linear(1, 1), "weight", L.ones(1, 1)),
    "device": lambda L: L.device("attic"),
    "device use": lambda L: L.zeros(1, device="attic"),
    "grad assign": lambda L: setattr(L.ones(2, requires_grad=True), "grad", L.ones(3)),
    "deepcopy non-leaf": lambda L: copy.deepcopy(L.ones(1, requires_grad=True) * 2),
    "type": lambda L: L.ones(1).type("Float"),
    "Tensor of number": lambda L: L.Tensor(2.5),
    "Tensor of string": lambda L: L.Tensor("a"),
    "LongTensor of floats": lambda L: L.LongTensor(L.ones(1)),
    "set_default_dtype": lambda L: L.set_default_dtype(L.int64),
    "set_num_threads": lambda L: L.set_num_threads(0),
    "manual_seed": lambda L: L.manual_seed("a"),
    "hook": lambda L: L.ones(1).register_hook(lambda g: g),
    "retain_grad": lambda L: L.ones(1).retain_grad(),
    "clamp": lambda L: L.ones(2).clamp(),
    "format": lambda L: f"{L.ones(2):.2f}",
    "to": lambda L: L.ones(2).to("nothing"),
    "squeeze_": lambda L: L.ones(2).unsqueeze(5),
    "tril 1d": lambda L: L.ones(2).tril(),
    "allclose dtype": lambda L: L.allclose(L.ones(1), L.ones(1).double()),
    "lerp": lambda L: L.lerp(L.ones(2), L.ones(3), 0.5),
    "index of tensor many": lambda L: [1, 2, 3][L.tensor([0, 1])],
    "range of float": lambda L: range(L.tensor(1.0)),
}


def raised(call: Callable[[Any], Any], L: Any) -> type[Exception]:
    with pytest.raises(Exception) as caught:
        call(L)
    return caught.type


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BAD)
def test_the_class(name: str) -> None:
    assert issubclass(raised(BAD[name], rl), raised(BAD[name], torch))


WORDS = {
    "cat number": "cat: got a int; expected a list or tuple of Tensors",
    "unbind 0-d": "unbind: got a tensor of 0 axes; expected at least one axis",
    "zeros strings": "got (2, 'a'); expected whole numbers",
    "reshape float": "got 2.0; expected whole numbers",
    "max_pool2d bool": "max_pool2d: got bool; expected a tensor of numbers",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_words(name: str) -> None:
    with pytest.raises(RushlightError, match=re.escape(WORDS[name])):
        BAD[name](rl)


def test_the_uses() -> None:
    """The graph used up, and values overwritten."""
    for L in (rl, torch):
        x = L.ones(2, requires_grad=True)
        y = (x * x).sum()
        y.backward()
        with pytest.raises(RuntimeError):
            y.backward()
        z = x.exp()
        z.add_(1)
        with pytest.raises(RuntimeError):
            z.sum().backward()
