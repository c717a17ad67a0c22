"""What is shown: plain lines, the live bar, silence."""

from __future__ import annotations

import io
import sys

import pytest

from rushlight.train import LiveProgress, PlainProgress, Progress, Status, make_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def status(epoch: int = 2, epochs: int = 10, **others: object) -> Status:
    values = {"train_loss": 0.123456, "train_accuracy": 0.5, "validation_loss": 1e-9}
    return Status(epoch, epochs, 3, 7, 1234.5, 75.0, values, **others)  # type: ignore[arg-type]


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.start(status())
    for epoch in range(1, 11):
        progress.epoch(status(epoch))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[1] == (
        "epoch  2/10  loss 0.1235  accuracy 0.5000  val loss 1e-09  1.23k samples/s  1:15 left"
    )


def test_plain_lines_are_few_when_epochs_fly(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.start(status())
    for epoch in range(1, 1001):
        progress.epoch(status(epoch, 1000))
    lines = capsys.readouterr().out.splitlines()
    assert 20 <= len(lines) <= 25
    assert "1000/1000" in lines[-1]


def test_live_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    progress = LiveProgress()
    progress.start(status())
    progress.update(status())
    progress.note("resuming [bold] here")
    progress.epoch(status(10))
    progress.stop()
    shown = screen.getvalue()
    assert "epoch 2/10" in shown
    assert "val loss 1e-09" in shown
    assert "1:15 left" in shown
    assert "resuming [bold] here" in shown
    assert "epoch 10/10" in shown


def test_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(make_progress(False)) is Progress
    assert type(make_progress(None)) is PlainProgress  # pytest's stdout is no terminal
    own = Progress()
    assert make_progress(own) is own
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "rich", None)
    assert type(make_progress(None)) is PlainProgress
