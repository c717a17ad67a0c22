"""`rl.sweep`: many networks trained in one call; `rl.grid`: all combinations of their settings."""

from __future__ import annotations

import inspect
import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from rushlight.core.random import get_rng_state, manual_seed, set_rng_state
from rushlight.errors import ArgumentError, DTypeError, explained, message, unexpected
from rushlight.train.feed import tensors_of
from rushlight.train.interrupt import Interrupted, grad_mode_kept
from rushlight.train.progress import Progress, make_progress
from rushlight.train.sweeping.kept import Kept
from rushlight.train.sweeping.loop import SweepLoop, Task
from rushlight.train.sweeping.result import Run, Sweep
from rushlight.train.sweeping.young import young_only
from rushlight.train.trainer import Trainer

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["Sweep", "grid", "sweep"]


def grid(**axes: Any) -> list[dict[str, Any]]:
    """All combinations of the axes' values, the last axis varying fastest. A string, or any other single
    value, is an axis of one.

    Raises ArgumentError for no axes, and for one without values.

    >>> import rushlight as rl
    >>> rl.grid(lr=[0.1, 0.2], seed=range(2), activation="tanh")[1]
    {'lr': 0.1, 'seed': 1, 'activation': 'tanh'}
    """
    if not axes:
        raise ArgumentError(message("grid", "no axes", "at least one", "Try grid(lr=[0.1, 0.2], seed=3)."))
    values = {name: _values(axis) for name, axis in axes.items()}
    for name, found in values.items():
        if not found:
            raise ArgumentError(message("grid", f"{name} without values", "at least one value"))
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def _values(axis: Any) -> list[Any]:
    single = isinstance(axis, str | bytes | Mapping) or not isinstance(axis, Iterable)
    return [axis] if single else list(axis)


