"""``rushlight train``: one model, from data to pictures."""

from __future__ import annotations

import contextlib
import math
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight.cli.console import UserError, say, undrawn, warn
from rushlight.cli.describe import describe
from rushlight.cli.saved import FILE, SavedModel, build_model
from rushlight.cli.settings import Settings
from rushlight.cli.tasks import Parts, load_parts, make_loss, make_optimizer
from rushlight.cli.threads import set_threads
from rushlight.interop.files import check_writable, remove_leftovers
from rushlight.interop.locks import locked, made
from rushlight.interop.strict import parse_json
from rushlight.train import EarlyStopping, Interrupted, Trainer, read_checkpoint

__all__ = [
    "CHECKPOINT", "CONFIG", "PLAN", "SWEEP", "Result", "folder", "free_folder", "heed_threads", "how_to_run",
    "make_trainer", "of_table", "open_run", "refuse_used", "run_files", "train_one", "train_run", "versions",
    "write_config", "written",
]  # fmt: skip

CONFIG, CHECKPOINT, SWEEP = "config.json", "checkpoint.safetensors", "sweep.csv"
PLAN = "sweep.json"
"""What a sweep was asked for, as long as it is not finished."""


@dataclass
class Result:
    """What a run came to."""

    seed: int
    train_loss: float
    test_loss: float
    test_error: float
    epochs: int
    seconds: float


def open_run(
    dataset: str, given: dict[str, Any], out: Path | None, resume: bool, force: bool
) -> tuple[Settings, Path]:
    """The settings and the folder of a run, checked; nothing is written."""
    from rushlight.cli.settings import from_options

    if resume:
        if out is None:
            raise UserError("--resume needs --out DIR, the folder of the run to go on with", 2)
        if not (out / CONFIG).exists():
            raise UserError(f"there is no run to resume in {out}: no {CONFIG}")
        if of_table(out):
            raise UserError(f"{out} holds a run on a table, not on {dataset}", 2)
        settings = Settings.read(out / CONFIG)
        if settings.dataset != dataset:
            raise UserError(f"{out} holds a run on {settings.dataset}, not on {dataset}", 2)
        settings = settings.resumed(given)
    else:
        settings = from_options(dataset, given)
        out = out or free_folder(dataset)
        if not force:
            refuse_used(out)
    return settings, out


def of_table(out: Path) -> bool:
    """Whether the run in a folder is on a table, as far as its config.json can be read."""
    try:
        return "table" in parse_json((out / CONFIG).read_bytes())
    except (OSError, ValueError, TypeError):
        return False


def refuse_used(out: Path) -> None:
    """UserError if the folder already holds a run or a sweep."""
    if (out / PLAN).exists():
        raise UserError(
            f"{out} already holds a sweep that is not finished; nothing was changed. Go on with it by "
            f"rushlight sweep --resume {shlex.quote(str(out))}, add --overwrite to write over it, or choose "
            "another --out"
        )
    if (out / SWEEP).exists():
        raise UserError(
            f"{out} already holds a sweep; nothing was changed. Add --overwrite to write over it, or choose "
            "another --out"
        )
    if (out / CONFIG).exists():
        raise UserError(
            f"{out} already holds a run; nothing was changed. Add --resume to go on with it, --overwrite to "
            "train anew over it, or choose another --out"
        )


