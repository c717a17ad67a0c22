"""What is shown: plain lines, the live bar, silence."""

from __future__ import annotations

import io
import re
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


def terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> Terminal:
    pytest.importorskip("rich")
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("rich._console", None)  # which remembers how wide it was
    return screen


def frames(monkeypatch: pytest.MonkeyPatch, width: int, shown: Status) -> list[str]:
    """The lines that a terminal of this width is given, without its colours."""
    screen = terminal(monkeypatch, width)
    progress = LiveProgress()
    progress.start(shown)
    progress.update(shown)
    progress.stop()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    return [part for part in re.split(r"[\r\n]+", plain) if part.strip()]


@pytest.mark.parametrize(
    ("width", "kept", "gone"),
    [
        (140, ("\u2501", "samples/s", "1:15 left", "  accuracy 0.5"), ()),
        (100, ("val accuracy 0.9877", "  accuracy 0.5", "1:15 left"), ("samples/s", "\u2501")),
        (
            80,
            ("loss 0.1235", "val loss 0.2345", "val accuracy 0.9877", "1:15 left"),
            ("samples/s", "  accuracy"),
        ),
        (60, ("val loss 0.2345", "val accuracy 0.9877"), ("left", "\u2026")),
        (40, ("epoch 12/100", "val accuracy 0.9877"), ("val loss", "\u2026")),
        (20, ("epoch 12/100", "\u2026"), ("left",)),
    ],
)
def test_what_matters_stays_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, width: int, kept: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    values = {"train_loss": 0.123456, "train_accuracy": 0.5}
    values |= {"validation_loss": 0.2345, "validation_accuracy": 0.98765}
    lines = frames(monkeypatch, width, Status(12, 100, 3, 7, 1234567.0, 75.0, values))
    assert lines
    for line in lines:
        assert all(text in line for text in kept)
        assert not any(text in line for text in gone)
        assert len(line) <= width - 3  # the ^C of the terminal must not begin a second line


def test_notes_break_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch, 40)
    LiveProgress().note("nothing to train: after epoch 3 (stopped early), asked for 3")
    assert screen.getvalue().split("\n")[0].rstrip() == "nothing to train: after epoch 3 (stopped"
