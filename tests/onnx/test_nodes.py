"""The standard's own tests of nodes, which come with the onnx package: models of one node, with numbers."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.errors import DTypeError, NotSupportedError
from rushlight.onnx.program import tensor_of
from tests.onnx.peers import onnx

LEAST = 1655
"""How many pass with onnx 1.23.2, which has 1,884."""

TYPES = {
    "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0", "float4e2m1", "int4",
    "uint4", "int2", "uint2", "string", "complex64", "complex128",
}  # fmt: skip
"""Types of elements that there are not."""
OPERATORS = {
    "text": "RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer LabelEncoder",
    "pictures": "DeformConv ImageDecoder",
    "trees": "TreeEnsemble",
    "training steps, which are optimisers here": "Adagrad Adam Momentum",
}
"""Operators that are not here, by family."""
RANDOM = ("test_bernoulli", "test_training_dropout")
"""Beginnings of names of tests with numbers drawn by another generator."""


def value(given: Any) -> Any:
    """A tensor, a list of them, or None."""
    if isinstance(given, list):
        return [value(item) for item in given]
    if given is None:
        return None
    return tensor_of(
        given if isinstance(given, onnx.TensorProto) else onnx.numpy_helper.from_array(np.asarray(given))
    )


def assert_same(found: Any, expected: Any, rtol: float) -> None:
    if isinstance(expected, list):
        for a, b in zip(found, expected, strict=True):
            assert_same(a, b, rtol)
    elif expected is None:
        assert found is None
    else:
        assert found.spec == expected.spec
        if expected.dtype.itemsize == 2 and expected.is_floating_point():
            rtol = max(rtol, 2 * rl.finfo(expected.dtype).eps)  # rounded at other places
        np.testing.assert_allclose(
            found.detach().double().numpy(), expected.double().numpy(), rtol=rtol, atol=1e-6
        )


def outcome(case: Any) -> str:
    """ "passes", or why not."""
    try:
        net = rl.onnx.load(case.model)
        sides = [[value(given) for given in side] for side in case.data_sets[0]]
        with rl.no_grad():
            found = net(*sides[0])
        found = found if isinstance(found, tuple) else (found,)
        for a, b in zip(found, sides[1], strict=True):
            assert_same(a, b, case.rtol)
    except DTypeError as error:
        return next((f"type {t}" for t in sorted(TYPES) if f"a tensor of {t};" in str(error)), repr(error))
    except NotSupportedError as error:
        for family, names in OPERATORS.items():
            if any(f".{name}" in str(error) for name in names.split()):
                return family
        return repr(error)
    except AssertionError as error:
        return "random" if case.name.startswith(RANDOM) else f"{type(error).__name__}: {error}"[:300]
    return "passes"


def test_nodes() -> None:
    """All pass but those of the lists above; the count is printed with -s."""
    loader = __import__("onnx.backend.test.loader", fromlist=["load_model_tests"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers out of range, which the tests are about
        with np.errstate(all="ignore"):
            found = {case.name: outcome(case) for case in loader.load_model_tests(kind="node")}
    known = {"passes", "random", *OPERATORS, *(f"type {t}" for t in TYPES)}
    wrong = {name: why for name, why in found.items() if why not in known}
    counts = Counter(found.values())
    print(counts)
    assert not wrong
    assert counts["passes"] >= min(LEAST, len(found) * 3 // 4)