@explained(
    "Call sweep(build, configs, (x, y), epochs): the data are one argument, and what comes after has a name."
)
def sweep(
    build: Callable[..., Trainer],
    configs: Iterable[Mapping[str, Any]],
    train: Any,
    epochs: int,
    *,
    validation: Any = None,
    batch_size: int = 32,
    shuffle: bool = True,
    progress: bool | Progress | None = None,
    compile: bool | Literal["auto"] = "auto",
    executor: Executor | Callable[[], Executor] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Sweep:
    """Train one network for each of `configs`, all of them on the same data, and return the runs as a table.

    build       called as ``build(**config)``; returns a Trainer, which has not trained yet.
    configs     dicts, such as `rl.grid` makes. The key "seed" is special: see below.
    train, validation, batch_size, shuffle, epochs   as for `Trainer.fit`; the data are shared.
    progress    as for Trainer: one bar for the whole sweep.
    compile     "auto": networks whose training steps are the same program, with other numbers, train side by
                side in native code, one network on each core; those that cannot, one after the other by
                their own `fit`, and a warning says why. True: an error then. False: eager.
    executor    a `concurrent.futures.Executor`, of processes on this machine or of Dask, MPI and others on
                many: its workers train shares of the list. Or a function that makes one, which is called
                again when the executor breaks. Functions are sent by cloudpickle. A share that is lost with
                its worker is sent again; after some losses of the same network WorkerError is raised.
    out         a folder that keeps the networks' states: those that are done, and about every 10 seconds
                those under way. Workers of an executor that reach the folder do so too, and what is lost with
                one of them goes on from there. With `resume` a sweep that was killed or interrupted goes on,
                to the same bits; `overwrite` trains anew over what the folder holds.

    Each run is, bit for bit and for any number of cores, the run alone, until it diverges, with seed
    s = config.get("seed", 0)::

        rl.manual_seed(s)
        trainer = build(**config)  # without the seed, if build takes none
        trainer.seed = s           # unless it has one: it decides the order of batches and dropout
        trainer.fit(train, epochs, batch_size=batch_size, shuffle=shuffle, validation=validation)

    in weights, optimiser state and history (but for its seconds, which are the run's share). All trainers are
    built before the first one trains, so `build` has to keep to what it is given. The global random state is
    afterwards what it was.

    A network whose loss is no longer finite is marked (`Run.diverged`) and stops, where `fit` alone raises
    AnomalyError; the others go on. Ctrl-C raises Interrupted, whose `sweep` holds the runs as far as they
    came.

    Raises ArgumentError for no configs, and for a folder `out` that holds another sweep; DTypeError for a
    `build` that returns no Trainer.

    >>> import rushlight as rl
    >>> def build(lr, seed):
    ...     model = rl.nn.MLP(1, [8], 1, activation="tanh")
    ...     return rl.train.Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), rl.nn.MSELoss())
    >>> x = rl.linspace(-1, 1, 64).reshape(64, 1)
    >>> configs = rl.grid(lr=[0.01, 0.3], seed=range(3))
    >>> result = rl.sweep(build, configs, (x, x * x), epochs=20, batch_size=16, progress=False)
    >>> len(result), result.best("train_loss").config["lr"], result.curves("train_loss", lr=0.3).shape
    (6, 0.3, (3, 20))
    """
    if not callable(build):
        remedy = "Pass a function that returns rl.train.Trainer(model, optimizer, loss)."
        raise DTypeError(message("sweep", f"build={build!r:.60}", "a function", remedy))
    if compile not in (True, False, "auto"):
        raise ArgumentError(message("sweep", f"compile={compile!r}", 'True, False or "auto"'))
    if not isinstance(epochs, int) or epochs < 1:
        raise ArgumentError(message("sweep", f"epochs={epochs!r}", "a whole number, 1 or more"))
    if resume and out is None:
        raise ArgumentError(message("sweep", "resume=True without a folder", "sweep(..., out=FOLDER)"))
    began, before = time.perf_counter(), get_rng_state()
    result, kept = Sweep([], epochs), None
    mode = grad_mode_kept()
    try:
        with mode, mode, mode, ExitStack() as stack:
            with young_only():
                result.runs = build_all(build, configs)
            train, validation = (_once_for_all(data, result.runs) for data in (train, validation))
            task = Task(train, validation, epochs, batch_size, shuffle, compile)
            if out is not None:
                kept = out if isinstance(out, Kept) else Kept(out, resume, overwrite)
                stack.enter_context(kept.open(task, [run.config for run in result.runs]))
                kept.restore(result.runs)
            shown = make_progress(progress)
            if executor is None:
                SweepLoop(result, task, partial(make_trainer, build), shown, kept).run()
            else:
                from rushlight.train.sweeping.spread import spread

                spread(result, task, build, executor, shown, kept)
    except Interrupted as error:
        if kept is None:
            error.keep = partial(_keep, task, result)
        raise
    finally:
        set_rng_state(before)
        result.seconds = time.perf_counter() - began
    return result


def build_all(build: Callable[..., Trainer], configs: Iterable[Mapping[str, Any]]) -> list[Run]:
    """A run that has not trained yet for each of the configs."""
    if isinstance(configs, Mapping) or not isinstance(configs, Iterable):
        got = f"configs of type {type(configs).__name__}"
        raise DTypeError(message("sweep", got, "a list of dicts", "rl.grid(lr=[0.1, 0.2]) makes one."))
    runs = [
        Run(number, config, make_trainer(build, config)) for number, config in enumerate(_checked(configs))
    ]
    if not runs:
        raise ArgumentError(message("sweep", "no configs", "at least one"))
    for part in ("model", "optimizer", "scheduler", "early_stopping"):
        made = [found for run in runs if (found := getattr(run.trainer, part)) is not None]
        if len({id(found) for found in made}) < len(made):
            remedy = "Make everything inside build."
            raise ArgumentError(message("sweep", f"one {part} in two trainers", "one for each", remedy))
    return runs


def make_trainer(build: Callable[..., Trainer], config: Mapping[str, Any]) -> Trainer:
    """The trainer of one config, as a run alone makes it."""
    seed = config.get("seed", 0)
    given = config if _takes_seed(build) else {k: v for k, v in config.items() if k != "seed"}
    manual_seed(seed)
    try:
        trainer = build(**given)
    except TypeError:
        _check_call(build, given)
        raise
    if not isinstance(trainer, Trainer):
        remedy = "Let build return rl.train.Trainer(model, optimizer, loss)."
        raise DTypeError(message("sweep", f"a build that returns {trainer!r:.60}", "a Trainer", remedy))
    if trainer.seed is None:
        trainer.seed = seed
    return trainer


def _check_call(build: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Raise TypeError for settings that `build` does not take, or not all that it takes."""
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):
        return
    name, known = getattr(build, "__name__", "build"), signature.parameters
    if unknown := [setting for setting in given if setting not in known]:
        raise unexpected(name, unknown[0], known, f"A config has its arguments, {signature}.") from None
    try:
        signature.bind(**given)
    except TypeError as error:
        got = f"a config {dict(given)!r:.200} ({error})"
        raise DTypeError(message("sweep", got, f"the arguments of {name}{signature}")) from None


def _once_for_all(data: Any, runs: list[Run]) -> Any:
    """Arrays as tensors that all networks share; each network has its own where their dtypes differ."""
    dtypes = {run.trainer.dtype for run in runs}
    return tensors_of("sweep", data, dtypes.pop()) if len(dtypes) == 1 else data


def _keep(task: Task, result: Sweep, out: str | os.PathLike[str]) -> None:
    """Write the runs of a sweep that was stopped into the folder `out`."""
    kept = Kept(out, resume=False, overwrite=False)
    with kept.open(task, [run.config for run in result.runs]):
        kept.save(result.runs)


def _checked(configs: Iterable[Any]) -> list[dict[str, Any]]:
    found = list(configs)
    for config in found:
        if not isinstance(config, Mapping) or not all(isinstance(key, str) for key in config):
            raise DTypeError(message("sweep", f"a config {config!r:.60}", "a dict of named settings"))
    return [dict(config) for config in found]


def _takes_seed(build: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(build).parameters
    except (TypeError, ValueError):
        return True
    return "seed" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
