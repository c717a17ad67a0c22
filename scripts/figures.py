"""The README's figures, made by the commands and installs that stand beside them: `make figures`.

    python scripts/figures.py results     the table of commands: each runs with ten seeds, or five on MNIST
    python scripts/figures.py sizes       the table of installs: each into a new environment, over a network
    python scripts/figures.py lines       the table of folders: how many lines each part has
    python scripts/figures.py examples    the table of examples: what each says that it reached
    python scripts/figures.py             all

A row of a table begins with a command; one of its cells is written anew, and nothing else. The results are
those of this machine: rounding differs with the processor, and pulls runs apart.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SEEDS = {"disk": 10, "mnist": 5}


def main(wanted: list[str]) -> None:
    """Write the tables that are wanted."""
    text = README.read_text(encoding="utf-8")
    if not wanted or "results" in wanted:
        text = rewrite(text, r"\| `rushlight (train [^`]+)` \|", result_of, cell=2)
    if not wanted or "sizes" in wanted:
        text = rewrite(text, r"\| `pip install ([^`]+)` \|", size_of, cell=3)
    if not wanted or "lines" in wanted:
        text = rewrite(text, r"\| ((?:`[a-z]+`,? )+)\|", lambda row: f"{round(lines_of(row), -2):,}", cell=3)
    if not wanted or "examples" in wanted:
        text = rewrite(text, r"\| \[`(\w+)`\]\(examples/", reached_by, cell=3)
    README.write_text(text, encoding="utf-8")


def rewrite(text: str, row: str, figure: object, cell: int) -> str:
    """The text with the given cell of each matching row written anew."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        found = re.match(row, line)
        if found is not None:
            cells = line.split("|")
            cells[cell] = f" {figure(found.group(1))} "  # type: ignore[operator]
            lines[number] = "|".join(cells)
            print(lines[number].strip(), flush=True)
    return "".join(lines)


def result_of(command: str) -> str:
    """Mean and spread over seeds of what a command reaches."""
    words = command.split()
    disk = words[1] == "disk"
    if "--runs" not in words:
        words += ["--runs", str(SEEDS[words[1]])]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "runs"
        run([sys.executable, "-m", "rushlight.cli", *words, "--no-pictures", "--out", str(out)])
        with open(out / "runs.csv", newline="", encoding="utf-8") as file:
            errors = [float(row["test_error"]) for row in csv.DictReader(file)]
    return summary(errors, disk)


def summary(errors: list[float], disk: bool) -> str:
    """The figures of one row.

    >>> summary([0.01, 0.03], True)
    'test error 2.0 % on average, 1.0 to 3.0 % with 2 seeds'
    >>> summary([0.03, 0.02], False)
    'test accuracy 0.975 on average, 0.970 to 0.980 with 2 seeds'
    """
    mean, count = sum(errors) / len(errors), f"with {len(errors)} seeds"
    if disk:
        low, high = 100 * min(errors), 100 * max(errors)
        return f"test error {100 * mean:.1f} % on average, {low:.1f} to {high:.1f} % {count}"
    return f"test accuracy {1 - mean:.3f} on average, {1 - max(errors):.3f} to {1 - min(errors):.3f} {count}"


def reached_by(example: str) -> str:
    """What an example says that it reached, and the processor time that it took, of all cores."""
    before = os.times()
    options = ["--sample", "0"] if example == "char_gpt" else []
    said = run([sys.executable, str(ROOT / "examples" / f"{example}.py"), *options])
    after = os.times()
    took = after.children_user + after.children_system - before.children_user - before.children_system
    return f"{reached_in(said)}; {took:.0f} s"


def reached_in(said: str) -> str:
    """The last line of an example's text, without the time."""
    return re.sub(r",? after \d+ s$", "", said.strip().splitlines()[-1])


def size_of(what: str) -> str:
    """What an install adds to a new environment, in MB of 10^6 bytes: as files, and with their bytecode."""
    what = what.strip('"').replace(".", str(ROOT), 1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "env"
        venv.create(place, with_pip=True)
        before = bytes_in(place, bytecode=True), bytes_in(place, bytecode=False)
        python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
        run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what])
        with_bytecode = bytes_in(place, bytecode=True) - before[0]
        files = bytes_in(place, bytecode=False) - before[1]
    return f"{files / 1e6:.0f} MB, {with_bytecode / 1e6:.0f} MB with bytecode"


def lines_of(row: str) -> int:
    """The lines of Python in the folders that a row names."""
    folders = (ROOT / "src" / "rushlight" / name for name in re.findall(r"`([a-z]+)`", row))
    files = (file for folder in folders for file in folder.rglob("*.py"))
    return sum(file.read_text(encoding="utf-8").count("\n") for file in files)


def bytes_in(folder: Path, bytecode: bool) -> int:
    """The sizes of all files in a folder, added up."""
    files = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sum(p.stat().st_size for p in files if bytecode or p.suffix != ".pyc")


def run(command: list[str]) -> str:
    """Run a command and give what it printed; that is shown only if it fails."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
