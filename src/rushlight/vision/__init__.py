"""What programs use of torchvision: data sets, transforms of pictures, grids of pictures.

    from rushlight.vision import datasets, transforms

    digits = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())

Pictures are Pillow's where it is installed; nothing here needs it but files of pictures other than PNG's
writing, and modes other than 8-bit ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import missing, namespace
from rushlight.version import __version__ as __version__

if TYPE_CHECKING:
    from rushlight.vision import datasets as datasets
    from rushlight.vision import transforms as transforms
    from rushlight.vision import utils as utils

__all__ = ["datasets", "transforms", "utils"]

_REMEDIES = {
    "models": "There are no ready-made networks: build the layers with rushlight.nn; "
    "load_state_dict(rl.load(path)) takes weights that PyTorch saved.",
}

if not TYPE_CHECKING:
    _find, __dir__ = namespace(__name__, __all__, dict.fromkeys(__all__, ""))

    def __getattr__(name: str) -> object:
        if name in _REMEDIES:
            raise missing(__name__, name, __all__, _REMEDIES[name])
        return _find(name)
