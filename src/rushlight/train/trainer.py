"""Trainer: the loop that everyone writes, once, with measuring, saving and resuming."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

from rushlight.core.state import no_grad
from rushlight.data.outside import as_data
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, explained, message, unexpected
from rushlight.optim.lr_scheduler import ReduceLROnPlateau
from rushlight.train.callbacks.base import Callback, Callbacks
from rushlight.train.checkpoint import load_checkpoint, save_checkpoint
from rushlight.train.compiled import CompiledSteps
from rushlight.train.early_stopping import EarlyStopping
from rushlight.train.eligible import why_eager
from rushlight.train.feed import Feed, make_feed
from rushlight.train.folder import CHECKPOINT, HISTORY, Stamp, run_folder, stamp
from rushlight.train.history import History
from rushlight.train.kinds import by_names, check_parts
from rushlight.train.loop import FitLoop
from rushlight.train.metric_set import MetricSet, make_metrics
from rushlight.train.metrics import Metric
from rushlight.train.plan import finish
from rushlight.train.position import Position
from rushlight.train.progress import Progress, make_progress
from rushlight.train.steps import EagerSteps, check_batch, check_loss, run, train_on
from rushlight.train.tables import Figures
from rushlight.train.weights import LossWeights

__all__ = ["Trainer", "evaluating"]

EVALUATION_BATCH = 1024


class Trainer:
    """Trains `model` with `optimizer` on `loss(output, target)`.

    optimizer           may be a name of `rl.optim` ("adam", "sgd"), made for all parameters with `lr`, or the
                        optimiser's own default; loss: a name of a loss of `rl.nn` ("mse", "cross_entropy").
    metrics             names ("accuracy", "error", "confusion_matrix", "f1", "auc", "top5_accuracy", "mae",
                        "rmse", "r2"), Metrics, or functions of (output, target).
    scheduler           stepped after every epoch, or after every batch with ``schedule="batch"``.
                        ReduceLROnPlateau is told the validation loss, or without validation data that of
                        training.
    clip_grad_norm      the largest norm that the gradients may have together; clip_grad_value: each entry.
    early_stopping      an EarlyStopping.
    out                 a folder: checkpoint.safetensors and history.csv are kept there. `fit` locks it.
    checkpoint_every    save after so many batches of an epoch; checkpoint_epochs: after so many epochs;
                        checkpoint_seconds: when so many seconds have passed. The end of `fit` always saves.
    seed                seeds the global generator when training starts, and the order of the batches.
    progress            None: a live bar on a terminal, lines elsewhere; False: silence; or a Progress.
    callbacks           Callbacks, called between epochs and batches: `rl.train.callbacks`.
    compile             "auto": the train step becomes native code where llvmlite is installed and the step
                        can be traced, and a warning says so where it cannot; True: an error then; False:
                        eager. Data in memory are trained on in calls of many batches. What trains compiled is
                        measured compiled too. A step is the eager step up to rounding; over many epochs
                        rounding adds up, and runs part, as they do between two machines.

    Raises DTypeError for parts of the wrong kind, such as a class in the place of an object, and
    ArgumentError for names that are none.

    A batch is a tuple ``(*inputs, target)``. What happens to it is `train_step`, which may be overridden.

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> x = rl.linspace(-1, 1, 64).reshape(64, 1)
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.5)
    >>> trainer = rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), progress=False)
    >>> history = trainer.fit((x, 3 * x + 1), epochs=20, batch_size=16)
    >>> history["train_loss"][-1] < 1e-4
    True
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Callable[[Any, Any], Any] | str,
        *,
        lr: float | None = None,
        metrics: Iterable[str | Metric | Callable[[Any, Any], Any]] = (),
        scheduler: Any = None,
        schedule: Literal["epoch", "batch"] = "epoch",
        clip_grad_norm: float | None = None,
        clip_grad_value: float | None = None,
        early_stopping: EarlyStopping | None = None,
        out: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        checkpoint_epochs: int | None = None,
        checkpoint_seconds: float | None = 10.0,
        seed: int | None = None,
        progress: bool | Progress | None = None,
        callbacks: Iterable[Callback] = (),
        compile: bool | Literal["auto"] = "auto",
        **others: Any,
    ) -> None:
        for name in others:
            remedy = "For code of your own between the batches pass callbacks, or override train_step."
            raise unexpected("Trainer", name, inspect.signature(Trainer).parameters, remedy)
        optimizer, judge = by_names(model, optimizer, loss, lr)
        check_parts(model, optimizer, judge, scheduler)
        self.model, self.optimizer, self.loss = model, optimizer, judge
        self.metrics = make_metrics(metrics, self.loss)
        self.scheduler, self.schedule = scheduler, _one_of("schedule", schedule, ("epoch", "batch"))
        if schedule == "batch" and isinstance(scheduler, ReduceLROnPlateau):
            got = 'ReduceLROnPlateau with schedule="batch"'
            raise ArgumentError(message("Trainer", got, 'schedule="epoch": it looks at the loss of epochs'))
        self.clip_grad_norm, self.clip_grad_value = clip_grad_norm, clip_grad_value
        self.early_stopping = early_stopping
        if early_stopping is not None:
            if not isinstance(early_stopping, EarlyStopping):
                remedy = f"For a patience: EarlyStopping(patience={early_stopping!r})."
                got = f"early_stopping={early_stopping!r}"
                raise ArgumentError(message("Trainer", got, "an EarlyStopping", remedy))
            early_stopping.know(self.metrics.better)
        self.out = None if out is None else Path(out)
        self.checkpoint_every = _positive("checkpoint_every", checkpoint_every)
        self.checkpoint_epochs = _positive("checkpoint_epochs", checkpoint_epochs)
        self.checkpoint_seconds = checkpoint_seconds
        self.seed, self.progress = seed, progress
        self.callbacks = Callbacks(callbacks)
        self.compile = _one_of("compile", compile, (True, False, "auto"))
        self._compiled: CompiledSteps | None = None
        self.position, self.history = Position(), History(better=self.metrics.better)
        self._saved: Stamp = None
        self._paused: Feed | None = None

    @property
    def dtype(self) -> Any:
        """The floating dtype of the model's parameters, None without any: what arrays become on their way
        into it."""
        return next((p.dtype for p in self.model.parameters() if p.dtype.kind == "f"), None)

    @property
    def checkpoint_path(self) -> Path:
        """The checkpoint in `out`."""
        return (self.out or Path()) / CHECKPOINT

    def __repr__(self) -> str:
        size = sum(p.numel() for p in self.model.parameters())
        loss = getattr(self.loss, "__name__", type(self.loss).__name__)
        parts = [f"{type(self.model).__name__} of {size} parameters", type(self.optimizer).__name__, loss]
        parts += [f"metrics {', '.join(m.name for m in self.metrics.items)}"] if self.metrics.items else []
        return f"Trainer({'; '.join([*parts, self._where()])})"

    @explained("Call fit((x, y), epochs): the data are one argument, and what comes after has a name.")
    def fit(
        self,
        train: Any,
        epochs: int,
        *,
        validation: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        resume: bool = False,
        overwrite: bool = False,
    ) -> History:
        """Train until `epochs` epochs are done in all, and return the history.

        `train` and `validation` are a DataLoader, a Dataset, a pair ``(inputs, targets)`` of tensors, arrays
        or frames, or an iterable of batches; `batch_size` and `shuffle` serve those that are not batches yet.
        Floats of arrays become the dtype of the model. A trainer that
        has done 10 epochs and is asked for 15 does 5 more. With `resume` the run goes on from the checkpoint
        in `out`, if there is one: from the very batch, to the same weights, bit for bit, as one run. Without
        it, ArgumentError refuses a folder that holds the run of another trainer, unless `overwrite`; and
        always one that another run writes into.

        An EarlyStopping with `restore_best` puts the best weights into the model at the end; the checkpoint
        keeps the last ones, with which a resumed run goes on.

        Ctrl-C ends the batch under way, saves, and raises Interrupted, which says how to go on. A loss that
        is no longer finite raises AnomalyError; the checkpoint stays as it was.
        """
        if not isinstance(epochs, Integral):
            got, remedy = f"epochs={epochs!r}", "epochs counts all that are done, those of earlier calls too."
            raise ArgumentError(message("fit", got, "a whole number", remedy))
        with nullcontext() if self.out is None else run_folder(self.out, self._saved, resume or overwrite):
            return self._fit(train, epochs, validation, batch_size, shuffle, resume)

    def _fit(
        self, train: Any, epochs: int, validation: Any, batch_size: int, shuffle: bool, resume: bool
    ) -> History:
        dtype = self.dtype
        feed = make_feed("fit", train, batch_size, shuffle, self.seed, dtype)
        check = None if validation is None else make_feed("fit", validation, EVALUATION_BATCH, dtype=dtype)
        progress = make_progress(self.progress)
        if resume and self._resume(feed, check):
            self._compiled = None  # its programs hold on to a state that was replaced
            progress.note(f"resuming {self._where()}, from {self.checkpoint_path}")
        else:
            self._begin(feed)
        if self.position.epoch >= epochs or self.position.stopped:
            progress.note(f"nothing to train: {self._where()}, asked for {epochs}")
        steps = self._steps(progress.interval)
        try:
            FitLoop(self, feed, check, epochs, progress, steps).run()
        finally:
            if self._compiled is not None:
                self._compiled.hold()
            feed.hold()
            self._paused = feed
        finish(self)
        return self.history

    def train_step(self, batch: Any) -> tuple[Any, Any]:
        """Forward, backward and update on one batch; returns the loss and the output, detached.

        Override it for other ways of training; all that `fit` needs is these two tensors. Training then
        runs eager: use `rl.compile` in it for what can be compiled.
        """
        clip = self.clip_grad_norm, self.clip_grad_value
        return train_on(self.model, self.optimizer, self.loss, batch, *clip)

    def stop(self) -> None:
        """End training after the epoch under way, as early stopping does; for callbacks."""
        self.position.stopped = True

    def has_own_step(self) -> bool:
        """Whether somebody put another train_step in the place of this class's."""
        return "train_step" in self.__dict__ or type(self).train_step is not _TRAIN_STEP

    def why_eager(self) -> str | None:
        """Why training runs eager, as far as is known; None if it runs, or will run, compiled.

        >>> import rushlight as rl
        >>> model = rl.nn.Linear(1, 1)
        >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.5)
        >>> rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), compile=False).why_eager()
        'compile=False'
        """
        return why_eager(self) or (self._compiled.failure if self._compiled is not None else None)

    @explained("Call evaluate((x, y)): the data are one argument.")
    def evaluate(self, data: Any, batch_size: int = EVALUATION_BATCH) -> dict[str, Any]:
        """Loss and metrics over `data`, by name, with the model in eval mode and no graph recorded."""
        feed = make_feed("evaluate", data, batch_size, dtype=self.dtype)
        measured = self.measure(feed, MetricSet(self.fresh_metrics()))
        assert measured is not None  # nothing asked it to stop
        return measured

    @explained("Call predict(inputs).")
    def predict(self, inputs: Any, batch_size: int = EVALUATION_BATCH) -> Any:
        """The model's outputs for `inputs`: a tensor, array, frame, or data whose batches begin with them."""
        from rushlight import cat

        if not isinstance(batch_size, Integral) or batch_size < 1:
            raise ArgumentError(
                message("predict", f"batch_size={batch_size!r:.60}", "a whole number, 1 or more")
            )
        inputs = as_data("predict", inputs, self.dtype)
        if hasattr(inputs, "detach"):
            batches: Iterable[Any] = (inputs[i : i + batch_size] for i in range(0, len(inputs), batch_size))
        else:
            batches = _first_parts(make_feed("predict", inputs, batch_size, dtype=self.dtype))
        with evaluating(self.model), no_grad():
            outputs = [run(self.model, (batch,)) for batch in batches]
        if not outputs:
            raise ShapeError(message("predict", "no samples", "at least one"))
        return outputs[0] if len(outputs) == 1 else cat(outputs)

    def measure(
        self, feed: Feed, metrics: MetricSet, stop: Callable[[], bool] = lambda: False
    ) -> dict[str, Any] | None:
        """Loss and `metrics` over `feed`; None if `stop` said so between two batches."""
        weights = LossWeights(self.loss)
        total, count = 0.0, 0.0
        with evaluating(self.model), no_grad():
            for batch in feed:
                check_batch("evaluate", batch)
                target = batch[-1]
                loss, output = self._judge(batch)
                check_loss(loss)
                weight = weights.of(target)
                total += weights.share(float(loss.item()), weight)
                count += weight
                for metric in metrics.items:
                    metric.update(output, target)
                if stop():
                    return None
        mean = total / count if count else float("nan")
        return Figures(loss=mean, **metrics.values(scalars_only=False))

    def _judge(self, batch: tuple[Any, ...]) -> tuple[Any, Any]:
        """Loss and output of a batch: compiled if the training was, so that a figure is always the same."""
        if self._compiled is None and self.position.epoch and why_eager(self) is None:
            self._compiled = CompiledSteps(self)
        steps = self._compiled
        found = steps.measure(batch) if steps is not None and steps.failure is None else None
        if found is None:
            *inputs, target = batch
            output = run(self.model, inputs)
            found = self.loss(output, target), output
        return found

    def fresh_metrics(self) -> list[Metric]:
        """Copies of the metrics that have seen nothing yet."""
        copies = [copy.copy(metric) for metric in self.metrics.items]
        for metric in copies:
            metric.state = copy.deepcopy(metric.state)
            metric.reset()
        return copies

    def save(self, feed: Feed | None = None, validation: Feed | None = None) -> None:
        """Write checkpoint and history to `out`."""
        save_checkpoint(self.checkpoint_path, **self.parts(feed, validation))
        self._saved = stamp(self.checkpoint_path)
        if self.history.rows:
            self.history.to_csv(self.checkpoint_path.with_name(HISTORY))

    def parts(self, feed: Feed | None = None, validation: Feed | None = None) -> dict[str, Any]:
        """What a checkpoint keeps, by name."""
        parts = {
            "model": self.model,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
            "early_stopping": self.early_stopping,
            "metrics": self.metrics,
            "position": self.position,
            "history": self.history,
            "callbacks": self.callbacks if self.callbacks.keeping else None,
            "train_data": feed,
            "validation_data": validation,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def _resume(self, feed: Feed, validation: Feed | None) -> bool:
        if self.out is None:
            raise ArgumentError(message("fit", "resume=True without a folder", "Trainer(..., out=FOLDER)"))
        if not self.checkpoint_path.exists():
            return False
        load_checkpoint(self.checkpoint_path, exact=True, **self.parts(feed, validation))
        self._saved = stamp(self.checkpoint_path)
        if self.position.batch and hasattr(self.optimizer, "stepped"):
            self.optimizer.stepped = True  # in the program that was interrupted; the scheduler asks
        return True

    def _steps(self, interval: float | None) -> EagerSteps:
        """What takes the training steps: the compiled ones of before where they still fit."""
        reason = why_eager(self)
        if reason is not None:
            self._compiled = None
            if self.compile is True:
                raise NotSupportedError(message("Trainer(compile=True)", reason, "a step to compile"))
            return EagerSteps(self)
        if self._compiled is None or not self._compiled.still_fit():
            self._compiled = CompiledSteps(self)
        self._compiled.refresh_every(interval)
        return self._compiled

    def _begin(self, feed: Feed) -> None:
        position = self.position
        if position.epoch == 0 and position.batch == 0:
            if self.seed is not None:
                from rushlight import manual_seed

                manual_seed(self.seed)
        elif position.batch and self._paused is not None and self._paused.batches is not feed.batches:
            feed.load_state_dict(self._paused.state_dict())  # interrupted in mid-epoch, in this program
        elif feed.own:
            feed.batches.set_epoch(position.epoch)

    def _where(self) -> str:
        position = self.position
        batch = f", batch {position.batch} of the next" if position.batch else ""
        return f"after epoch {position.epoch}{batch}{' (stopped early)' if position.stopped else ''}"


_TRAIN_STEP = Trainer.train_step


class evaluating:
    """The model in eval mode for the length of a ``with``; then every module is in its mode again."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __enter__(self) -> None:
        self.modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()

    def __exit__(self, *error: object) -> None:
        for module, mode in self.modes:
            module.training = mode


def _first_parts(feed: Feed) -> Iterator[Any]:
    """What each batch begins with: the inputs."""
    for batch in feed:
        check_batch("predict", batch, least=1)
        yield batch[0]


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise ArgumentError(message("Trainer", f"{name}={value!r}", " or ".join(str(a) for a in allowed)))
    return value


def _positive(name: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ArgumentError(message("Trainer", f"{name}={value!r}", "at least 1, or None"))
    return value
