"""Damaged and hostile files, made by the thousand from good ones, for every reader of the package.

python -m tests.hostile [count] [seed]

A reader takes a file or refuses it with an error of `rushlight.errors`; the command line ends with a message
and an exit status. Anything else is a fault, as is asking for much memory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import rushlight as rl
from rushlight.cli.runs import _read as read_runs
from rushlight.cli.saved import SavedModel, build_model
from rushlight.cli.settings import Settings, from_options
from rushlight.data.idx import encode_idx, read_idx
from rushlight.errors import RushlightError
from rushlight.interop import load_file, load_metadata, save_file
from rushlight.interop.containers import MAGIC
from rushlight.interop.pictures import read_clothing, read_digit
from rushlight.interop.points import read_points
from rushlight.train import History, Trainer, load_checkpoint
from rushlight.vision.datasets.cifar import read_pickle
from rushlight.vision.datasets.folder import default_loader
from tests.cli_helpers import call
from tests.damage import damaged, deep, odd_archive, odd_json, odd_tensors, summed

MEMORY = 600 * 2**20
"""Bytes that a reader may ask for, of files that all have less than 10,000."""
INDEX, PART = "model.safetensors.index.json", "part.safetensors"


def _saved() -> tuple[bytes, bytes]:
    """Files of rl.save and of an old PyTorch."""
    weight = rl.arange(12.0).reshape(3, 4)
    state = OrderedDict(weight=weight, row=weight[1], bias=rl.nn.Parameter(rl.ones(3)))
    options = Namespace(lr=0.1, sizes=[1, 2], name=None)
    more = ((1, 2.5), {3, "a"}, rl.float32, rl.device("cpu"), defaultdict(list, {1: []}), 2**70)
    arrays = [np.arange(3), np.float64(0.5)]
    value = {"model": state, "args": options, "arrays": arrays, "b": b"\xff", "more": more}
    stream = io.BytesIO()
    rl.save(value, stream)
    with zipfile.ZipFile(stream) as archive:
        entries = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    facts = [MAGIC, 1001, {"little_endian": sys.byteorder == "little"}]
    parts = [pickle.dumps(fact, 2) for fact in facts] + [entries["data.pkl"], pickle.dumps(["0", "1"], 2)]
    for number in "01":
        data = entries[f"data/{number}"]
        parts += [(len(data) // 4).to_bytes(8, sys.byteorder), data]
    return stream.getvalue(), b"".join(parts)


def cifar_batch() -> bytes:
    """A batch of CIFAR with three pictures, as Python 3 writes it in the second format of pickles."""
    pixels = np.arange(3 * 3072, dtype=np.uint64).astype(np.uint8).reshape(3, 3072)
    return pickle.dumps({"data": pixels, "labels": [0, 2, 1], b"batch_label": "one"}, 2)


Reader = Callable[[Path], Any]


class Zoo:
    """Good files in a folder, how each is damaged, and what reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder, run = folder, folder / "good"
        options = (
            "--epochs",
            "2",
            "--hidden",
            "3",
            "--no-pictures",
            "--no-compile",
            "--patience",
            "5",
            "--force",
        )
        assert call("train", "disk", *options, "--out", run).code == 0
        points = "x,y\n0.25,0.5\n0.75,0.125\n"
        (folder / "points.csv").write_text(points)
        runs = "seed,train_loss,test_loss,test_error,epochs,seconds\n0,0.5,0.25,0.125,3,0.5\n"
        digits = from_options("mnist", {"hidden": "2"})
        facts = {"classes": list("0123456789"), "mean": 0.1307, "std": 0.3081}
        SavedModel(build_model(digits), digits, facts).save(folder / "digits.safetensors")
        read = {name: (run / name).read_bytes() for name in os.listdir(run)}
        saved, old = _saved()
        idx = encode_idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
        self.good: dict[str, bytes] = {
            "model.safetensors": read["model.safetensors"],
            "checkpoint.safetensors": read["checkpoint.safetensors"],
            "config.json": read["config.json"],
            INDEX: json.dumps({"metadata": {"total_size": 8}, "weight_map": {"weight": PART}}).encode(),
            "history.csv": read["history.csv"],
            "runs.csv": runs.encode(),
            "points.csv": points.encode(),
            **_tables(folder),
            "a.idx": idx,
            "a.idx.gz": gzip.compress(idx, mtime=0),
            "saved.pt": saved,
            "old.pt": old,
            "batch.cifar": cifar_batch(),
            **_pictures(),
        }

    def cases(self, count: int, seed: int) -> Iterator[tuple[str, bytes, Reader, str]]:
        """Name of the file, its bytes, what reads it, and what that is called."""
        luck, names = random.Random(seed), list(self.good)
        for _ in range(count):
            name = luck.choice(names)
            data = self.good[name]
            if name.endswith(".safetensors") and luck.random() < 0.6:
                data = odd_tensors(data, luck)
            elif name == "saved.pt" and luck.random() < 0.7:
                data = odd_archive(data, luck)
            elif name in ("config.json", INDEX) and luck.random() < 0.6:
                data = (
                    deep(luck)
                    if luck.random() < 0.1
                    else json.dumps(odd_json(json.loads(data), luck)).encode()
                )
            elif name.endswith(".gz") and luck.random() < 0.5:
                data = gzip.compress(damaged(self.good[name.removesuffix(".gz")], data, luck), mtime=0)
            else:
                data = damaged(data, self.good[luck.choice(names)], luck)
                if name.endswith(".png") and luck.random() < 0.7:
                    data = summed(data)
            readers = _readers(name, self.folder)
            what = luck.choice(list(readers))
            yield name, data, readers[what], what


