"""The script that makes the README's figures: which rows it finds, what it writes into them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("figures", ROOT / "scripts" / "figures.py")
assert spec is not None
assert spec.loader is not None
figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figures)

TABLE = """\
| command | here | reported |
|---|---|---|
| `rushlight train disk --runs 10` | old | 2 to 5 % |
| `rushlight sweep disk` | kept | kept |
"""


def test_only_the_one_cell_is_written() -> None:
    seen: list[str] = []
    new = figures.rewrite(
        TABLE, r"\| `rushlight (train [^`]+)` \|", lambda c: seen.append(c) or "new", cell=2
    )
    assert seen == ["train disk --runs 10"]
    assert new == TABLE.replace("old", "new")


def test_figures_say_their_spread() -> None:
    assert figures.summary([0.01, 0.03], True) == "test error 2.0 % on average, 1.0 to 3.0 % with 2 seeds"
    text = figures.summary([0.03, 0.02], False)
    assert text == "test accuracy 0.975 on average, 0.970 to 0.980 with 2 seeds"


def test_figures_say_what_an_example_reached() -> None:
    said = "epoch 1  loss 0.2\ntest accuracy 98.76% after 41 s\n\n"
    assert figures.reached_in(said) == "test accuracy 98.76%"
    assert figures.reached_in("reward 490 over 20 games, after 9 s\n") == "reward 490 over 20 games"


def test_every_figure_of_the_readme_is_of_the_scripts_making() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    results = re.findall(r"^\| `rushlight train [^`]+` \|([^|]*)\|", text, re.M)
    assert len(results) == 4
    for result in results:
        assert re.search(r" on average, [\d.]+ to [\d.]+( %)? with \d+ seeds $", result), result
    sizes = re.findall(r"^\| `pip install [^`]+` \|[^|]*\|([^|]*)\|", text, re.M)
    assert len(sizes) == 3
    for size in sizes:
        assert re.fullmatch(r" \d+ MB, \d+ MB with bytecode ", size), size
    examples = re.findall(r"^\| \[`\w+`\]\(examples/[^|]*\|[^|]*\|([^|]*)\|", text, re.M)
    assert len(examples) == 3
    for reached in examples:
        assert re.search(r"\d.*; \d+ s $", reached), reached


def test_the_readme_says_how_large_each_part_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z]+`,? )+)\|[^|]*\| ([\d,]+) \|$", text, re.M)
    for folders, said in rows:
        lines = figures.lines_of(folders)
        assert abs(int(said.replace(",", "")) - lines) <= 0.1 * lines, (
            f"{folders}: {lines}; make figures ARGS=lines"
        )
    named = {name for folders, _ in rows for name in re.findall(r"`([a-z]+)`", folders)}
    packages = (ROOT / "src" / "rushlight").glob("*/__init__.py")
    assert named == {package.parent.name for package in packages}


def test_bytes_with_and_without_bytecode(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x" * 10)
    (tmp_path / "a.pyc").write_bytes(b"x" * 5)
    assert figures.bytes_in(tmp_path, bytecode=True) == 15
    assert figures.bytes_in(tmp_path, bytecode=False) == 10
