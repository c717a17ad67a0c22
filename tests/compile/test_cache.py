"""The cache of compiled objects: hits, damage, permissions, bounds, and processes that start at once."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.native import aside, cache, jit

pytest.importorskip("llvmlite")

ADD = """
define i64 @add(i64 %a, i64 %b) {
  %c = add i64 %a, %b
  ret i64 %c
}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own, for a process that has compiled nothing yet."""
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(jit, "_held", {})
    return tmp_path / "kept" / "objects"


def _entries(place: Path) -> list[Path]:
    return sorted(place.glob("*.object"))


def _objects_of(native: jit.Native) -> list[bytes]:
    return jit._objects(native._texts, 1)[0]


def _sum(native: jit.Native) -> int:
    return ctypes.CFUNCTYPE(*[ctypes.c_int64] * 3)(native.address("add"))(40, 2)


def test_second_build_comes_from_the_cache(place: Path) -> None:
    first = jit.build(ADD, {})
    jit._held.clear()  # as in another process
    second = jit.build(ADD, {})
    assert (first.cached, second.cached) == (False, True)
    assert _sum(first) == _sum(second) == 42
    assert "@add" in second.optimized
    assert "add:" in second.assembly


def test_a_process_remembers_without_a_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")
    first, second = jit.build(ADD, {}), jit.build(ADD, {})
    assert (first.cached, second.cached) == (False, True)
    assert first.address("add") != second.address("add")  # it goes with its program
    del first
    assert _sum(second) == 42


def test_a_process_remembers_no_more_than_so_much(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")
    size = len(_objects_of(jit.build(ADD, {}))[0])
    monkeypatch.setattr(jit, "HELD", 3 * size)
    for name in "bcd":
        assert not jit.build(ADD.replace("@add", f"@{name}"), {}).cached
    assert len(jit._held) == 3
    assert not jit.build(ADD, {}).cached
    assert jit.build(ADD.replace("@add", "@d"), {}).cached


@pytest.mark.parametrize("threads", [1, 3])
def test_modules_are_compiled_one_by_one(place: Path, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(jit, "WORTH", 1)
    names = [f"add{i}" for i in range(12)]
    parts = [ADD.replace("@add", f"@{name}") for name in names]
    calls = [f"  %v{i + 1} = call i64 @{name}(i64 %v{i}, i64 {i})" for i, name in enumerate(names)]
    declared = [f"declare i64 @{name}(i64, i64)" for name in names]
    head = "define i64 @all(i64 %v0) {"
    text = "\n".join([*declared, head, *calls, "  ret i64 %v12", "}"])
    native = jit.build(text, {}, parts, threads)
    assert ctypes.CFUNCTYPE(*[ctypes.c_int64] * 2)(native.address("all"))(1) == 1 + sum(range(12))
    assert len(_entries(place)) == 13
    jit._held.clear()
    assert jit.build(parts[7], {}).cached
    assert "@all" in native.optimized
    assert "add11:" in native.assembly


def test_what_a_thread_finds_wrong_comes_up(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "WORTH", 1)
    parts = [ADD.replace("@add", f"@add{i}") for i in range(4)]
    with pytest.raises(RuntimeError, match="parsing error"):
        jit.build("no module", {}, parts, 3)
    assert not jit._held
    assert _sum(jit.build(ADD, {}, parts, 3)) == 42


def test_threads_take_turns_where_the_library_cannot_be_reached(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> None:
        raise OSError(name)

    jit._unlocked.cache_clear()
    monkeypatch.setattr(jit, "WORTH", 1)
    monkeypatch.setattr(ctypes, "CDLL", unknown)
    try:
        parts = [ADD.replace("@add", f"@add{i}") for i in range(4)]
        assert _sum(jit.build(ADD, {}, parts, 3)) == 42
    finally:
        jit._unlocked.cache_clear()


def test_threads_that_are_refused_are_not_needed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(jit, "WORTH", 1)
    monkeypatch.setattr(aside, "start_new_thread", refused)
    parts = [ADD.replace("@add", f"@add{i}") for i in range(4)]
    assert _sum(jit.build(ADD, {}, parts, 3)) == 42


def test_another_text_is_another_entry(place: Path) -> None:
    jit.build(ADD, {})
    other = jit.build(ADD.replace("= add", "= sub"), {})
    assert not other.cached
    assert _sum(other) == 38
    assert len(_entries(place)) == 2


def test_a_key_depends_on_every_part_and_its_place() -> None:
    keys = [cache.key_of("ab", "c"), cache.key_of("a", "bc"), cache.key_of("abc"), cache.key_of("c", "ab")]
    assert len(set(keys)) == 4
    assert cache.key_of("ab", "c") == keys[0]


def test_folder_and_files_are_the_users_alone(place: Path) -> None:
    jit.build(ADD, {})
    assert place.stat().st_mode & 0o777 == 0o700
    assert _entries(place)[0].stat().st_mode & 0o777 == 0o600
    assert not list(place.glob("new-*"))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "renamed", "other format"])
def test_a_damaged_entry_is_ignored_and_rewritten(place: Path, damage: str) -> None:
    jit.build(ADD, {})
    (entry,) = _entries(place)
    good = entry.read_bytes()
    if damage == "renamed":  # whole, but what another text was compiled to
        jit.build(ADD.replace("= add", "= sub"), {})
        (other,) = [e for e in _entries(place) if e != entry]
        bad = other.read_bytes()
    else:
        bad = {
            "truncated": good[:-100],
            "flipped": good[:-50] + bytes([good[-50] ^ 1]) + good[-49:],
            "empty": b"",
            "other format": b"x" + good[1:],
        }[damage]
    entry.write_bytes(bad)
    jit._held.clear()
    again = jit.build(ADD, {})
    assert not again.cached
    assert _sum(again) == 42
    assert entry.read_bytes() == good


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such permissions")
def test_a_folder_that_others_can_write_is_refused_once(place: Path) -> None:
    cache._refuse.cache_clear()
    place.mkdir(parents=True)
    place.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="can be written by other users.*RUSHLIGHT_CACHE"):
        assert not jit.build(ADD, {}).cached
    jit._held.clear()
    assert not jit.build(ADD, {}).cached  # and no second warning, which would be an error
    assert not list(place.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such permissions")
def test_a_folder_or_file_of_another_user_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache._refuse.cache_clear()
    jit.build(ADD, {})
    (entry,) = _entries(place)
    entry.chmod(0o666)
    assert cache.load(entry.stem) is None
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    with pytest.warns(RuntimeWarning, match="belongs to another user"):
        assert cache.folder() is None


def test_a_link_is_no_folder(place: Path) -> None:
    cache._refuse.cache_clear()
    place.parent.mkdir()
    (place.parent / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(place.parent / "elsewhere")
    with pytest.warns(RuntimeWarning, match="is not a folder"):
        assert cache.folder() is None


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")
    assert cache.folder() is None
    cache.store("0", b"nothing happens")
    assert cache.load("0") is None
    monkeypatch.delenv("RUSHLIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg" / "rushlight" / "objects"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative, and so to be ignored")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.folder() == tmp_path / "home" / ".cache" / "rushlight" / "objects"


def test_a_place_that_cannot_be_made_is_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="cannot be made .*RUSHLIGHT_CACHE"):
        assert cache.folder() is None
    assert _sum(jit.build(ADD, {})) == 42  # and no second warning
    monkeypatch.delenv("RUSHLIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache.folder() is None  # nobody asked for it
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUSHLIGHT_CACHE", "~/own")
    assert cache.folder() == tmp_path / "own" / "objects"


def test_an_interrupt_while_an_entry_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(old: str, new: str) -> None:
        os.unlink(old)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        cache.store("0", b"data")
    assert not _entries(place)


def test_the_oldest_entries_go(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 10_000)
    for i in range(9):
        cache.store(f"{i}", bytes(1000))
        os.utime(place / f"{i}.object", (i, i))
    assert cache.load("0") is not None  # and now it is the youngest
    cache.store("9", bytes(1000))
    kept = {e.stem for e in _entries(place)}
    assert sum(e.stat().st_size for e in _entries(place)) <= 7_500
    assert {"0", "9", "8"} <= kept
    assert not {"1", "2"} & kept


def test_the_folder_is_looked_through_once_in_a_while(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 100_000)
    looked: list[Path] = []
    monkeypatch.setattr(cache, "_shrink", looked.append)
    for i in range(40):
        cache.store(str(i), bytes(250))
    assert len(looked) == 1 + 39 // 4


def test_what_a_dead_process_left_goes_later(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store("0", b"first")
    old, young = place / "new-old", place / "new-young"
    old.write_bytes(b"unfinished")
    young.write_bytes(b"being written")
    os.utime(old, (1, 1))
    monkeypatch.setattr(cache, "_grown", {})  # as in another process
    cache.store("1", b"second")
    assert not old.exists()
    assert young.exists()


PROCESS = """
import rushlight as rl
from rushlight.compile.function import compile
weight = rl.ones(7, 5)
step = compile(lambda x: (x @ weight).tanh().sum())
print(step(rl.ones(3, 7)).item())
"""


def test_processes_that_start_at_once(place: Path) -> None:
    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROCESS], stdout=subprocess.PIPE, text=True
        )

    results = [p.communicate()[0] for p in [start() for _ in range(3)]]
    assert len(set(results)) == 1
    assert results[0].strip()
    # Two kernels, the step, and the barrier that all programs share.
    assert len(_entries(place)) == 4
    assert not list(place.glob("new-*"))


def test_no_address_of_this_process_is_in_the_text(place: Path) -> None:
    """Else an object would call nowhere in the next process: what is outside is named, or an argument."""
    weight = rl.rand(300, 300)
    step = compile(lambda x: ((x @ weight).relu().sum(), x.sort(dim=1).values))
    step(rl.rand(300, 300))
    ((entry,),) = step._entries.values()
    assert entry.program.module.callbacks
    assert "inttoptr" not in entry.program.module.text
    jit._held.clear()
    again = compile(lambda x: ((x @ weight).relu().sum(), x.sort(dim=1).values))
    again(rl.rand(300, 300))
    ((entry,),) = again._entries.values()
    assert entry.program.native.cached
