"""A sweep to be killed: ``python -m tests.train.killed_sweep FOLDER EPOCHS HOW``.

HOW is "auto": the networks train side by side; "plain": one after the other in compiled steps, on data that
are no tensors in memory; "eager": one after the other, eagerly.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight import data, nn, optim
from rushlight.train import EarlyStopping, Trainer
from rushlight.train.sweeping import kept
from tests.train.kill_worker import Announce

CONFIGS = [*rl.grid(lr=0.01, seed=range(3)), {"lr": 1e30, "seed": 3}]
"""One of them diverges, by its learning rate; one of the others stops early."""


class AtAnEpoch(Announce):
    """Says so when a network has come to an epoch, too."""

    epoch = Announce.update


def build(lr: float, seed: int) -> Trainer:
    """A network with dropout, Adam, a schedule, metrics, and early stopping that keeps the best weights."""
    model = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Dropout(0.1), nn.Linear(5, 1))
    optimizer = optim.Adam(model.parameters(), lr=lr)
    return Trainer(
        model,
        optimizer,
        nn.MSELoss(),
        metrics=["accuracy"],
        scheduler=optim.lr_scheduler.StepLR(optimizer, 5, 0.8),
        early_stopping=EarlyStopping("validation_accuracy", patience=5 if seed == 1 else 1000),
    )


def run(out: Path | None, epochs: int, how: str, progress: Any = False, seconds: float = 0.02) -> rl.Sweep:
    """The sweep, from where it stands in `out`, which is written as often as can be."""
    before = kept.SECONDS, kept.SHARE
    kept.SECONDS, kept.SHARE = seconds, 1
    sets = data.Disk(200, seed=2), data.Disk(50, seed=2, split="test")
    loader = list(data.DataLoader(sets[0], batch_size=30)) if how == "plain" else sets[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return rl.sweep(
                build,
                CONFIGS,
                loader,
                epochs,
                validation=sets[1],
                batch_size=30,
                progress=progress,
                compile=False if how == "eager" else "auto",
                out=out,
                resume=out is not None,
            )
    finally:
        kept.SECONDS, kept.SHARE = before


def outcome(result: rl.Sweep) -> list[Any]:
    """All that two equal sweeps must agree on, to the last bit."""
    return [
        (
            run.diverged,
            [{k: v for k, v in row.items() if k != "seconds"} for row in run.history.rows],
            {n: v.numpy().tobytes() for n, v in run.model.state_dict().items()},
            [
                {key: rl.as_tensor(v).numpy().tobytes() for key, v in state.items()}
                for state in run.trainer.optimizer.state_dict()["state"].values()
            ],
            run.trainer.scheduler.state_dict(),
            run.trainer.position.stopped,
        )
        for run in result
    ]


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], AtAnEpoch())
