"""The array library beneath Rushlight, named here and nowhere else.

`device.numpy` is the namespace over which every op's formula is written. A second device is a second
module with the same names.
"""

from rushlight.device import numpy as xp

__all__ = ["xp"]
