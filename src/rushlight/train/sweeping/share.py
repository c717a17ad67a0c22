"""What a worker does with a share of a sweep, wherever it runs: a function of bytes that gives bytes."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import pickle
import platform
import sys
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from rushlight.core.atomic import make_lock
from rushlight.train.interrupt import Interrupted
from rushlight.train.sweeping.kept import Lent, Place
from rushlight.train.sweeping.states import dump
from rushlight.version import __version__

__all__ = ["ALONE", "Answer", "Share", "machine", "train_share", "unpickled"]

ALONE = make_lock()
"""Held while networks are made and trained: random numbers belong to the process, whatever its threads do."""

_held: dict[str, Any] = {}
"""The training and validation data that this process was sent last, by their key."""


@dataclass
class Share:
    """Runs of a sweep by their numbers, with all that it takes to train them but the data.

    states  of those that have begun; place: where the worker may keep what it does.
    """

    numbers: list[int]
    configs: list[dict[str, Any]]
    build: Any
    options: dict[str, Any]
    threads: int | None
    states: bytes | None = None
    place: Place | None = None


@dataclass
class Answer:
    """What became of a share.

    states    of its networks, trained, as bytes; None where there are none.
    wants     whether the data have to be sent along.
    error     what training raised, pickled, and as text.
    warnings  pairs (category, pickled; text).
    machine   that of the worker.
    """

    states: bytes | None = None
    wants: bool = False
    stopped: bool = False
    error: tuple[bytes, str] | None = None
    compiled: int | None = None
    why_eager: str | None = None
    warnings: tuple[tuple[bytes, str], ...] = ()
    machine: dict[str, str] = field(default_factory=dict)


def train_share(sending: int, share: bytes, key: str, data: bytes | None) -> Answer:
    """Train the networks of a pickled Share on the data that `key` names, sent along or before.

    `sending` tells this call from all others: some executors take equal calls for one. What the user's
    program raises is part of the answer, so that an exception from here means that the worker is lost.
    """
    with ALONE:
        try:
            if key not in _held:
                if data is None:
                    return Answer(wants=True)
                _held.clear()
                _held[key] = pickle.loads(data)
            return _train(pickle.loads(share), *_held[key])
        except (Interrupted, KeyboardInterrupt):
            return Answer(stopped=True)
        except BaseException as error:  # a program may end by sys.exit, too
            return Answer(error=_pickled(error))


def _train(share: Share, train: Any, validation: Any) -> Answer:
    from rushlight.train.sweeping.call import sweep

    with warnings.catch_warnings(record=True) as told, _threads(share.threads):
        warnings.simplefilter("always")
        kept: Any = Lent(share.place, share.numbers, share.states)
        result = sweep(
            share.build,
            share.configs,
            train,
            validation=validation,
            progress=False,
            out=kept,
            **share.options,
        )
    texts = dict.fromkeys((warning.category, str(warning.message)) for warning in told)
    return Answer(
        dump(result.runs),
        compiled=result.compiled,
        why_eager=result.why_eager,
        warnings=tuple((_category(category), text) for category, text in texts),
        machine=machine(),
    )


@functools.cache
def machine() -> dict[str, str]:
    """On what the bits of a result depend here: versions by name, and the processor."""
    from rushlight.compile import host

    found = {name: importlib.metadata.version(name) for name in ("numpy", "llvmlite") if find_spec(name)}
    processor = host.describe().cpu if host.available() else platform.machine()
    return {"rushlight": __version__, **found, "processor": processor}


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compiled programs use so many threads for the length of a ``with``; those of a Dask worker, if None."""
    from rushlight.compile.native import threads

    if count is None and (dask := sys.modules.get("distributed")) is not None:
        with contextlib.suppress(ValueError, AttributeError):  # no worker, or another package
            count = dask.get_worker().state.nthreads
    before = threads._chosen
    if count is not None:
        threads.set_num_threads(count)
    try:
        yield
    finally:
        threads._chosen = before


def _category(category: type[Warning]) -> bytes:
    """A warning's class, or of those it is made of the nearest that can be sent."""
    for kind in category.__mro__:
        made = _tried(kind)
        if made is not None:
            return made
    raise AssertionError("every class is an object")


def _tried(value: Any) -> bytes | None:
    """The bytes of what can be pickled and read again."""
    try:
        made = pickle.dumps(value)
        pickle.loads(made)
    except Exception:
        return None
    return made


def unpickled(made: bytes, other: Any) -> Any:
    """What a worker pickled, or `other` where this process has not what it takes."""
    try:
        return pickle.loads(made)
    except Exception:
        return other


def _pickled(error: BaseException) -> tuple[bytes, str]:
    """The error with its traceback as a note; one that cannot be sent as a RuntimeError of that text."""
    text = "".join(traceback.format_exception(error)).rstrip()
    error.add_note(f"It was raised in a worker of the sweep:\n{text}")
    return _tried(error) or pickle.dumps(RuntimeError(text)), text
