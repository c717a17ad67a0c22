from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from rushlight.data import fetch as fetch_module
from rushlight.data.fetch import ProgressBar, fetch
from rushlight.errors import DataError
from tests.data.conftest import Mirror


def accept(data: bytes) -> None:
    """Any bytes will do."""


def refuse(data: bytes) -> None:
    raise DataError("wrong sum")


def test_fetches_checks_and_renames(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["a.gz"] = bytes(200_000)
    seen: list[tuple[str, int, int | None]] = []
    checked: list[bytes] = []
    target = tmp_path / "new" / "folder" / "a.gz"
    fetch([mirror.url + "a.gz"], target, checked.append, lambda *step: seen.append(step))
    assert target.read_bytes() == bytes(200_000) == checked[0]
    assert seen[-1] == ("a.gz", 200_000, 200_000)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert os.listdir(target.parent) == ["a.gz"]
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask


def test_without_a_length_the_last_call_tells_the_size(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["a.gz"], mirror.lengths = b"abc", False
    seen: list[tuple[str, int, int | None]] = []
    fetch([mirror.url + "a.gz"], tmp_path / "a.gz", accept, lambda *step: seen.append(step))
    assert seen == [("a.gz", 3, None), ("a.gz", 3, 3)]


def test_the_next_mirror_is_tried(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files = {"half.gz": bytes(100_000), "a.gz": b"whole"}
    mirror.broken = {"half.gz"}
    closed = "http://127.0.0.1:1/a.gz"
    urls = [mirror.url + "absent.gz", mirror.url + "half.gz", closed, mirror.url + "a.gz"]
    fetch(urls, tmp_path / "a.gz", accept)
    assert mirror.requests == ["absent.gz", "half.gz", "a.gz"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.gz"]
    assert (tmp_path / "a.gz").read_bytes() == b"whole"


def test_every_failure_is_listed_and_nothing_is_left(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files = {"half.gz": bytes(100_000), "a.gz": b"whole"}
    mirror.broken = {"half.gz"}
    with pytest.raises(DataError) as caught:
        fetch(
            [mirror.url + name for name in ("absent.gz", "half.gz", "a.gz")],
            tmp_path / "new" / "a.gz",
            refuse,
        )
    text = str(caught.value)
    for part in ("a.gz: could not be fetched", "HTTP status 404", "of 100000 bytes", "wrong sum", mirror.url):
        assert part in text
    assert list(tmp_path.iterdir()) == []


def test_a_refused_download_leaves_the_old_file(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["a.gz"] = b"new"
    (tmp_path / "a.gz").write_bytes(b"old")
    with pytest.raises(DataError, match="wrong sum"):
        fetch([mirror.url + "a.gz"], tmp_path / "a.gz", refuse)
    assert (tmp_path / "a.gz").read_bytes() == b"old"
    fetch([mirror.url + "a.gz"], tmp_path / "a.gz", accept)
    assert (tmp_path / "a.gz").read_bytes() == b"new"


def test_an_interrupt_leaves_nothing(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["a.gz"] = b"new"

    def interrupt(name: str, done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch([mirror.url + "a.gz"], tmp_path / "a.gz", accept, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_that_sends_too_much_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["a.gz"] = bytes(1000)
    with pytest.raises(DataError, match="more than 999 bytes"):
        fetch([mirror.url + "a.gz"], tmp_path / "a.gz", accept, limit=999)
    assert list(tmp_path.iterdir()) == []


def test_no_mirrors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no mirror is known"):
        fetch([], tmp_path / "a.gz", accept)


def test_a_folder_that_cannot_be_written(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["a.gz"] = b"new"
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"writable folder at .*RUSHLIGHT_DATA"):
        fetch([mirror.url + "a.gz"], tmp_path / "file" / "a.gz", accept)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_full_disk_is_no_fault_of_the_mirror(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.files["a.gz"] = b"new"

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch_module.os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        fetch([mirror.url + "a.gz", mirror.url + "b.gz"], tmp_path / "a.gz", accept)
    assert mirror.requests == ["a.gz"]
    assert list(tmp_path.iterdir()) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_on_a_terminal_and_off_it(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(screen := Terminal())
    bar("a.gz", 500_000, 1_000_000)
    bar("a.gz", 1_000_000, 1_000_000)
    assert "\ra.gz [##########..........]  50% 0.5 MB\r" in screen.getvalue()
    assert screen.getvalue().endswith("100% 1.0 MB\n")
    plain = ProgressBar()
    plain("a.gz", 500_000, 1_000_000)
    plain("a.gz", 1_000_000, 1_000_000)
    assert capsys.readouterr().err == "fetched a.gz, 1.0 MB\n"
