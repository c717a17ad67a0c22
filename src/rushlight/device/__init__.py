"""The array library beneath Rushlight, named here and nowhere else.

m    the namespace over which every op's formula is written; a second device is a second module with its names
xp   what the host does with arrays

`memory`, `random` and `files` are services to the host, `outside` knows what the library's own objects are.
"""

from rushlight.device import arrays as xp
from rushlight.device import numpy as m

__all__ = ["m", "xp"]
