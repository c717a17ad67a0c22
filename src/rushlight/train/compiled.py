"""Training steps as native code: batch by batch, or many in one call when the data lie in memory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rushlight.core.atomic import struck
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.data.memory import InMemory, in_memory
from rushlight.errors import NotSupportedError, message
from rushlight.train.eligible import frozen_state, plain_state
from rushlight.train.feed import Feed
from rushlight.train.steps import Done, EagerSteps, Room, check_batch, check_loss, run, train_on
from rushlight.train.weights import of_batches

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["OUTPUTS", "SECONDS", "CompiledSteps", "Pace", "make_judge", "make_step"]

SECONDS = 0.1
"""How long one native call may take: Ctrl-C, checkpoints by time and a loss that is NaN wait for its end."""
OUTPUTS = 1 << 26
"""How many bytes of outputs may gather for the metrics in one call."""
FIRST = 8


class Pace:
    """How many batches make a call of about `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.each: float | None = None
        """Seconds a batch took last."""

    def batches(self) -> int:
        """So many in the next call."""
        if self.each is None:
            return FIRST if self.seconds > 0.0 else 1
        return max(1, int(self.seconds / self.each))

    def took(self, batches: int, seconds: float) -> None:
        """So long did a call take."""
        self.each = max(seconds / batches, 1e-7)


class CompiledSteps(EagerSteps):
    """Batches by one compiled program for each shape of them; eager after a failure to compile.

    The result does not depend on how many batches one call takes: they are computed one after the other, by
    the same instructions.
    """

    def __init__(self, trainer: Trainer, interval: float | None = None) -> None:
        super().__init__(trainer)
        self.pace = Pace(SECONDS)
        self.keeps = bool(trainer.metrics.items)
        self.step = make_step(trainer, self.keeps)
        self.judge: Any = make_judge(trainer)
        self.output_bytes = 0
        self.failure: str | None = None
        """Why the steps are eager after all."""
        self._known: set[Any] = set()
        self._warned = False
        self._made_of: list[Any] | None = None
        self.refresh_every(interval)

    def refresh_every(self, interval: float | None) -> None:
        """Come back at least so often, in seconds."""
        self.pace.seconds = SECONDS if interval is None else min(SECONDS, interval)

    def hold(self) -> None:
        """Remember what the programs were made of, when a fit ends."""
        self._made_of = _made_of(self.trainer)

    def still_fit(self) -> bool:
        """Whether the trainer is made of the same objects as before."""
        was, now = self._made_of, _made_of(self.trainer)
        return was is not None and len(was) == len(now) and all(a is b for a, b in zip(was, now, strict=True))

    def epoch(self, feed: Feed, room: Room) -> Iterator[Done]:
        memory = in_memory(feed.batches)
        if memory is None or len(memory.tensors) < 2:
            for batch in feed:
                check_batch("fit", batch)
                yield self._one(batch)
        else:
            yield from self._scans(feed.batches, memory, room)

    def _scans(self, loader: Any, memory: InMemory, room: Room) -> Iterator[Done]:
        """An epoch of a loader over data in memory, from where the loader stands."""
        iter(loader)  # which of the loader's epochs is next, the loader decides as for a loop
        epoch, at, total = loader.epoch, loader.position, len(loader)
        whole, rest = loader.epoch_indices(epoch)
        place = loader.state_dict()
        held = self.weights.rows(memory.tensors[-1])
        while at < total:
            limit = room()
            count = min(len(whole) - at, self._most(), total if limit is None else limit)
            rows = whole[at : at + count] if at < len(whole) else rest[None]
            done = self._many(loader.dataset, memory, rows, held)
            at += len(done.shares)
            loader.load_state_dict({**place, "epoch": epoch, "position": at})
            yield done
        loader.load_state_dict({**place, "epoch": epoch + 1, "position": 0})

    def _most(self) -> int:
        """So many batches at once for time and memory."""
        if self.failure is not None:
            return 1
        return max(1, min(self.pace.batches(), OUTPUTS // max(self.output_bytes, 1)))

    def _many(self, dataset: Any, memory: InMemory, rows: Any, held: Any) -> Done:
        """Batches whose samples are `rows`, a line for each batch, and which count what is `held` for the
        rows of the tensors. The first of a size goes alone."""
        if len(rows) == 1 or self._key(memory.tensors, rows.shape[1]) not in self._known:
            return self._one(dataset.gather(rows[0]))
        places = memory.index(rows)
        index = _wrap(places)
        start = time.perf_counter()
        found = self._compiled(lambda: self.step.scan(*memory.tensors, index=index))
        if found is None:
            return self.eager(dataset.gather(rows[0]))
        self.pace.took(len(rows), time.perf_counter() - start)
        losses, outputs = found if self.keeps else (found, None)
        measured = None
        if outputs is not None:
            with no_grad():
                measured = outputs, memory.tensors[-1][index]
        weights = of_batches(held, places).tolist()
        return self.done(
            losses.tolist(), weights, rows.size, measured, lambda i: dataset.gather(rows[i]), stacked=True
        )

    def _one(self, batch: Any) -> Done:
        """One batch."""
        if self.failure is not None:
            return self.eager(batch)
        known = self._key(batch, len(batch[-1])) in self._known
        before = None if known else plain_state(self.trainer)
        found = self._compiled(lambda: self.step(*batch), first=not known)
        if found is None:
            return self.eager(batch)
        loss, output = found if self.keeps else (found, None)
        check_loss(loss)
        if before is not None:
            self._accept(batch, output, before)
        return self.one(loss, output, batch)

    def _accept(self, batch: Any, output: Any, before: Any) -> None:
        """After the first step of a program: it is as it should be, unless Python took part in it."""
        changed = frozen_state(self.trainer, before)
        if changed is not None:
            # This one step ran in Python, while tracing, and natively: both once, so nothing is amiss yet.
            self._fail(f"{changed} changes with every step, and a compiled step leaves such numbers alone")
            return
        self._known.add(self._key(batch, len(batch[-1])))
        if output is not None:
            self.output_bytes = max(self.output_bytes, output.numel() * output.dtype.itemsize)

    def measure(self, batch: Any) -> tuple[Any, Any] | None:
        """(loss, output) of a batch, compiled; None where that cannot be done."""
        if self.judge is None or not all(isinstance(item, Tensor) for item in batch):
            return None
        try:
            found: tuple[Any, Any] = self.judge(*batch)
        except Exception as error:
            if struck(error):
                raise
            # It is measured in Python instead, where faults of the user's come up in their own place.
            self.judge = None
            return None
        return found

    def _compiled(self, call: Callable[[], Any], first: bool = False) -> Any:
        """The result of a compiled call; None if it could not be compiled, and then nothing has changed.

        Faults of the user's program also come up here at first. They are raised by the eager step instead,
        which follows, and a warning is only given after that one went well.
        """
        from rushlight.compile.capture.trace import TraceError

        try:
            return call()
        except TraceError as error:
            if self.trainer.compile is True:
                raise
            self.failure = str(error)
        except Exception as error:
            if not first or self.trainer.compile is True or struck(error):
                raise
            self.failure = f"{type(error).__name__}: {error}"
        return None

    def _fail(self, reason: str) -> None:
        if self.trainer.compile is True:
            remedy = "Keep them in tensors, or use compile=False."
            raise NotSupportedError(message("Trainer(compile=True)", reason, "state in tensors", remedy))
        self.failure = reason

    def eager(self, batch: Any) -> Done:
        done = super().eager(batch)
        if not self._warned:
            self._warned = True
            warnings.warn(f"training runs eager, not compiled: {self.failure}", RuntimeWarning, stacklevel=2)
        return done

    def _key(self, tensors: Any, samples: int) -> Any:
        return tuple((samples, *t.shape[1:], t.dtype) for t in tensors if hasattr(t, "dtype"))


def make_step(trainer: Trainer, keeps: bool) -> Any:
    """One train step of `trainer` as a compiled function of the batch: loss, and output if it `keeps` it."""
    from rushlight.compile.function import compile

    # Each in a variable of its own, where the compiler looks for what may change.
    model, optimizer, loss_function = trainer.model, trainer.optimizer, trainer.loss
    clip_norm, clip_value = trainer.clip_grad_norm, trainer.clip_grad_value

    def train_step(*batch: Any) -> Any:
        loss, output = train_on(model, optimizer, loss_function, batch, clip_norm, clip_value)
        return (loss, output) if keeps else loss

    return compile(train_step, strict=True)


def make_judge(trainer: Trainer) -> Any:
    """Loss and output of a batch as a compiled function."""
    from rushlight.compile.function import compile

    model, loss_function = trainer.model, trainer.loss

    def judge(*batch: Any) -> Any:
        *inputs, target = batch
        output = run(model, inputs)
        return loss_function(output, target), output

    return compile(judge, strict=True)


def _made_of(trainer: Trainer) -> list[Any]:
    """The objects that a program holds on to; it has to be made anew when they are replaced."""
    optimizer = trainer.optimizer
    states = [v for entries in getattr(optimizer, "state", {}).values() for v in entries.values()]
    return [
        trainer.model,
        trainer.loss,
        optimizer,
        trainer.clip_grad_norm,
        trainer.clip_grad_value,
        bool(trainer.metrics.items),
        *trainer.model.parameters(),
        *states,
    ]


def _wrap(array: Any) -> Any:
    from rushlight import from_numpy

    return from_numpy(array)
