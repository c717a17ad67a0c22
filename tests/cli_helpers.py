"""Calls the command line in this process, as `rushlight ...` in a shell would."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rushlight.cli import main

SOURCE = Path(__file__).resolve().parents[1] / "src"


@dataclass
class Done:
    """What a call gave."""

    code: int
    out: str
    err: str


def call(*arguments: object) -> Done:
    """Run ``rushlight`` with `arguments`. An exception that gets out is a bug, and fails the test."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
            code: object = 0
        except SystemExit as stopped:
            code = stopped.code or 0
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a new interpreter, which finds Rushlight whether it is installed or not."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