def _tables(folder: Path) -> dict[str, bytes]:
    """A table, packed too, and a model of it."""
    rows = [f"{i},{'abc'[i % 3]},2024-01-{i + 1:02},{i * i % 7}" for i in range(24)]
    table = "\n".join(["size,kind,day,price", *rows, ""]).encode()
    (folder / "good-table.csv").write_bytes(table)
    model = rl.tabular.fit(
        folder / "good-table.csv", "price", hidden=(3,), members=2, epochs=1, progress=False, compile=False
    )
    model.save(folder / "table.safetensors")
    packed = gzip.compress(table, mtime=0)
    return {
        "table.safetensors": (folder / "table.safetensors").read_bytes(),
        "table.csv": table,
        "table.csv.gz": packed,
    }


def _pictures() -> dict[str, bytes]:
    from PIL import Image

    pixels = np.zeros((40, 30), np.uint8)
    pixels[10:30, 12:16] = 250
    grey, found = Image.fromarray(pixels), {}
    exif = Image.Exif()
    exif[274] = 6
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "grey.png": (grey, {}),
        "palette.png": (grey.convert("P"), {"transparency": 0}),
        "alpha.png": (grey.convert("LA"), {"exif": exif}),
        "deep.png": (Image.fromarray(pixels.astype(np.uint16) * 257), {}),
        "photo.jpg": (grey.convert("RGB"), {"exif": exif}),
        "progressive.jpg": (grey, {"progressive": True}),
    }
    for name, (picture, options) in kinds.items():
        stream = io.BytesIO()
        picture.save(stream, format="PNG" if name.endswith("png") else "JPEG", **options)
        found[name] = stream.getvalue()
    return found


def _readers(name: str, folder: Path) -> dict[str, Reader]:
    run, points = folder / "good", folder / "points.csv"
    if name == "model.safetensors":
        return {
            "load_file": load_file,
            "load_metadata": load_metadata,
            "predict": lambda path: call("predict", path, points),
            "evaluate": lambda path: call("evaluate", path),
            "summary": lambda path: call("summary", path),
        }
    if name == "table.safetensors":
        return {
            "tabular.load": rl.tabular.load,
            "predict": lambda path: call("predict", path, folder / "good-table.csv"),
            "summary": lambda path: call("summary", path),
        }
    if name.startswith("table.csv"):
        return {
            "tabular.read": rl.tabular.read,
            "predict": lambda path: call("predict", folder / "table.safetensors", path),
            "evaluate": lambda path: call("evaluate", folder / "table.safetensors", path),
        }
    if name == "checkpoint.safetensors":
        return {
            "load_checkpoint": _load,
            "resume": lambda path: _resume(path, folder),
            "load_file": load_file,
        }
    if name == "config.json":
        return {
            "Settings.read": Settings.read,
            "resume": lambda path: _resume(path, folder),
            "summary": lambda path: call("summary", path.parent),
        }
    if name == INDEX:
        return {"load_model": _load_sharded}
    if name == "points.csv":
        return {"read_points": read_points, "predict": lambda path: call("predict", run, path)}
    if name.endswith((".png", ".jpg")):
        model = folder / "digits.safetensors"
        return {
            "read_digit": read_digit,
            "read_clothing": read_clothing,
            "default_loader": default_loader,
            "predict": lambda path: call("predict", model, path),
        }
    if name == "batch.cifar":
        return {"read_pickle": lambda path: read_pickle(path.read_bytes(), path.name)}
    if name.endswith(".pt"):
        return {"rl.load": rl.load, "load_file": load_file}
    return {"history.csv": {"from_csv": History.from_csv}, "runs.csv": {"runs": read_runs}}.get(
        name, {"read_idx": read_idx}
    )


