"""The examples run as a user runs them, and the three ways of training come to the same network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ("disk_layerwise", "disk_autograd", "disk_trainer")


def run(name: str, *options: str) -> str:
    """What the example prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py"), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def error_in(text: str) -> float:
    found = re.search(r"test error (\d+\.\d+)%", text)
    assert found, text
    return float(found[1]) / 100


def last_loss(text: str) -> float:
    return float(re.findall(r"loss (\d+\.\d+)", text)[-1])


def test_three_ways_start_alike() -> None:
    """The same weights and batches, so the same loss; rounding grows while training, so early on."""
    losses = [last_loss(run(name, "--epochs", "2")) for name in EXAMPLES]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-3)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_learns(name: str) -> None:
    assert error_in(run(name, "--epochs", "40")) < 0.06


def test_pictures_and_files_and_a_second_run_that_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run("disk_trainer", "--epochs", "3", "--out", str(folder))
    left = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    pictures = {"curves.png", "true-vs-predicted.png", "right-and-wrong.png", "boundary.png"}
    assert left == pictures | {"checkpoint.safetensors", "history.csv"}
    resumed = run("disk_trainer", "--epochs", "6", "--out", str(folder))
    assert "resuming after epoch 3" in resumed
    assert error_in(resumed) == error_in(run("disk_trainer", "--epochs", "6"))


def test_a_picture_of_the_graph(tmp_path: Path) -> None:
    run("disk_autograd", "--epochs", "1", "--out", str(tmp_path / "graph"))
    assert b"<svg" in (tmp_path / "graph" / "graph.svg").read_bytes()


SMALL = {
    "gan_disk": (("--steps", "20"), r"inside the circle \d+\.\d%"),
    "pinn_heat": (("--steps", "20"), r"largest error \d\.\d+"),
    "neural_ode": (("--steps", "20"), r"mean distance \d+\.\d+"),
    "lstm_adding": (("--steps", "20", "--length", "10"), r"mean squared error \d\.\d+"),
    "char_gpt": (("--steps", "5", "--sample", "20", "--text", str(ROOT / "LICENSE")), r"loss \d\.\d+ after"),
    "ppo_cartpole": (("--rounds", "1"), r"mean reward \d+ of 500"),
    "lenet_mnist": (("--epochs", "2", "--samples", "2000"), r"test accuracy [89]\d\.\d+%"),
    "resnet_fashion": (
        ("--epochs", "1", "--samples", "200", "--width", "4", "--data", "mnist"),
        r"test accuracy \d+\.\d+%",
    ),
    "vae_mnist": (("--epochs", "1", "--samples", "500"), r"test loss \d+\.\d nats"),
}
"""Options with which an example takes seconds, and what it says at its end. Their curves are tested in
`tests/compile/test_examples.py`."""


@pytest.mark.parametrize("name", SMALL)
def test_it_says_what_it_reached(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if name.endswith(("_mnist", "_fashion")):
        request.getfixturevalue("mnist_root")
    options, says = SMALL[name]
    if name == "vae_mnist":
        options = (*options, "--out", str(tmp_path))
    assert re.search(says, run(name, *options))
    assert name != "vae_mnist" or (tmp_path / "digits.png").stat().st_size > 1000
