"""The same network here and in PyTorch: the same weights, the same batches, and how long each takes.

PyTorch is optional, and asked for in this file alone. A network is given as a function of ``nn``, which is
`rushlight.nn` or ``torch.nn``: the names are the same, so the same lines build it in both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from rushlight.train import Trainer

__all__ = [
    "Trained",
    "Task",
    "one_epoch",
    "pytorch",
    "relative",
    "step_times",
    "train_here",
    "train_there",
    "weights_apart",
]

Network = Callable[[Any], Any]


@dataclass(frozen=True)
class Task:
    """What both libraries are to do: one network, one learning rate, and data with one-hot targets.

    The batches of epoch k are those of ``DataLoader(train, batch_size, shuffle=True, seed=seed)``; the
    accuracy is that on `held_out`. Both are TensorDatasets of (inputs, targets).
    """

    network: Network
    train: Any
    held_out: Any
    lr: float
    epochs: int
    batch_size: int
    init: str | None = None
    seed: int = 0

    def model(self) -> Any:
        """The network with its first weights, here; `init` names how they are drawn (None: the default)."""
        rl.manual_seed(self.seed)
        model = self.network(rl.nn).to(self.train.tensors[0].dtype)
        return model if self.init is None else model.initialize(self.init)

    def loader(self) -> Any:
        """The batches."""
        return rl.data.DataLoader(self.train, self.batch_size, shuffle=True, seed=self.seed)


@dataclass(frozen=True)
class Trained:
    """How one training went: mean loss of each epoch's batches, accuracy after it, final weights."""

    loss: np.ndarray
    accuracy: np.ndarray
    weights: dict[str, np.ndarray]


def pytorch() -> Any | None:
    """PyTorch, or None where it is not installed."""
    try:
        return import_module("torch")
    except ImportError:
        return None


def train_here(task: Task) -> Trained:
    """Train with a Trainer, compiled where that is possible."""
    model = task.model()
    optimizer = rl.optim.SGD(model.parameters(), lr=task.lr)
    trainer = Trainer(model, optimizer, rl.nn.MSELoss(), metrics=["accuracy"], progress=False)
    history = trainer.fit(task.loader(), task.epochs, validation=task.held_out)
    weights = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    return Trained(np.array(history["train_loss"]), np.array(history["validation_accuracy"]), weights)


def train_there(torch: Any, task: Task, own_weights: bool = False) -> Trained:
    """Train in PyTorch on our batches, from our weights, or with `own_weights` from those that it draws."""
    torch.manual_seed(task.seed)
    inputs, targets = (_tensor(torch, t) for t in task.train.tensors)
    held_out, classes = (_tensor(torch, t) for t in task.held_out.tensors)
    model = task.network(torch.nn).to(inputs.dtype)
    if not own_weights:
        model.load_state_dict({k: _tensor(torch, v) for k, v in task.model().state_dict().items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=task.lr)
    loss, accuracy = [], []
    with _one_thread(torch):
        for epoch in range(task.epochs):
            rows = [torch.from_numpy(row) for row in _rows(task.loader(), epoch)]
            loss.append(one_epoch(torch, model, optimizer, [(inputs[r], targets[r]) for r in rows]))
            with torch.no_grad():
                right = model(held_out).argmax(1) == classes.argmax(1)
            accuracy.append(right.double().mean().item())
    weights = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    return Trained(np.array(loss), np.array(accuracy), weights)


def one_epoch(library: Any, model: Any, optimizer: Any, batches: Sequence[tuple[Any, Any]]) -> float:
    """The loop that everyone writes; the same lines serve Rushlight and PyTorch. Returns the mean loss."""
    criterion, total, samples = library.nn.MSELoss(), 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
        samples += len(x)
    return total / samples


def relative(first: Any, second: Any) -> np.ndarray:
    """|a - b| / |b|, entry by entry: how far two series of losses are apart at each epoch.

    >>> relative([1.0, 3.0], [1.0, 2.0]).tolist()
    [0.0, 0.5]
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return np.asarray(np.abs(a - b) / np.abs(b))


def weights_apart(first: Trained, second: Trained) -> float:
    """The largest difference of a final weight."""
    return max(float(np.abs(value - second.weights[name]).max()) for name, value in first.weights.items())


def step_times(torch: Any | None, task: Task, rounds: int = 7, epochs: int = 20) -> dict[str, float]:
    """Seconds of one training step: ours compiled, ours eager, PyTorch eager. One thread each.

    The loop alone is timed, on data in memory, without validation or metrics, after a first epoch that
    nobody times. The contenders take turns, and the median of the rounds counts, so that a busy moment
    of the machine does not count against one of them. A round of the compiled steps is `epochs` epochs,
    because one would be over too soon to be timed.
    """
    steps = len(task.loader())
    turns = {"Rushlight, eager": (_eager(rl, task, rl.from_numpy), steps)}
    if _compiles():
        turns = {"Rushlight, compiled": (_compiled(task, epochs), steps * epochs), **turns}
    if torch is not None:
        turns["PyTorch, eager"] = (_eager(torch, task, torch.from_numpy), steps)
    found: dict[str, list[float]] = {name: [] for name in turns}
    with _one_thread(torch):
        for number in range(rounds + 1):
            for name, (run, count) in turns.items():
                start = time.perf_counter()
                run()
                if number:
                    found[name].append((time.perf_counter() - start) / count)
    return {name: statistics.median(taken) for name, taken in found.items()}


def _compiles() -> bool:
    """Whether training steps become native code on this machine."""
    model = rl.nn.Linear(1, 1)
    return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), rl.nn.MSELoss()).why_eager() is None


def _compiled(task: Task, epochs: int) -> Callable[[], Any]:
    """A call that trains for so many more epochs with one Trainer."""
    model = task.model()
    optimizer = rl.optim.SGD(model.parameters(), lr=task.lr)
    trainer = Trainer(model, optimizer, rl.nn.MSELoss(), progress=False)
    loader = task.loader()
    return lambda: trainer.fit(loader, trainer.position.epoch + epochs)


def _eager(library: Any, task: Task, wrap: Callable[[Any], Any]) -> Callable[[], Any]:
    """A call that trains for one more epoch in float32, on batches that were gathered before."""
    model = task.network(library.nn)
    optimizer = library.optim.SGD(model.parameters(), lr=task.lr)
    inputs, targets = (t.numpy().astype(np.float32) for t in task.train.tensors)
    batches = [(wrap(inputs[row]), wrap(targets[row])) for row in _rows(task.loader(), 0)]
    return lambda: one_epoch(library, model, optimizer, batches)


def _rows(loader: Any, epoch: int) -> list[np.ndarray]:
    """Which samples make each batch of an epoch."""
    whole, rest = loader.epoch_indices(epoch)
    return [*whole, *([rest] if len(rest) else [])]


def _tensor(torch: Any, value: Any) -> Any:
    return torch.tensor(value.detach().numpy())


@contextmanager
def _one_thread(torch: Any | None) -> Iterator[None]:
    """Both libraries on one thread; afterwards as they were."""
    ours, theirs = get_num_threads(), torch.get_num_threads() if torch is not None else 1
    set_num_threads(1)
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        set_num_threads(ours)
        if torch is not None:
            torch.set_num_threads(theirs)
