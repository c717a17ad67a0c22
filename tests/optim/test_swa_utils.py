"""Averaged models, beside what `tests/parity` compares: what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import NotSupportedError
from rushlight.optim.swa_utils import AveragedModel, update_bn


def test_a_loader_that_breaks_leaves_momentum_and_mode_as_they_were() -> None:
    net = nn.Sequential(nn.BatchNorm1d(2, momentum=0.3)).eval()

    def batches() -> Iterator[rl.Tensor]:
        yield rl.ones(4, 2)
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        update_bn(batches(), net)
    assert not net.training
    assert net[0].momentum == 0.3


def test_devices_that_are_not_there() -> None:
    net = nn.Linear(1, 1)
    with pytest.raises(NotSupportedError, match="CPU only"):
        AveragedModel(net, device="cuda")
    with pytest.raises(NotSupportedError, match="CPU only"):
        update_bn([], net, device="cuda")
