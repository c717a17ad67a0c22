"""The command line as users call it: train, evaluate, predict, summary, resume, runs."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight.train import History
from tests.cli_helpers import call

QUICK = ("--epochs", "3", "--no-pictures", "--quiet")


def train(folder: Path, *options: str) -> None:
    done = call("train", "disk", "--out", folder, *options)
    assert done.code == 0, done.err


def test_train_leaves_everything_then_evaluate_predict_summary(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = call("train", "disk", "--epochs", "40", "--out", folder)
    assert done.code == 0, done.err
    assert "2-25-25-25-1 (relu, relu, tanh, tanh), 1,401 parameters" in done.out
    assert "epoch 40/40" in done.out
    assert "test error" in done.out
    names = {path.name for path in folder.iterdir()}
    pictures = (
        "curves curves-log data true-vs-predicted right-and-wrong decision-boundary confusion-matrix graph"
    )
    assert names >= {f"{picture}.png" for picture in pictures.split()}
    assert names >= {"config.json", "history.csv", "model.safetensors", "checkpoint.safetensors"}
    assert not [name for name in names if name.startswith(".")]
    config = json.loads((folder / "config.json").read_text())
    assert config["hidden"] == [25, 25, 25]
    assert config["versions"]["rushlight"] == rl.__version__
    assert len(History.from_csv(folder / "history.csv").rows) == 40

    measured = call("evaluate", folder)
    assert measured.code == 0, measured.err
    error = next(line for line in done.out.splitlines() if line.startswith("test error")).split()[2]
    assert f"error     {error} %" in measured.out
    assert "true \\ predicted" in measured.out

    alone = tmp_path / "alone.safetensors"  # the file is enough
    alone.write_bytes((folder / "model.safetensors").read_bytes())
    points = tmp_path / "points.csv"
    points.write_text("x,y\n0.5,0.5\n0.02,0.03\n")
    predicted = call("predict", alone, points, "--format", "json")
    assert predicted.code == 0, predicted.err
    rows = json.loads(predicted.out)
    assert [(row["name"], row["class"]) for row in rows] == [("inside", 1), ("outside", 0)]
    assert all(0.5 <= row["probability"] <= 1 for row in rows)
    table = call("predict", folder, points)
    assert [row["name"] for row in csv.DictReader(io.StringIO(table.out))] == ["inside", "outside"]

    shown = call("summary", folder)
    assert shown.code == 0, shown.err
    assert "parameters  1,401" in shown.out
    assert shown.out == call("summary", "disk").out


def test_same_seed_same_model_and_other_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        train(tmp_path / name, *QUICK, "--seed", seed)
    a, b, c = (
        rl.interop.load_file(tmp_path / name / "model.safetensors")["0.weight"].tolist() for name in "abc"
    )
    assert a == b
    assert a != c


def test_resume_after_a_longer_run_equals_one_run(tmp_path: Path) -> None:
    train(tmp_path / "whole", *QUICK, "--lr", "0.2", "--epochs", "5")
    train(tmp_path / "parts", *QUICK, "--lr", "0.2", "--epochs", "2")
    train(tmp_path / "parts", *QUICK, "--epochs", "5", "--resume")
    ours, whole = (rl.interop.load_file(tmp_path / name / "model.safetensors") for name in ("parts", "whole"))
    assert {name: value.tolist() for name, value in ours.items()} == {n: v.tolist() for n, v in whole.items()}
    assert json.loads((tmp_path / "parts" / "config.json").read_text())["epochs"] == 5


def test_ctrl_c_says_how_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, seen = rl.train.Trainer.train_step, 0

    def pressed(self: Any, batch: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 14:
            signal.raise_signal(signal.SIGINT)
        return step(self, batch)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(rl.train.Trainer, "train_step", pressed)
    try:
        done = call("train", "disk", "--out", tmp_path / "run", *QUICK, "--no-compile")
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.code == 130
    assert (
        f"batch 4 of the next. Saved. To go on:\nrushlight train disk --out {tmp_path / 'run'} --resume"
        in done.err
    )
    train(tmp_path / "run", *QUICK, "--resume")
    train(tmp_path / "whole", *QUICK, "--no-compile")
    ours, whole = (rl.interop.load_file(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    assert {name: value.tolist() for name, value in ours.items()} == {n: v.tolist() for n, v in whole.items()}


def test_runs_give_statistics(tmp_path: Path) -> None:
    done = call("train", "disk", "--runs", "3", "--epochs", "3", "--seed", "5", "--out", tmp_path / "r")
    assert done.code == 0, done.err
    assert "worst" in done.out
    assert "deviation" in done.out
    with open(tmp_path / "r" / "runs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["5", "6", "7"]
    assert (tmp_path / "r" / "statistics.png").exists()
    assert (tmp_path / "r" / "run-03" / "model.safetensors").exists()
    longer = call("train", "disk", "--runs", "4", "--out", tmp_path / "r", "--resume", "--no-pictures")
    assert longer.code == 0, longer.err
    assert "run 4/4  seed 8" in longer.out
    assert "run 3/4" not in longer.out
    alone = tmp_path / "alone"
    train(alone, *QUICK, "--seed", "6")
    ours, one = (rl.interop.load_file(f / "model.safetensors") for f in (tmp_path / "r" / "run-02", alone))
    assert ours["0.weight"].tolist() == one["0.weight"].tolist()


@pytest.mark.parametrize(
    "options",
    [
        ("--hidden", "none"),
        ("--hidden", "8,4", "--activation", "leaky_relu,sigmoid", "--init", "xavier-normal"),
        ("--loss", "bce"),
        ("--loss", "bce-logits", "--optimizer", "adam"),
        ("--loss", "nll", "--optimizer", "adamw", "--weight-decay", "0.1"),
        ("--loss", "cross-entropy", "--patience", "1"),
        ("--loss", "mse", "--outputs", "2"),
        ("--loss", "l1", "--output", "none", "--threads", "2"),
        ("--loss", "mse", "--output", "relu", "--outputs", "2"),
    ],
)
def test_options_train_evaluate_and_predict(tmp_path: Path, options: tuple[str, ...]) -> None:
    train(tmp_path / "run", *QUICK, "--no-compile", *options)
    assert call("evaluate", tmp_path / "run", "--split", "validation", "--threads", "1").code == 0
    (tmp_path / "p.csv").write_text("0.5,0.5\n0.9,0.1\n")
    rows = json.loads(call("predict", tmp_path / "run", tmp_path / "p.csv", "--format", "json").out)
    assert all(0.5 <= row["probability"] <= 1.0 for row in rows)


def test_summary_of_options() -> None:
    shown = call("summary", "mnist", "--hidden", "none")
    assert "parameters  7,850" in shown.out
    assert "(128, 512)" in call("summary", "fashion-mnist", "--hidden", "512", "--batch", "128").out


def test_default_folder_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert call("train", "disk", *QUICK).code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["disk-1", "disk-2"]


def test_help_teaches() -> None:
    for command in ((), ("train",), ("evaluate",), ("predict",), ("summary",)):
        shown = call(*command, "--help")
        assert shown.code == 0
        assert "rushlight" in shown.out
    assert "rushlight train disk --runs 10" in call("train", "--help").out
    assert call("--version").out == f"rushlight {rl.__version__}\n"


def drawn_digits_right(folder: Path) -> int:
    """Of the ten digits of a common font, drawn in three sizes and places, how many are recognised."""
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont

    right = 0
    for size, width, height, paper in ((100, 200, 200, 255), (40, 300, 120, 230), (18, 28, 28, 0)):
        font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
        files = []
        for digit in range(10):
            picture = Image.new("L", (width, height), paper)
            ImageDraw.Draw(picture).text((width // 5, height // 20), str(digit), fill=255 - paper, font=font)
            files.append(folder / f"drawn-{digit}.png")
            picture.save(files[-1])
        rows = json.loads(call("predict", folder / "run", *files, "--format", "json").out)
        right += sum(row["class"] == digit for digit, row in enumerate(rows))
    return right


def test_digits(tmp_path: Path, mnist_root: Path) -> None:
    """On real pictures: train, evaluate, predict from PNG files."""
    from PIL import Image

    options = ("--data", mnist_root, "--hidden", "32", "--epochs", "2")
    done = call("train", "mnist", *options, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert (tmp_path / "run" / "misclassified.png").exists()
    test = rl.data.MNIST(mnist_root, "test")
    files = []
    for index in range(10):
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(test.images[index].numpy()).save(files[-1])
    rows = json.loads(call("predict", tmp_path / "run", *files, "--format", "json").out)
    right = sum(row["class"] == int(test.targets[i]) for i, row in enumerate(rows))
    assert right >= 8
    assert drawn_digits_right(tmp_path) >= 24
    accuracy = call("evaluate", tmp_path / "run", "--data", mnist_root).out.split("accuracy")[1].split()[0]
    assert float(accuracy) > 0.93


def test_compiled_or_not_is_said_and_gives_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("llvmlite")
    options = ("--epochs", "3", "--no-pictures")
    done = call("train", "disk", "--out", tmp_path / "compiled", *options)
    assert "compiled: the train step runs as native code" in done.out
    done = call("train", "disk", "--out", tmp_path / "eager", "--no-compile", *options)
    assert "eager (--no-compile)" in done.out
    curves = [History.from_csv(tmp_path / name / "history.csv") for name in ("compiled", "eager")]
    for name in ("train_loss", "validation_loss"):
        assert curves[0][name] == pytest.approx(curves[1][name], rel=1e-4)
    done = call("train", "disk", "--out", tmp_path / "eager", "--resume", "--compile", *options)
    assert done.code == 2
    assert "cannot change --compile True (was False)" in done.err

    monkeypatch.setattr("rushlight.train.eligible.find_spec", lambda name: None)
    monkeypatch.setattr("rushlight.cli.train.find_spec", lambda name: None)
    done = call("train", "disk", "--out", tmp_path / "without", *options)
    assert done.code == 0, done.err
    assert "eager (llvmlite is not installed" in done.out
    done = call("train", "disk", "--out", tmp_path / "more", "--compile", *options)
    assert done.code == 2
    assert "pip install" in done.err


def test_long_lines_break_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    from rushlight.cli.console import say, warn

    monkeypatch.setenv("COLUMNS", "80")
    for name, speak in (("stdout", say), ("stderr", warn)):
        screen = Terminal()
        monkeypatch.setattr(f"sys.{name}", screen)
        speak("test error 1.20 % (accuracy 0.9880), test loss 0.01234, " * 2 + "after 100 epochs in 1.2 s")
        lines = screen.getvalue().splitlines()
        assert max(map(len, lines)) <= 80
        assert " ".join(" ".join(lines).split()).endswith("test loss 0.01234, after 100 epochs in 1.2 s")
        command = f"rushlight train disk --out {'x' * 80} --resume"
        screen.truncate(0)
        speak(f"stopped. To go on:\n{command}")
        assert command in screen.getvalue()


def test_quiet_prints_one_line(tmp_path: Path) -> None:
    done = call("train", "disk", "--out", tmp_path / "run", *QUICK)
    assert done.out.startswith("test error ")
    assert done.out.endswith(f" s, in {tmp_path / 'run'}\n")
    assert len(done.out.splitlines()) == 1


def test_what_was_written_is_said_in_full(tmp_path: Path) -> None:
    for options in ((), ("--runs", "2")):
        out = tmp_path / str(len(options))
        done = call("train", "disk", "--epochs", "1", *options, "--out", out)
        (said,) = (line for line in done.out.splitlines() if line.startswith("written to"))
        for path in out.iterdir():
            assert path.name in said
        # A line with a command is not broken, so that it can be copied: it holds one and no more.
        commands = [line for line in done.out.splitlines() if "rushlight " in line]
        assert len(commands) == (0 if options else 2)
        assert all(line.count("rushlight ") == 1 for line in commands)


def test_help_says_what_is_left_out() -> None:
    """The defaults in the help are those that the settings choose."""
    from rushlight.cli.options import TRAINING
    from rushlight.cli.settings import from_options

    words = {name: option.__metadata__[0].help for name, option in TRAINING.items()}
    for dataset, given, epochs, lr in (
        ("disk", {}, "100 (disk)", "0.05 (disk)"),
        ("mnist", {}, "10 (mnist)", "0.02 (mnist)"),
        ("mnist", {"hidden": "none"}, "20 (mnist, --hidden none)", "0.002 (mnist, --hidden none)"),
        ("mnist", {"loss": "bce"}, "10 (mnist)", "0.1 (mnist"),
        ("disk", {"optimizer": "adam"}, "100 (disk)", "0.01 (disk)"),
        ("mnist", {"optimizer": "adamw"}, "10 (mnist)", "0.001 (mnist)"),
    ):
        settings = from_options(dataset, given)
        assert epochs in words["epochs"]
        assert settings.epochs == int(epochs.split()[0])
        assert lr in words["lr"]
        assert settings.lr == float(lr.split()[0])


def test_the_command_line_is_a_module_too() -> None:
    command = [sys.executable, "-m", "rushlight", "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == f"rushlight {rl.__version__}\n"
