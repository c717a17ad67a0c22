"""``python -m rushlight.port FILE...``: what of programs for PyTorch would not run here, line by line, and
those programs with their imports changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rushlight.interop.files import write_atomically
from rushlight.port.check import check
from rushlight.port.rewrite import rewrite

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if all would run, 1 if something would not, 2 if a file is no program."""
    parser = argparse.ArgumentParser(prog="python -m rushlight.port", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a Python program, or a folder of them")
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--out", metavar="FOLDER", help="write the programs, imports changed, into this folder"
    )
    target.add_argument("--write", action="store_true", help="change the imports in the files themselves")
    given = parser.parse_args(arguments)
    files = [f for name in given.files for f in _programs(Path(name))]
    if given.out is not None:
        twice = [f.name for f in files if [g.name for g in files].count(f.name) > 1]
        if twice:
            parser.error(f"two files are called {twice[0]}: port them into folders of their own")
    return max((_port(file, given.out, given.write) for file in files), default=0)


def _programs(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _port(file: Path, out: str | None, write: bool) -> int:
    try:
        source = file.read_text(encoding="utf-8")
        new = rewrite(source)
        findings = check(source)
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError) as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 2
    for found in findings:
        print(f"{file}:{found}")
    sure = sum(found.sure for found in findings)
    if not findings:
        print(f"{file}: everything that it names is here")
    elif not sure:
        print(f"{file}: everything that it surely names is here")
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        write_atomically(Path(out) / file.name, new)
    elif write and new != source:
        write_atomically(file, new)
    return 1 if sure else 0


if __name__ == "__main__":
    sys.exit(main())
