"""FLOPs of products as PyTorch counts them; it counts neither biases nor what works element by element."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "linear": (lambda nn: nn.Linear(5, 7, bias=False), (3, 5)),
    "conv1d": (lambda nn: nn.Conv1d(4, 6, 3, stride=2, groups=2, bias=False), (4, 9)),
    "conv2d": (lambda nn: nn.Conv2d(2, 3, (3, 2), padding=1, dilation=2, bias=False), (2, 8, 9)),
    "conv3d": (lambda nn: nn.Conv3d(1, 2, 2, bias=False), (1, 4, 4, 4)),
    "conv_transpose2d": (lambda nn: nn.ConvTranspose2d(2, 4, 3, stride=2, groups=2, bias=False), (2, 4, 5)),
    "sequence": (lambda nn: nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 2, bias=False)), (4,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_products(name: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    make, shape = LAYERS[name]
    with FlopCounterMode(display=False) as counter:
        make(torch.nn)(torch.zeros(2, *shape))
    assert rl.train.summary(make(rl.nn), shape, batch_size=2).flops == counter.get_total_flops()
