"""Models of tables: from a CSV file or a frame to predictions, in one call.

>>> import rushlight as rl
>>> frame = {"x": [i / 50 for i in range(100)], "y": [(i / 50) ** 2 for i in range(100)]}
>>> model = rl.tabular.fit(frame, target="y", epochs=40, progress=False)
>>> model.predict({"x": [0.5, 1.0]}).shape
(2,)
"""

from rushlight.tabular.fitting import fit, split
from rushlight.tabular.model import Importance, TabularModel
from rushlight.tabular.saving import load
from rushlight.tabular.searching import Search, search
from rushlight.tabular.settings import Settings
from rushlight.tabular.sources import as_table as read
from rushlight.tabular.table import Table

__all__ = [
    "Importance",
    "Search",
    "Settings",
    "Table",
    "TabularModel",
    "fit",
    "load",
    "read",
    "search",
    "split",
]
