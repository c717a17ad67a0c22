"""Names of which PyTorch's own tables have no samples: a table of calls, run with both frameworks.

The results' kinds, dtypes, shapes and numbers are compared, and the gradients of all floats that go in.
"""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as rl
from tests.op_samples import as_dtype
from tests.parity import cases_layers, cases_tensors
from tests.parity import test_opinfo_parity as opinfo
from tests.parity.cases import CASES

torch = pytest.importorskip("torch")


@pytest.mark.filterwarnings("ignore")  # of what is deprecated
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_cases(name: str, dtype: str) -> None:
    call, arrays = CASES[name]
    if dtype == "float32" and not any(a.dtype == np.float64 for a in arrays):
        pytest.skip("no floats are given")
    found = []
    for L in (rl, torch):
        tensors = [L.from_numpy(as_dtype(a, dtype)) for a in arrays]
        leaves = [t.requires_grad_() for t in tensors if t.is_floating_point()]
        result = call(L, *tensors)
        found.append((result, opinfo.gradients(L, result, leaves) if leaves else []))
    (ours, a), (theirs, b) = found
    opinfo.compare(ours, theirs, 16.0)
    opinfo.compare(a, b, 64.0)


COVERED = {**cases_tensors.COVERED, **cases_layers.COVERED}
COVERED["rushlight"] = cases_tensors.COVERED["rushlight"] | cases_layers.COVERED["rushlight"]
"""What is looked up by name there, for the matrix of test_matrix.py."""
