"""``python -m rushlight``: the command line."""

from rushlight.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
