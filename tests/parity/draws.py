"""PyTorch with Rushlight's random numbers: what a program draws there comes from the generator here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

DRAWS = {
    *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like"),
    *("normal", "bernoulli", "multinomial", "poisson"),
}
FILLS = {"normal_", "uniform_", "bernoulli_", "exponential_", "random_"}
INITIALISERS = {"normal_", "uniform_", "kaiming_uniform_", "kaiming_normal_", "trunc_normal_"}
DROPOUTS = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"}


class SameDraws(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
    """Within it, PyTorch's random functions give what Rushlight's of the same names give."""

    def __enter__(self) -> Any:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(torch, "manual_seed", _seeds(torch.manual_seed))
        self._patch.setattr(torch.utils.data.RandomSampler, "__iter__", _order)
        self._patch.setattr(torch.utils.data.RandomSampler, "of_a_loader", False, raising=False)
        self._patch.setattr(torch.utils.data.dataloader, "RandomSampler", _OfALoader)
        self._patch.setattr(torch.utils.data.WeightedRandomSampler, "__iter__", _weighted)
        self._patch.setattr(torch.utils.data, "random_split", _split)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        self._patch.undo()
        super().__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if getattr(func, "__module__", "") == "torch.nn.init" and name in INITIALISERS:
            tensor = kwargs.pop("tensor", None) if "tensor" in kwargs else args[0]
            return _fill(getattr(rl.nn.init, name), tensor, args[1:], kwargs)
        if name in FILLS and (name != "random_" or args[0].ndim):  # a DataLoader of PyTorch draws a number
            return _fill(getattr(rl.Tensor, name), args[0], args[1:], kwargs)
        if name in DROPOUTS:
            return _dropout(name, func, args, kwargs)
        if name in DRAWS and kwargs.get("out") is None:
            gradient = kwargs.pop("requires_grad", False)
            drawn = _back(getattr(rl, name)(*_here(args), **_here(kwargs)))
            return drawn.requires_grad_() if gradient else drawn
        return func(*args, **kwargs)


def _fill(draw: Callable[..., Any], tensor: Any, args: Any, kwargs: Any) -> Any:
    held = _here(tensor)
    draw(held, *_here(args), **_here(kwargs))
    with torch.no_grad():
        return tensor.copy_(_back(held))


def _dropout(name: str, func: Any, args: Any, kwargs: Any) -> Any:
    names = dict(zip(("input", "p", "training", "inplace"), args, strict=False)) | kwargs
    input, p, training = names["input"], names.get("p", 0.5), names.get("training", True)
    if not training or p == 0:
        return func(*args, **kwargs)
    mask = _back(getattr(rl.nn.functional, name)(rl.ones(*input.shape), p, True))
    return input.mul_(mask) if names.get("inplace") else input * mask


def _here(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _here(item) for key, item in value.items() if key not in ("device", "layout")}
    if isinstance(value, (list, tuple)):
        return type(value)(_here(item) for item in value) if type(value) in (list, tuple) else tuple(value)
    if isinstance(value, torch.Tensor):
        return rl.tensor(value.detach().numpy())
    if isinstance(value, torch.dtype):
        return getattr(rl, str(value).removeprefix("torch."))
    if isinstance(value, torch.Generator):
        return _generator(value)
    return value


_generators: dict[int, tuple[Any, rl.Generator]] = {}


def _generator(theirs: Any) -> rl.Generator:
    """The generator here that stands for PyTorch's, which is kept, so that no other gets its id."""
    seed = theirs.initial_seed()
    _, ours = _generators.setdefault(id(theirs), (theirs, rl.Generator().manual_seed(seed)))
    return ours if ours.initial_seed() == seed else ours.manual_seed(seed)


def _back(value: rl.Tensor) -> Any:
    return torch.from_numpy(value.detach().numpy().copy())


def _seeds(seed: Callable[[int], Any]) -> Callable[[int], Any]:
    def both(number: int) -> Any:
        rl.manual_seed(number)
        return seed(number)

    return both


def _order(sampler: Any) -> Iterator[int]:
    """The order in which a sampler here, or a DataLoader that shuffles, goes through as many samples."""
    samples = range(len(sampler.data_source))
    if not hasattr(sampler, "shadow"):
        sampler.shadow = (
            rl.data.DataLoader(samples, batch_size=1, shuffle=True)
            if sampler.of_a_loader
            else rl.data.RandomSampler(samples, sampler.replacement, sampler._num_samples)
        )
    yield from (int(i) for i in sampler.shadow)


class _OfALoader(torch.utils.data.RandomSampler):  # type: ignore[misc]
    of_a_loader = True


def _weighted(sampler: Any) -> Iterator[int]:
    weights, count = sampler.weights.tolist(), sampler.num_samples
    yield from rl.data.WeightedRandomSampler(weights, count, sampler.replacement)


def _split(dataset: Any, lengths: Any, generator: Any = None) -> list[Any]:
    parts = rl.data.random_split(range(len(dataset)), lengths, _here(generator))
    return [torch.utils.data.Subset(dataset, [int(i) for i in part.indices]) for part in parts]
