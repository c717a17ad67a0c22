"""``python -m rushlight.doctor``: what it finds, and what it says of what is missing or does not work."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rushlight import doctor, optional


def found() -> dict[str, str]:
    return {name: text for _, rows in doctor.report() for name, text in rows}


def test_what_is_installed_is_named_with_its_version() -> None:
    lines = found()
    assert lines["numpy"] == importlib.metadata.version("numpy")
    assert lines["Python"].endswith(sys.executable)
    assert lines["GPU"] == "none in use"


def test_the_compiler_works_here_and_its_machine_is_described() -> None:
    pytest.importorskip("llvmlite")
    lines = found()
    assert lines["compiler"] == "works"
    assert re.fullmatch(r"[\d.]+ GFLOP/s a core in float32, measured", lines["peak"])


def test_without_the_compiler_it_says_what_to_install(monkeypatch: Any) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "llvmlite" else real(name))
    assert found()["compiler"] == 'missing: pip install "rushlight[compile]"'


def test_what_is_missing_names_what_it_is_for(monkeypatch: Any) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    lines = found()
    assert lines["typer"] == 'missing: pip install "rushlight[app]"; for the command line'
    assert lines["pillow"] == "missing: pip install pillow; for reading and resizing pictures"


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads(
        (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    )
    declared = project["project"]["optional-dependencies"]
    for extra, names in optional.EXTRAS.items():
        assert [re.split("[>=]", line)[0] for line in declared[extra]] == list(names)


def test_a_setting_that_breaks_the_compiler_is_told_and_is_an_exit_status() -> None:
    pytest.importorskip("llvmlite")
    environment = {**os.environ, "RUSHLIGHT_ISA": "mmx"}
    command = [sys.executable, "-m", "rushlight.doctor"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    assert "does not work" in run.stdout
    assert "RUSHLIGHT_ISA='mmx'" in run.stdout
    assert not run.stderr