@contextlib.contextmanager
def folder(out: Path, alone: bool = True) -> Iterator[None]:
    """Make the folder of a command, and lock it if it is for this one `alone`.

    A command that fails before it wrote anything leaves nothing.

    Raises UserError if nothing can be written there.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(made(out))
            check_writable(out)
            if alone:
                stack.enter_context(locked(out, "rushlight"))
        except OSError as error:
            raise UserError(f"cannot write to the folder {out}: {error.strerror or error}") from error
        yield


@contextlib.contextmanager
def run_files(settings: Settings, out: Path, resume: bool, kept: str = CHECKPOINT) -> Iterator[None]:
    """Write config.json; if a new run then fails before it left anything named like `kept`, take it back."""
    write_config(settings, out, resume)
    try:
        yield
    except BaseException:
        if not resume and not any(out.glob(kept)):
            (out / CONFIG).unlink(missing_ok=True)
        raise


def written(out: Path) -> str:
    """What the folder holds, for the user."""
    paths = sorted(path for path in out.iterdir() if not path.name.startswith("."))
    folders = [path.name for path in paths if path.is_dir()]
    names = [path.name for path in paths if path.is_file()]
    if folders:
        names.append(f"{folders[0]}/" + (f" to {folders[-1]}/" if len(folders) > 1 else ""))
    return f"{out}: {', '.join(names)}"


def write_config(settings: Settings, out: Path, resume: bool) -> None:
    """Write config.json; a new run over an old one first drops what could be taken for its own."""
    if resume and (out / CHECKPOINT).exists():
        read_checkpoint(out / CHECKPOINT)  # a damaged one is refused before anything is written
    if not resume:
        for name in (CHECKPOINT, "history.csv", FILE, SWEEP):
            (out / name).unlink(missing_ok=True)
    for name in (CONFIG, FILE, "runs.csv"):
        remove_leftovers(out / name)
    settings.write(out / CONFIG, versions())


def versions() -> dict[str, str]:
    """What computes a run."""
    import numpy

    python = ".".join(str(part) for part in sys.version_info[:3])
    return {"rushlight": rl.__version__, "numpy": numpy.__version__, "python": python}


def train_run(settings: Settings, out: Path, resume: bool, quiet: bool, pictures: bool) -> None:
    """Train one model and tell the user all about it."""
    how_to_run(settings)
    heed_threads(settings.threads)
    with folder(out):
        data = load_parts(settings)
        if not quiet:
            _introduce(settings, data)
        with run_files(settings, out, resume):
            saved, trainer, result = train_one(settings, data, out, resume, None if not quiet else False)
        if pictures:
            _draw(saved, trainer, data, out)
        _report(settings, result, out, quiet)


def train_one(
    settings: Settings, data: Parts, out: Path, resume: bool, progress: Any
) -> tuple[SavedModel, Trainer, Result]:
    """Train, save and test one model in the folder `out`."""
    began = time.perf_counter()
    trainer = make_trainer(
        settings, metrics=["accuracy"], out=out, progress=progress, compile=how_to_run(settings)
    )
    loader = rl.data.DataLoader(data.train, settings.batch_size, shuffle=True, seed=settings.seed)
    try:
        trainer.fit(loader, settings.epochs, validation=data.validation, resume=resume)
    except Interrupted:
        name = settings.dataset
        raise Interrupted(
            f"stopped after epoch {trainer.position.epoch} of {settings.epochs}, batch "
            f"{trainer.position.batch} of the next. Saved. To go on:\n"
            f"rushlight train {name} --out {shlex.quote(str(out))} --resume"
        ) from None
    saved = SavedModel(trainer.model, settings, data.facts)
    saved.save(out / FILE)
    tested = trainer.evaluate(data.test)
    rows = trainer.history.rows
    return (
        saved,
        trainer,
        Result(
            settings.seed,
            float(rows[-1].get("train_loss", math.nan)) if rows else math.nan,
            tested["loss"],
            1.0 - tested["accuracy"],
            len(rows),
            time.perf_counter() - began,
        ),
    )


def make_trainer(settings: Settings, **more: Any) -> Trainer:
    """A trainer of a new net, drawn from the seed, with the loss and the optimiser of `settings`."""
    rl.manual_seed(settings.seed)
    model = build_model(settings)
    stopping = None if settings.patience is None else EarlyStopping(patience=settings.patience)
    return Trainer(
        model, make_optimizer(settings, model), make_loss(settings), early_stopping=stopping, **more
    )


def how_to_run(settings: Any) -> Any:
    """The Trainer's `compile` of a run; UserError when it must be compiled and cannot be."""
    if settings.compile and find_spec("llvmlite") is None:
        raise UserError('--compile needs llvmlite: pip install "rushlight[all]"', 2)
    return "auto" if settings.compile is None else settings.compile


def heed_threads(count: int) -> None:
    """Set the number of threads, or say that it could not be done."""
    from rushlight.compile.native.threads import set_num_threads

    set_num_threads(count)
    if not set_threads(count):
        warn(f"--threads {count} could not be set in this NumPy; it uses as many threads as it likes")


def free_folder(dataset: str) -> Path:
    """A folder for a run that was given none: runs/NAME-1, or the next number that is free."""
    number = 1
    while (folder := Path("runs") / f"{dataset}-{number}").exists():
        number += 1
    return folder


def _introduce(settings: Settings, data: Parts) -> None:
    for line in describe(settings, data):
        say(line)
    say(f"running    {_engine(settings)}")


def _engine(settings: Settings) -> str:
    """Whether the run is compiled, and if not, why."""
    reason = make_trainer(settings, compile=how_to_run(settings)).why_eager()
    if reason is None:
        return "compiled: the train step runs as native code"
    return f"eager ({'--no-compile' if settings.compile is False else reason})"


def _draw(saved: SavedModel, trainer: Trainer, data: Parts, out: Path) -> None:
    from rushlight.cli.pictures import draw_all

    try:
        draw_all(saved, trainer, data, out)
    except ImportError as error:
        undrawn("pictures were not drawn", error)


def _report(settings: Settings, result: Result, out: Path, quiet: bool) -> None:
    if not quiet:
        say()
    say(
        f"test error {100 * result.test_error:.2f} % (accuracy {1 - result.test_error:.4f}), test loss "
        f"{result.test_loss:.4g}, after {result.epochs} epochs in {result.seconds:.1f} s"
        + (f", in {out}" if quiet else "")
    )
    if quiet:
        return
    say(f"written to {written(out)}")
    sample = "points.csv" if settings.dataset == "disk" else "digit.png"
    place = shlex.quote(str(out))
    say(f"next: rushlight evaluate {place}")
    say(f"  or: rushlight predict {place} {sample}")
