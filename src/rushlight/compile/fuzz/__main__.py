"""``python -m rushlight.compile.fuzz --graphs N --seed S``."""

import sys

from rushlight.compile.fuzz.run import main

sys.exit(main())
