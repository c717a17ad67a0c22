"""The command line ``rushlight``. typer and rich are imported here and in the live progress bar only."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on `arguments` (``sys.argv`` if left out); ends with SystemExit."""
    try:
        from rushlight.cli.app import app
    except ImportError as error:
        if (error.name or "").split(".")[0] == "rushlight":
            raise
        print(
            f'rushlight: the command line needs {error.name}. Install it with: pip install "rushlight[app]"',
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    app(args=None if arguments is None else list(arguments), prog_name="rushlight")
