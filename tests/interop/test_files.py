"""Files that are whole or not there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from rushlight.interop.files import check_writable, remove_leftovers, write_atomically


def test_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "één")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")

    def interrupted(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"No such folder: '{re.escape(str(tmp_path / 'none'))}'"):
        write_atomically(tmp_path / "none" / "a.txt", "new")


def test_leftovers_of_killed_writers(tmp_path: Path) -> None:
    for name in (".a[1].txt.77.tmp", ".b.txt.77.tmp", "a[1].txt"):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path / "a[1].txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.txt.77.tmp", "a[1].txt"]


def test_check_writable(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        check_writable(tmp_path / "file")
