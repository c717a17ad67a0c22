"""Without llvmlite everything works but native code, and `rl.compile` says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError


def test_without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    for mode in (None, "full", "nofuse"):
        with pytest.raises(NotSupportedError, match=r"pip install .*rushlight\[compile\]"):
            rl.compile(lambda x: x, mode=mode)
    for mode in ("interpret", "off"):
        assert rl.compile(lambda x: x * 2, mode=mode)(rl.ones(2)).tolist() == [2.0, 2.0]


def test_importing_loads_nothing_optional() -> None:
    code = (
        "import sys, rushlight as rl; assert callable(rl.compile), rl.compile; "
        "assert not {'llvmlite', 'scipy_openblas32', 'rushlight.compile.function'} & set(sys.modules); "
        "rl.compile(lambda x: x, mode='off'); assert callable(rl.compile), rl.compile; "
        "assert 'llvmlite' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_environment_chooses_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_COMPILE", "interpret")
    assert rl.compile(lambda x: x).mode == "interpret"
    monkeypatch.setenv("RUSHLIGHT_COMPILE", "fast")
    with pytest.raises(ArgumentError, match="RUSHLIGHT_COMPILE='fast'.*full, nofuse, interpret, off"):
        rl.compile(lambda x: x)
    monkeypatch.setenv("RUSHLIGHT_COMPILE", "")
    assert rl.compile(lambda x: x, mode="interpret").mode == "interpret"


def test_what_cannot_be_compiled() -> None:
    with pytest.raises(DTypeError, match="a function or a Module"):
        rl.compile(3)  # type: ignore[arg-type]
    assert rl.compile(mode="off")(abs)(-3) == 3
