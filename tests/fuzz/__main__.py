"""``python -m tests.fuzz --graphs N --seed S --jobs J``."""

import sys

from tests.fuzz.run import main

if __name__ == "__main__":  # a process that this one starts imports it anew
    sys.exit(main())
