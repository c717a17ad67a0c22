"""What PyTorch keeps under `torch.utils`; `rushlight.utils.data` shows the names of `rushlight.data`."""

import importlib
import importlib.util
from typing import TYPE_CHECKING

from rushlight.errors import missing

__all__ = ["checkpoint", "data", "tensorboard"]

if TYPE_CHECKING:
    from rushlight import data as data
else:

    def __getattr__(name: str) -> object:
        path = f"{__name__}.{name}"
        if not name.startswith("__") and importlib.util.find_spec(path) is not None:
            return importlib.import_module(path)
        raise missing(__name__, name, __all__)

    def __dir__() -> list[str]:
        return sorted([*__all__, "__all__", "__doc__", "__file__", "__name__", "__path__"])