def _load_sharded(path: Path) -> None:
    save_file({"weight": rl.ones(1, 2)}, path.parent / PART)
    rl.hub.load_model(rl.nn.Linear(2, 1), path, strict=False)


def _load(path: Path) -> None:
    model = rl.nn.MLP(2, [3], 1, activation=["relu"], output="tanh")
    optimizer = rl.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    trainer = Trainer(model, optimizer, rl.nn.MSELoss())
    load_checkpoint(
        path, model=model, optimizer=optimizer, position=trainer.position, history=trainer.history
    )


def _resume(path: Path, folder: Path) -> Any:
    """Go on with a copy of the good run that has this file in the place of its own; nothing is trained."""
    run = folder / "again"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(folder / "good", run)
    shutil.copy(path, run / path.name)
    with mock.patch("rushlight.train.loop.FitLoop._train", _all_used):
        return call(
            "train", "disk", "--out", run, "--resume", "--epochs", "3", "--runs", "1", "--no-pictures"
        )


def _all_used(loop: Any, plan: Any, asked: Any) -> None:
    position = loop.position
    position.batch += 1
    position.loss_sum, position.loss_weight = position.loss_sum + 1.0, position.loss_weight + 1
    plan.answer(None)


def faults(folder: Path, count: int, seed: int, tally: Counter[str] | None = None) -> list[str]:
    """What went wrong over `count` files, with a way to have it again; counts by outcome go into `tally`."""
    zoo, found = Zoo(folder), []
    tally = Counter() if tally is None else tally
    slowest = (0.0, "")
    for number, (name, data, reader, what) in enumerate(zoo.cases(count, seed)):
        place = folder / "bad"
        place.mkdir(exist_ok=True)
        path = place / name
        path.write_bytes(data)
        began = time.perf_counter()
        try:
            with bounded(MEMORY):
                done = reader(path)
            outcome = "taken"
            if hasattr(done, "code") and done.code:
                outcome = "refused"
                if done.code not in (1, 2) or "Traceback" in done.err or not done.err.strip():
                    raise AssertionError(f"exit status {done.code}: {done.err}")
                if "not enough memory" in done.err:
                    raise AssertionError(done.err)
        except RushlightError as error:
            outcome = "refused"
            if not str(error).strip():
                found.append(f"file {number} of seed {seed}, {what} of {name}: an empty message")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome = "fault"
            last = "".join(traceback.format_exception(error)[-4:])
            found.append(f"file {number} of seed {seed}, {what} of {name}: {last}")
        tally[f"{what} of {name}: {outcome}"] += 1
        slowest = max(slowest, (time.perf_counter() - began, f"file {number}, {what} of {name}"))
        path.unlink()
    tally[f"slowest: {slowest[1]}, ms"] = round(1000 * slowest[0])
    return found


@contextlib.contextmanager
def bounded(more: int) -> Iterator[None]:
    """So many bytes of address space more than now, and no more, where the system can hold us to that."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main() -> None:
    count, seed = (int(text) for text in (*sys.argv[1:], *("10000", "0")[len(sys.argv) - 1 :]))
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        found = faults(Path(name), count, seed, tally)
    for line in sorted(tally):
        print(f"{tally[line]:6} {line}")
    for text in found[:20]:
        print(text)
    print(f"{count} damaged files, {len(found)} faults")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
