"""The operations of the table of samples as ONNX: the numbers of ONNX Runtime, or a refusal that is known."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.capture.results import tensors_of
from rushlight.core.op import REGISTRY
from rushlight.errors import NotSupportedError
from rushlight.onnx.writers import WRITERS
from tests.onnx.peers import close, run
from tests.op_samples import SAMPLES

FIRST: dict[str, Any] = {}
for _sample in sorted(SAMPLES, key=lambda s: s.kind != "smooth"):
    if not any(a.dtype.kind == "f" and np.isnan(a).any() for a in _sample.arrays):  # ONNX leaves NaN open
        FIRST.setdefault(_sample.name, _sample)

NO_COUNTERPART = """
    as_strided bag_top binomial bitwise_left_shift bitwise_right_shift cholesky digamma eigh eigvalsh erfcx
    erfinv exponent gamma_path gcd i0 i0e i1 i1e igamma igammac inverse lcm lgamma log_ndtr loop lu matrix_exp
    ndtr ndtri nextafter pinverse poisson polygamma qr result searchsorted signbit slogdet solve svd svdvals
    xlog1py zeta
"""
"""Operations that ONNX has nothing for: exporting them is refused by name."""
DRAWS = ("Dropout", "RandomNormal", "RandomUniform", "RandomUniformLike", "Bernoulli")
NO_KERNEL = ("cauchy_",)
"""What ONNX Runtime does not compute: the tangent of float64."""
REFUSED = (
    "inside a compiled function",  # the shape of the result depends on numbers
    "in a form that is not ONNX's",
)
"""What other refusals say."""


def single(a: np.ndarray) -> rl.Tensor:
    return rl.tensor(a.astype(np.float32) if a.dtype == np.float64 else a.copy())


@pytest.mark.parametrize("name", FIRST)
def test_operation(name: str) -> None:
    sample = FIRST[name]
    inputs = [single(a) for a in sample.arrays]
    refused, program, expected = "", None, []
    with warnings.catch_warnings(), rl.no_grad():
        warnings.simplefilter("ignore")
        try:
            expected = tensors_of(sample.call(rl, *[t.clone() for t in inputs]))
            program = rl.onnx.export(lambda *t: sample.call(rl, *t), tuple(inputs))
        except NotSupportedError as error:
            refused = str(error)
        except TypeError:  # it takes no float32
            return
    if program is None:
        operation = re.search(r"the operation '(\w+)' in", refused)
        assert operation[1] in NO_COUNTERPART.split() if operation else any(r in refused for r in REFUSED)
    elif expected:
        random = any(node.op_type in DRAWS for node in program.model_proto.graph.node)
        there = [] if name in NO_KERNEL else [run(program.model_proto, *inputs)]
        for found in (*there, tensors_of(program(*inputs))):
            if random:  # see test_changing.py
                assert [(a.shape, str(a.dtype)) for a in found] == [(a.shape, str(a.dtype)) for a in expected]
            else:
                close(found, expected, 1e-4)


def test_every_operation_has_a_form_or_is_listed() -> None:
    """Whole, by others (`decompose`), or in the list; but for what only derivatives and optimisers use."""
    own = {"join", "join_back", "chain", "velocity", "moving_average", "philox", "philox_advance"}
    own |= {"gamma_slope", "cofactor"}
    own |= {"arange", "linspace"}  # they read nothing: computed while tracing
    own |= {"all_reduce", "broadcast_from"}  # they ask other processes
    rest = {
        name
        for name, op in REGISTRY.items()
        if name not in WRITERS and op.decompose is None and not name.endswith("_grad")
    }
    assert rest - own - set(NO_COUNTERPART.split()) == set()
