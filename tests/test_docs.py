"""The README and the guide: their code runs, their commands exist, their links lead somewhere."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight.core.op import REGISTRY
from tests import op_samples

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GALLERY = [page for page in PAGES if page.parent.name == "reports"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Pages add ops and samples of their own; the suites must not meet them."""
    ops, samples, counts = dict(REGISTRY), list(op_samples.SAMPLES), dict(op_samples._count)
    yield
    REGISTRY.clear()
    REGISTRY.update(ops)
    op_samples.SAMPLES[:] = samples
    op_samples._count.clear()
    op_samples._count.update(counts)


@pytest.mark.parametrize("page", GALLERY, ids=name_of)
def test_the_gallery_shows_code_that_is_there(page: Path) -> None:
    """Reports print their own source; a page that was written by an older one has to be written again."""
    sources = (ROOT / "src" / "rushlight" / "reports").glob("*.py")
    lines = {line.strip() for source in sources for line in source.read_text(encoding="utf-8").splitlines()}
    for kind, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            assert {line.strip() for line in code.splitlines()} <= lines


def test_the_table_of_folders_names_all_of_them() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z0-9_/]+/`(?:, )?)+) \|", text, re.M)
    named = [folder for row in rows for folder in re.findall(r"`([a-z0-9_/]+)/`", row)]
    packages = (ROOT / "src" / "rushlight").rglob("*/__init__.py")
    found = {package.parent.relative_to(ROOT / "src" / "rushlight").as_posix() for package in packages}
    assert sorted(named) == sorted(found)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in GALLERY], ids=name_of)
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks marked pycon are doctests, blocks marked python are programs; each page is one session."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "page", "sample": op_samples.sample, "forms": op_samples.forms}
    for block in FENCE.finditer(text):
        kind, code = block.groups()
        line = text.count("\n", 0, block.start()) + 1
        if kind == "python":
            exec(compile("\n" * line + code, name_of(page), "exec"), names)
        elif kind == "pycon":
            _check(code, names, name_of(page), line)
        else:
            assert ">>> " not in code, f"{name_of(page)}:{line}: an example that is not marked pycon"
    _close_figures()


def _check(code: str, names: dict[str, Any], page: str, line: int) -> None:
    test = doctest.DocTestParser().get_doctest(code, names, f"{page}:{line + 1}", page, line)
    output: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=output.append, clear_globs=False)
    names.update(test.globs)
    assert not output, "".join(output)


def _close_figures() -> None:
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def commands() -> list[str]:
    """Every line of the pages' shell blocks that calls rushlight."""
    lines = [
        line.split("#")[0].strip()
        for page in PAGES
        for kind, code in FENCE.findall(page.read_text(encoding="utf-8"))
        if kind == "sh"
        for line in code.splitlines()
    ]
    return sorted({line for line in lines if line.startswith("rushlight ")})


@pytest.mark.parametrize("line", commands())
def test_commands_are_understood(line: str) -> None:
    """Parsed, not run: names of commands and options, and the number of arguments."""
    typer = pytest.importorskip("typer")
    from rushlight.cli.app import app

    _, *words = shlex.split(line)
    group = typer.main.get_command(app)
    if words[0].startswith("-"):
        assert any(words[0] in option.opts for option in group.params) or words[0] == "--help"
        return
    command = group.commands[words[0]]
    command.make_context(words[0], words[1:]).close()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        link = next(part for part in target if part)
        if "://" in link:
            continue
        file, _, place = link.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), f"{name_of(page)}: {link}"
        assert not place or place in _places(there), f"{name_of(page)}: {link}"


def _places(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_trains_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first screen's program does what the text beside it says."""
    monkeypatch.chdir(tmp_path)
    program = next(code for kind, code in FENCE.findall((ROOT / "README.md").read_text()) if kind == "python")
    names: dict[str, Any] = {}
    exec(program, names)
    assert names["trainer"].evaluate(names["test"])["error"] <= 0.03
    assert (tmp_path / "disk.png").stat().st_size > 10_000
    assert isinstance(names["model"], rl.nn.Module)
    _close_figures()
