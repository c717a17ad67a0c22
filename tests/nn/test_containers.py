"""Sequential, ModuleList, ModuleDict: lists and dicts whose modules are registered."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, IndexingError


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


def kinds(modules) -> list[str]:  # type: ignore[no-untyped-def]
    return [type(m).__name__ for m in modules]


def test_sequential_runs_in_order() -> None:
    model, x = net(), rl.randn(5, 2)
    assert model(x).tolist() == model[2](model[1](model[0](x))).tolist()


def test_sequential_from_a_list_or_names() -> None:
    named = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), act=nn.Tanh()))
    assert list(named.state_dict()) == ["first.weight", "first.bias"]
    assert kinds(nn.Sequential([nn.Linear(2, 3), nn.Tanh()])) == ["Linear", "Tanh"]
    assert len(nn.Sequential()) == 0
    x = rl.ones(2)
    assert nn.Sequential()(x) is not None


@pytest.mark.parametrize("make", [net, lambda: nn.ModuleList(net())])
def test_a_list_of_modules(make) -> None:  # type: ignore[no-untyped-def]
    modules = make()
    assert len(modules) == 3
    assert kinds(modules) == ["Linear", "ReLU", "Linear"]
    assert modules[-1] is modules[2]
    assert isinstance(modules[:2], type(modules))
    assert kinds(modules[:2]) == ["Linear", "ReLU"]
    modules.append(nn.Tanh())
    modules.insert(0, nn.Flatten())
    modules.extend([nn.Identity()])
    assert kinds(modules) == ["Flatten", "Linear", "ReLU", "Linear", "Tanh", "Identity"]
    modules[0] = nn.Identity()
    assert isinstance(modules.pop(), nn.Identity)
    del modules[0]
    del modules[-2:]
    assert kinds(modules) == ["Linear", "ReLU"]
    assert list(dict(modules.named_children())) == ["0", "1"]
    with pytest.raises(IndexingError, match="from -2 to 1"):
        modules[2]


def test_a_slice_shares_its_modules() -> None:
    model = net()
    assert model[1:][1] is model[2]


def test_adding() -> None:
    assert kinds(net() + nn.Sequential(nn.Tanh())) == ["Linear", "ReLU", "Linear", "Tanh"]
    layers = nn.ModuleList([nn.ReLU()])
    layers += [nn.Tanh()]
    assert kinds(layers) == ["ReLU", "Tanh"]
    more = [nn.Sigmoid()]
    assert kinds(layers + more) == ["ReLU", "Tanh", "Sigmoid"]
    with pytest.raises(ArgumentError, match="append"):
        net() + nn.Tanh()  # type: ignore[operator]


def test_a_dict_of_modules() -> None:
    heads = nn.ModuleDict([("a", nn.Linear(2, 1)), ("b", nn.Tanh())])
    heads["c"] = nn.ReLU()
    assert list(heads) == list(heads.keys()) == ["a", "b", "c"]
    assert kinds(heads.values()) == ["Linear", "Tanh", "ReLU"]
    assert [k for k, _ in heads.items()] == ["a", "b", "c"]
    assert "a" in heads
    assert "z" not in heads
    assert isinstance(heads.pop("b"), nn.Tanh)
    heads.update({"d": nn.Identity()})
    del heads["c"]
    assert list(heads) == ["a", "d"]
    assert list(heads.state_dict()) == ["a.weight", "a.bias"]
    with pytest.raises(KeyError, match=r"one of: a, d"):
        heads["b"]
    heads.clear()
    assert len(heads) == 0
    with pytest.raises(IndexingError, match="empty"):
        heads["b"]


def test_only_modules_are_taken() -> None:
    with pytest.raises(DTypeError, match=r"the class ReLU.*ReLU\(\.\.\.\)"):
        nn.Sequential(nn.Linear(2, 3), nn.ReLU)  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="a function"):
        nn.ModuleList([lambda x: x])  # type: ignore[list-item]
    with pytest.raises(DTypeError, match="a str"):
        nn.ModuleDict({"a": "relu"})  # type: ignore[dict-item]
    with pytest.raises(DTypeError, match="a str"):
        net()[0] = "relu"  # type: ignore[assignment]
