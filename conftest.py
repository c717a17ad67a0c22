"""Tests and documentation write into temporary folders only; the checkout is looked at afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
OTHERS = (".git", ".venv", "venv", "__pycache__", "build", "dist", "node_modules")
"""Folders that tools write into; so do those with names like .ruff_cache and x.egg-info."""
BEFORE = pytest.StashKey[set[str]]()


def files() -> set[str]:
    """Every file of the checkout that no tool keeps there."""
    found = set()
    for folder, below, names in os.walk(ROOT):
        below[:] = [
            name
            for name in below
            if name not in OTHERS and not name.endswith((".egg-info", "_cache")) and name != ".hypothesis"
        ]
        found |= {os.path.relpath(os.path.join(folder, name), ROOT) for name in names}
    return found


@pytest.fixture(autouse=True)
def _in_a_temporary_folder(request: pytest.FixtureRequest) -> Iterator[None]:
    """Examples in docstrings and pages write where they stand, so they stand somewhere else."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(request.getfixturevalue("tmp_path"))
        patch.setenv("MPLBACKEND", "Agg")
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The functions that the package shows have their examples in the files that they stand in."""
    own = str(ROOT / "src" / "rushlight" / "__init__.py")
    items[:] = [
        item
        for item in items
        if not isinstance(item, pytest.DoctestItem) or str(item.path) != own or item.name == "rushlight"
    ]


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[BEFORE] = files()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    new = sorted(files() - session.config.stash[BEFORE])
    if new:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    new = sorted(files() - config.stash[BEFORE])
    if new:
        terminalreporter.section("left in the checkout", red=True)
        terminalreporter.write_line("Tests write into temporary folders. These files are new:")
        for name in new[:20]:
            terminalreporter.write_line(f"  {name}")
