"""A run to be killed: ``python -m tests.train.kill_worker FOLDER EPOCHS``. All that has a state is in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight import data, nn, optim
from rushlight.train import EarlyStopping, Progress, Trainer


class Announce(Progress):
    """Says that training has begun, for whoever waits to kill it: after the first batches, so that a compiler
    has done its work.
    """

    interval = 1e-4
    said = False

    def update(self, status: object) -> None:
        if not self.said:
            print("training", flush=True)
        self.said = True


def make_trainer(out: Path | None, seed: int = 1, every: int = 2, compile: Any = "auto") -> Trainer:
    """A net with dropout, Adam, a schedule, early stopping that never stops, and many checkpoints."""
    rl.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 16), nn.ReLU())
    model.append(nn.Linear(16, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    return Trainer(
        model,
        optimizer,
        nn.MSELoss(),
        metrics=["accuracy"],
        scheduler=optim.lr_scheduler.StepLR(optimizer, 5, 0.8),
        early_stopping=EarlyStopping(patience=1000, restore_best=False),
        out=out,
        checkpoint_every=every,
        progress=False,
        compile=compile,
    )


def fit(trainer: Trainer, epochs: int = 30, resume: bool = True, overwrite: bool = False) -> Trainer:
    """Train on the disk."""
    loader = data.DataLoader(data.Disk(200, seed=2), batch_size=30, shuffle=True, seed=3)
    checks = data.DataLoader(data.Disk(50, seed=2, split="test"), batch_size=20, shuffle=True, seed=4)
    trainer.fit(loader, epochs, validation=checks, resume=resume, overwrite=overwrite)
    return trainer


def outcome(trainer: Trainer) -> dict[str, object]:
    """All that two equal runs must agree on, to the last bit."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.history.rows]
    weights = {name: value.detach().numpy().tobytes() for name, value in trainer.model.state_dict().items()}
    moments = [
        {key: float(value.double().sum()) for key, value in state.items()}
        for state in trainer.optimizer.state_dict()["state"].values()
    ]
    return {"history": rows, "weights": weights, "moments": moments, "random": rl.get_rng_state().tolist()}


if __name__ == "__main__":
    worker = make_trainer(Path(sys.argv[1]))
    worker.progress = Announce()
    fit(worker, int(sys.argv[2]))
