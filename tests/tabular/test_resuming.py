"""`fit` and `search` go on where they were stopped, to the same bits, and refuse what does not fit."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, CheckpointError
from rushlight.tabular import keeping
from rushlight.train import Interrupted
from rushlight.train.progress import Progress

pytestmark = pytest.mark.usefixtures("ctrl_c")

random = np.random.default_rng(0)
FRAME: dict[str, Any] = {"x": random.normal(size=90), "kind": random.choice(["a", "b"], 90)}
FRAME["y"] = FRAME["x"] ** 2 + (FRAME["kind"] == "a")
OPTIONS: dict[str, Any] = {"epochs": 9, "hidden": (8,), "members": 3, "dropout": 0.2, "compile": False}


class Stop(Progress):
    """Ctrl-C, or an exception, at the end of an epoch; `epochs` counts those of all fits."""

    def __init__(self, epoch: int, error: type[BaseException] | None = None) -> None:
        self.left, self.error = epoch, error

    def epoch(self, status: object) -> None:
        self.left -= 1
        if self.left == 0:
            if self.error is not None:
                raise self.error
            signal.raise_signal(signal.SIGINT)


def same(a: rl.tabular.TabularModel, b: rl.tabular.TabularModel) -> bool:
    states = [model.network.state_dict().values() for model in (a, b)]
    rows = [[{**row, "seconds": 0} for row in model.history.rows] for model in (a, b)]
    equal = all((x.numpy() == y.numpy()).all() for x, y in zip(*states, strict=True))
    return equal and rows[0] == rows[1] and a.validation == b.validation


@pytest.mark.parametrize("compile", [False, pytest.param("auto", marks=pytest.mark.slow)])
@pytest.mark.parametrize("validation", [None, {name: values[:30] for name, values in FRAME.items()}])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compile: Any, validation: Any, error: Any
) -> None:
    monkeypatch.setattr(keeping, "EVERY", 0.0)
    options = {**OPTIONS, "compile": compile, "validation": validation}
    whole = rl.tabular.fit(FRAME, "y", progress=False, **options)
    before = rl.get_rng_state()
    with pytest.raises(KeyboardInterrupt) as stopped:
        rl.tabular.fit(FRAME, "y", out=tmp_path, progress=Stop(4, error), **options)
    if error is None:
        assert "Saved" in str(stopped.value)
        assert "resume=True" in str(stopped.value)
    options["progress"] = False
    for _ in range(2):  # the second time it is finished
        assert same(rl.tabular.fit(FRAME, "y", out=tmp_path, resume=True, **options), whole)
    assert (rl.get_rng_state() == before).all()
    longer = rl.tabular.fit(FRAME, "y", out=tmp_path, resume=True, **{**options, "epochs": 11})
    assert same(longer, rl.tabular.fit(FRAME, "y", **{**options, "epochs": 11}))


def test_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = {**OPTIONS, "out": out, "resume": True, "progress": False}
    model = rl.tabular.fit(FRAME, "y", **options)  # nothing there yet: from the beginning
    less = {name: values[:80] for name, values in FRAME.items()}
    other = {**FRAME, "x": FRAME["x"] + 1e-3 * (np.arange(90) == 7)}
    named = {"z": FRAME["x"], "kind": FRAME["kind"], "y": FRAME["y"]}
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (FRAME, {"lr": 0.1}, "with lr=0.001, not 0.1"),
        (FRAME, {"hidden": ()}, "with hidden=8, not none"),
        (FRAME, {"drop": ["kind"]}, "with column 'kind', which is not there now"),
        (FRAME, {"validation": FRAME}, "other held-out rows"),
        (less, {}, "of 90 rows, not 80"),
        (other, {}, "of a table with other values"),
        (named, {}, "with column 'x', which is not there now; without column 'z'"),
        (FRAME, {"resume": False}, "holds an earlier run"),
        (FRAME, {"out": None}, "resume=True without a folder"),
    ]
    before = {path: path.read_bytes() for path in out.iterdir()}
    for frame, more, text in cases:
        with pytest.raises(ArgumentError, match=text):
            rl.tabular.fit(frame, "y", **{**options, **more})
    assert before == {path: path.read_bytes() for path in out.iterdir()}
    anew = rl.tabular.fit(FRAME, "y", **{**options, "lr": 0.1, "resume": False, "overwrite": True})
    assert not same(anew, model)
    net = rl.nn.Linear(1, 1)
    foreign = rl.train.Trainer(net, "sgd", "mse", lr=0.1, out=out, progress=False, compile=False)
    foreign.fit((rl.ones(4, 1), rl.ones(4, 1)), 1, overwrite=True)
    with pytest.raises(ArgumentError, match=r"is not one of rl\.tabular"):
        rl.tabular.fit(FRAME, "y", **options)
    (out / "checkpoint.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError):
        rl.tabular.fit(FRAME, "y", **options)


def test_without_a_folder() -> None:
    with pytest.raises(Interrupted, match="epoch 4 of 9.*Nothing was kept.*out=FOLDER"):
        rl.tabular.fit(FRAME, "y", progress=Stop(3), **OPTIONS)
    with pytest.raises(Interrupted, match="model 2 of 2, epoch 4 of 9.*search"):
        rl.tabular.search(FRAME, "y", rl.grid(lr=[1e-3, 1e-2]), progress=Stop(12), **OPTIONS)


def test_search(tmp_path: Path) -> None:
    configs = rl.grid(lr=[1e-3, 1e-2])
    whole = rl.tabular.search(FRAME, "y", configs, progress=False, **OPTIONS)
    with pytest.raises(Interrupted, match=r"model 2 of 2, epoch 4 of 9.*Saved in .*search"):
        rl.tabular.search(FRAME, "y", configs, out=tmp_path, progress=Stop(12), **OPTIONS)
    options = {**OPTIONS, "out": tmp_path, "progress": False}
    with pytest.raises(ArgumentError, match="holds an earlier run"):
        rl.tabular.search(FRAME, "y", configs, **options)
    with pytest.raises(ArgumentError, match=r"model-001 is with lr=0\.001, not 0\.5"):
        rl.tabular.search(FRAME, "y", rl.grid(lr=[0.5]), resume=True, **options)
    with pytest.raises(ArgumentError, match="resume=True without a folder"):
        rl.tabular.search(FRAME, "y", configs, resume=True, **OPTIONS)
    again = rl.tabular.search(FRAME, "y", configs, resume=True, **options)
    assert again.configs == whole.configs
    assert all(same(a, b) for a, b in zip(again.models, whole.models, strict=True))
