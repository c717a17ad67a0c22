"""``python -m rushlight.cli``."""

from rushlight.cli import main

if __name__ == "__main__":
    main()
