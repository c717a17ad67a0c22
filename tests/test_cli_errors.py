"""Mistakes on the command line: one clear message on stderr, an exit status, and files left as they were."""

from __future__ import annotations

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rushlight.interop.locks import locked
from tests.cli_helpers import Done, call, python


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run."""
    done = call("train", "disk", "--epochs", "2", "--no-pictures", "--quiet", "--out", tmp_path / "run")
    assert done.code == 0, done.err
    return tmp_path / "run"


def image(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_refused(done: Done, text: str, code: int | None = None) -> None:
    assert done.code in ((1, 2) if code is None else (code,))
    assert text in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--foo", "1"), "No such option: --foo"),
        (("--lr", "fast"), "--lr"),
        (("--lr", "-1"), "--lr -1.0: expected a number above 0"),
        (("--lr", "nan"), "--lr nan"),
        (("--momentum", "1"), "--momentum 1.0"),
        (("--epochs", "0"), "--epochs 0: expected a number at least 1"),
        (("--batch-size", "0"), "--batch-size 0"),
        (("--seed", "-1"), "--seed -1"),
        (("--runs", "0"), "--runs 0"),
        (("--threads", "0"), "--threads 0"),
        (("--hidden", "25,x"), "--hidden '25,x': expected widths such as 25,25,25"),
        (("--hidden", "25,-3"), "--hidden '25,-3'"),
        (("--activation", "relu,tanh"), "--activation has 2 names for 3 hidden layers"),
        (("--activation", "swish"), "unknown --activation 'swish'; there are relu, tanh"),
        (("--output", "cosine"), "unknown --output 'cosine'"),
        (("--output", "tanh", "--loss", "bce"), "--output tanh does not fit --loss bce; expected sigmoid"),
        (("--outputs", "3"), "--outputs 3 does not fit disk"),
        (("--loss", "hinge"), "unknown --loss 'hinge'"),
        (("--optimizer", "rmsprop"), "unknown --optimizer 'rmsprop'; there are sgd, adam, adamw"),
        (("--init", "magic"), "magic"),
        (("--patience", "0"), "--patience 0"),
    ],
)
def test_wrong_options(tmp_path: Path, options: tuple[str, ...], text: str) -> None:
    assert_refused(call("train", "disk", "--out", tmp_path / "new", *options), text)
    assert not (tmp_path / "new").exists()


def test_unknown_data_set_and_command() -> None:
    assert_refused(call("train", "cifar"), "'cifar' is not one of", 2)
    assert_refused(call("learn"), "No such command", 2)


def test_folder_that_holds_a_run_or_cannot_be_written(run: Path, tmp_path: Path) -> None:
    before = image(run)
    assert_refused(call("train", "disk", "--out", run), "already holds a run; nothing was changed")
    assert_refused(
        call("train", "disk", "--out", run, "--resume", "--lr", "0.3"), "cannot change --lr 0.3 (was 0.05)"
    )
    assert_refused(call("train", "mnist", "--out", run, "--resume"), "holds a run on disk, not on mnist")
    file = run / "config.json"
    assert_refused(call("train", "disk", "--out", file), "cannot write to the folder")
    assert_refused(call("train", "disk", "--out", file / "below"), "cannot write to the folder")
    assert_refused(call("train", "disk", "--resume"), "--resume needs --out")
    assert_refused(call("train", "disk", "--out", tmp_path / "no", "--resume"), "no run to resume")
    assert image(run) == before


def test_damaged_checkpoint_and_config(run: Path) -> None:
    checkpoint = run / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-7])
    before = image(run)
    assert_refused(call("train", "disk", "--out", run, "--resume", "--epochs", "4", "-q"), "damaged")
    assert image(run) == before
    wrong: dict[str, list[Any]] = {
        "hidden": ["many", None, [1.5], [99999999, 99999999], [10**30]],
        "lr": [[], math.inf, math.nan, True, 10**400],
        "epochs": [1e300, 0, "9"], "seed": [None, -1], "compile": [1], "data": [5, "\0"], "threads": [10**8],
        "activation": [[[]], "relu"], "dataset": ["moon", {}, None],
    }  # fmt: skip
    texts = [json.dumps({"dataset": "disk", name: value}) for name in wrong for value in wrong[name]]
    for text in ("{", "[]", "null", "{}", "[" * 100_000, '{"dataset":' * 100_000, *texts):
        (run / "config.json").write_text(text)
        assert_refused(call("train", "disk", "--out", run, "--resume"), "damaged")


def test_models_that_are_none(run: Path, tmp_path: Path) -> None:
    points = tmp_path / "p.csv"
    points.write_text("0.5,0.5\n")
    for command in (("evaluate",), ("predict", points)):
        name, *rest = command
        assert_refused(call(name, tmp_path / "absent", *rest), "there is no")
        assert_refused(call(name, tmp_path / "absent", *rest), "pass the folder")
        assert_refused(call(name, points, *rest), "damaged, or not a safetensors file")
        assert_refused(call(name, run / "checkpoint.safetensors", *rest), "no model saved by")
    model = run / "model.safetensors"
    whole = model.read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    assert_refused(call("predict", run, points), "damaged")
    model.write_bytes(whole.replace(b'\\"hidden\\": [25,', b'\\"hidden\\": [26,'))
    assert_refused(call("evaluate", run), "its weights do not fit its settings")
    (run / "model.safetensors").unlink()
    assert_refused(call("evaluate", run), "has the training finished?")


def test_inputs_that_cannot_be_predicted(run: Path, tmp_path: Path) -> None:
    points = tmp_path / "p.csv"
    assert_refused(call("predict", run, points), "cannot read")
    points.write_text("0.1,0.2\n0.3,high\n")
    assert_refused(call("predict", run, points), "line 2: '0.3,high' are not two finite numbers")
    assert_refused(call("predict", run), "Missing argument", 2)
    points.write_text("0.1,0.2\n1e308,-1e308\n")
    assert_refused(call("predict", run, points), "the point 1e+308,-1e+308 is too far away")
    points.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    assert_refused(call("predict", run, points), "is a PNG picture; this takes points")


def test_what_can_be_predicted_is(run: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("y,x\n0.5,0.25\n")
    bad.write_text("0.5;0.5\n")
    done = call("predict", run, good, bad, tmp_path / "absent.csv", good, "--format", "json")
    assert done.code == 1
    assert [(row["x"], row["y"]) for row in json.loads(done.out)] == [(0.25, 0.5)] * 2
    assert "bad.csv, line 1" in done.err
    assert "absent.csv" in done.err
    assert "2 of 4 files could not be read" in done.err


def test_points_outside_the_square_get_a_note(run: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("3,3\n")
    done = call("predict", run, tmp_path / "p.csv")
    assert done.code == 0
    assert "1 of 1 points are outside the unit square" in done.err


def test_mnist_that_is_missing_or_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    (tmp_path / "mnist").mkdir()
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (tmp_path / "mnist" / f"{part}-{kind}-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    done = call("train", "mnist", "--data", tmp_path, "--out", tmp_path / "run")
    assert_refused(done, "train-images-idx3-ubyte")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [(), ("--runs", "2")])
def test_a_failed_command_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = image(run)
    nowhere = ("--data", tmp_path / "nowhere")
    monkeypatch.setattr("rushlight.data.sources._fetch_all", lambda *_: None)  # there is no network
    for command in (("train", "mnist", *nowhere, *options), ("sweep", "mnist", *nowhere, "--out", "swept")):
        assert call(*command).code == 1
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
    diverges = ("--hidden", "8", "--output", "none", "--lr", "1e30", "--no-pictures", "-q")
    assert call("train", "disk", *diverges, *options, "--out", "deep/new").code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert call("train", "mnist", *nowhere, *options, "--out", run, "--force").code == 1
    assert image(run) == before


def test_a_folder_that_another_run_writes_into(run: Path) -> None:
    before = image(run)
    with ThreadPoolExecutor() as threads, locked(run, "fit"):
        for command in (
            ("train", "disk", "--force"),
            ("train", "disk", "--resume"),
            ("sweep", "disk", "--force"),
        ):
            done = threads.submit(call, *command, "--out", run, "-q").result()
            assert_refused(done, f"which another run writes into (process {os.getpid()} on")
    assert image(run) == before


def test_diverging_run(tmp_path: Path) -> None:
    options = ("--hidden", "8", "--output", "none", "--lr", "1e30", "--no-pictures", "-q")
    assert_refused(call("train", "disk", *options, "--out", tmp_path / "run"), "the loss became")


def test_summary_mistakes(run: Path) -> None:
    assert_refused(call("summary", run, "--hidden", "3"), "--hidden describe a new model")
    assert_refused(call("summary", "nowhere"), "there is no nowhere")
    assert_refused(call("summary", "disk", "--batch", "0"), "--batch 0")


def test_without_typer() -> None:
    code = "import sys; sys.modules['typer'] = None\nfrom rushlight.cli import main\nmain(['--version'])"
    done = python(code)
    assert done.returncode == 1
    assert (
        done.stderr
        == 'rushlight: the command line needs typer. Install it with: pip install "rushlight[app]"\n'
    )


def test_threads_are_heeded(run: Path) -> None:
    code = (
        "import json\nfrom rushlight.cli.threads import _libraries, set_threads\nimport numpy\n"
        "count = 'scipy_openblas_get_num_threads64_'\n"
        "print(json.dumps([[set_threads(n), [getattr(lib, count)() for lib in _libraries()]]"
        " for n in (2, 1)]))"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    if not json.loads(done.stdout)[0][1]:
        pytest.skip("this NumPy does not carry OpenBLAS as the usual wheels do")
    assert json.loads(done.stdout) == [[True, [2]], [True, [1]]]
