"""Folders that one run at a time writes into, and files that many write at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

import rushlight as rl
from rushlight.errors import ArgumentError
from rushlight.interop import load_file, save_file
from rushlight.interop.files import remove_leftovers, write_atomically
from rushlight.interop.locks import LOCK, locked, made, try_lock

ROOT = Path(__file__).resolve().parents[2]
HOLD = (
    "import sys, time; from rushlight.interop.locks import locked\n"
    "with locked(sys.argv[1], 'fit'): print('held', flush=True); sys.stdin.read()"
)


def start(code: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-c", code, str(folder)]
    held = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    return held


def end(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    process.wait(timeout=20)


def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    other = start(HOLD, tmp_path)
    held = rf"another run writes into \(process {other.pid} on .*, since 20"
    with pytest.raises(ArgumentError, match=held):
        locked(tmp_path, "fit").__enter__()
    other.send_signal(signal.SIGKILL)
    end(other)
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path, "fit"):
        assert f"process {os.getpid()} on" in (tmp_path / LOCK).read_text()
    assert not (tmp_path / LOCK).exists()


def test_another_thread_is_refused_and_the_same_thread_is_not(tmp_path: Path) -> None:
    told: list[str] = []

    def other() -> None:
        try:
            with locked(tmp_path, "fit"):
                told.append("held twice")
        except ArgumentError as error:
            told.append(str(error))

    with locked(tmp_path, "fit"):
        with locked(tmp_path / ".." / tmp_path.name, "fit"):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert f"process {os.getpid()}" in told[0]
    other()
    assert told[1:] == ["held twice"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_keep_its_parents_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from rushlight.interop.locks import locked\n"
        "with locked(sys.argv[1], 'fit'):\n"
        "    if os.fork() == 0: print('held', flush=True); sys.stdin.read(); os._exit(0)\n"
        "    time.sleep(60)"
    )
    parent = start(code, tmp_path)
    parent.kill()
    parent.wait(timeout=20)
    with locked(tmp_path, "fit"):  # the child still lives: it waits for its input
        pass
    end(parent)


def test_only_what_was_made_and_is_empty_is_removed(tmp_path: Path) -> None:
    def fails(folder: Path, *kept: str) -> None:
        with made(folder):
            assert folder.is_dir()
            for name in kept:
                (folder.parent / name).write_text("")
            raise KeyError

    with pytest.raises(KeyError):
        fails(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyError):
        fails(tmp_path / "a" / "b", "kept")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]
    with pytest.raises(KeyError):
        fails(tmp_path / "a")
    assert (tmp_path / "a").exists()


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    path, failed = tmp_path / "w.safetensors", list[BaseException]()

    def write(value: float) -> None:
        try:
            for _ in range(10):
                save_file({"w": rl.full((5000,), value)}, path)
                remove_leftovers(path)  # of others, which live
                found = load_file(path)["w"]
                assert found.min().item() == found.max().item()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(float(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_living_writers_file_is_no_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def meanwhile(source: Path, target: Path) -> None:
        remove_leftovers(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", meanwhile)
    write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_file_taken_for_a_leftover_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one locked the new file first, as a leftover, and removes it when its turn comes."""
    others: list[BinaryIO] = []
    replace = os.replace

    def late(file: BinaryIO) -> bool:
        if not others:
            others.append(open(file.name, "rb+"))  # noqa: SIM115 (closed below)
            assert try_lock(others[0])
        return try_lock(file)

    def after_the_other(source: Path, target: Path) -> None:
        Path(others[0].name).unlink()
        replace(source, target)

    monkeypatch.setattr("rushlight.interop.files.try_lock", late)
    monkeypatch.setattr(os, "replace", after_the_other)
    write_atomically(tmp_path / "a.txt", "new")
    others[0].close()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
