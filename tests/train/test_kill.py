"""SIGKILL at random moments, and Ctrl-C: what goes on afterwards equals a run that was left alone."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight.train import Interrupted, Trainer, read_checkpoint
from tests.train.kill_many import check, start
from tests.train.kill_worker import fit, make_trainer, outcome


def interrupt_at(trainer: Trainer, count: int) -> None:
    """Have Ctrl-C pressed during the batch number `count` from now."""
    step, seen = trainer.train_step, 0

    def pressed(batch: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == count:
            signal.raise_signal(signal.SIGINT)
        return step(batch)

    trainer.train_step = pressed  # type: ignore[method-assign]


def test_killed_and_resumed_equals_one_run() -> None:
    assert len(check(kills=3, epochs=40, seed=5)) >= 1


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_from_outside_saves_and_says_how_to_resume(tmp_path: Path) -> None:
    """The worker takes over how this process answers; one in the background ignores Ctrl-C."""
    worker = start(tmp_path, 2000)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(timeout=20) != 0
    assert worker.stdout is not None
    worker.stdout.close()
    position = read_checkpoint(tmp_path / "checkpoint.safetensors")["position"].state
    epochs = position["epoch"] + 2
    resumed = fit(make_trainer(tmp_path, every=1000, seed=8), epochs)
    assert outcome(resumed) == outcome(fit(make_trainer(None), epochs, resume=False))


@pytest.mark.parametrize("batch", [1, 5, 7, 8, 14])  # an epoch has 7
def test_ctrl_c_ends_the_batch_saves_and_resumes(tmp_path: Path, ctrl_c: None, batch: int) -> None:
    trainer = make_trainer(tmp_path, every=1000, compile=False)
    interrupt_at(trainer, batch)
    with pytest.raises(Interrupted, match=r"resume=True") as stopped:
        fit(trainer, epochs=4)
    assert f"epoch {(batch - 1) // 7 + 1} of 4" in str(stopped.value)
    assert isinstance(stopped.value, KeyboardInterrupt)
    resumed = fit(make_trainer(tmp_path, seed=77, compile=False), epochs=4)
    assert outcome(resumed) == outcome(fit(make_trainer(None, compile=False), epochs=4, resume=False))


@pytest.mark.parametrize("batch", [3, 7, 10])
def test_fit_again_after_ctrl_c_goes_on_in_memory(ctrl_c: None, batch: int) -> None:
    trainer = make_trainer(None, compile=False)
    interrupt_at(trainer, batch)
    loader = rl.data.DataLoader(rl.data.Disk(200, seed=2), batch_size=30, shuffle=True, seed=3)
    checks = rl.data.DataLoader(rl.data.Disk(50, seed=2, split="test"), batch_size=20, shuffle=True, seed=4)
    with pytest.raises(Interrupted, match="Nothing was saved"):
        trainer.fit(loader, 3, validation=checks)
    trainer.fit(loader, 3, validation=checks)
    assert outcome(trainer) == outcome(fit(make_trainer(None, compile=False), epochs=3, resume=False))


def test_ctrl_c_during_validation(tmp_path: Path, ctrl_c: None) -> None:
    trainer = make_trainer(tmp_path, every=1000)
    measure, calls = trainer.measure, 0

    def pressed(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            signal.raise_signal(signal.SIGINT)
        return measure(*args)

    trainer.measure = pressed  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match="validation is still to come"):
        fit(trainer, epochs=4)
    resumed = fit(make_trainer(tmp_path, seed=77), epochs=4)
    assert outcome(resumed) == outcome(fit(make_trainer(None), epochs=4, resume=False))


def test_a_second_ctrl_c_does_not_wait(ctrl_c: None) -> None:
    trainer = make_trainer(None)

    def pressed_twice(batch: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    trainer.train_step = pressed_twice  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt) as stopped:
        fit(trainer, epochs=1, resume=False)
    assert not isinstance(stopped.value, Interrupted)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_left_alone(ctrl_c: None) -> None:
    pressed = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    trainer = make_trainer(None)
    interrupt_at(trainer, 2)
    fit(trainer, epochs=1, resume=False)
    assert pressed == [signal.SIGINT]
    assert trainer.position.epoch == 1
