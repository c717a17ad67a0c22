"""The domain ai.onnx.ml, as far as it is linear: what scikit-learn's converters write beside networks."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.nn import functional as F
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor
ML = "ai.onnx.ml"


@reads("Scaler", domain=ML)
def scaler(x: Tensor, *, offset: Any = (0.0,), scale: Any = (1.0,)) -> Tensor:
    return (x.float() - rl.tensor(offset)) * rl.tensor(scale)


@reads("Normalizer", domain=ML)
def normalizer(x: Tensor, *, norm: str = "MAX") -> Tensor:
    size = {
        "MAX": lambda: x.abs().amax(-1, keepdim=True),
        "L1": lambda: x.abs().sum(-1, keepdim=True),
        "L2": lambda: (x * x).sum(-1, keepdim=True).sqrt(),
    }[norm]()
    return x / rl.where(size == 0, rl.ones_like(size), size)


@reads("Binarizer", domain=ML)
def binarizer(x: Tensor, *, threshold: float = 0.0) -> Tensor:
    return (x > threshold).to(x.dtype)


@reads("Imputer", domain=ML)
def imputer(
    x: Tensor, *, imputed_value_floats: Any = (), replaced_value_float: float = float("nan"), **others: Any
) -> Tensor:
    given = rl.tensor(imputed_value_floats)
    old = replaced_value_float
    return rl.where(rl.isnan(x) if old != old else x == old, given, x)


@reads("ArrayFeatureExtractor", domain=ML)
def array_feature_extractor(x: Tensor, indices: Tensor) -> Tensor:
    return (x.unsqueeze(0) if x.ndim == 1 else x).index_select(-1, indices.reshape(-1).long())


@reads("FeatureVectorizer", domain=ML)
def feature_vectorizer(*xs: Tensor, inputdimensions: Any = None) -> Tensor:
    return rl.cat([x.float() for x in xs], 1)


def _transformed(scores: Tensor, how: str) -> Tensor:
    if how == "NONE":
        return scores
    if how == "SOFTMAX":
        return F.softmax(scores, -1)
    return rl.sigmoid(scores)


@reads("LinearRegressor", domain=ML)
def linear_regressor(
    x: Tensor, *, coefficients: Any, intercepts: Any = None, targets: int = 1, post_transform: str = "NONE"
) -> Tensor:
    out = x.float() @ rl.tensor(coefficients).reshape(targets, -1).T
    return _transformed(out if intercepts is None else out + rl.tensor(intercepts), post_transform)


@reads("LinearClassifier", domain=ML)
def linear_classifier(
    x: Tensor, *, coefficients: Any, intercepts: Any = None, classlabels_ints: Any = None,
    classlabels_strings: Any = None, multi_class: int = 0, post_transform: str = "NONE",
) -> Any:  # fmt: skip
    if classlabels_strings:
        raise NotImplementedError
    labels = rl.tensor(classlabels_ints or [0, 1])
    rows = len(intercepts or ()) or len(labels)
    scores = x.float() @ rl.tensor(coefficients).reshape(rows, -1).T
    scores = scores if intercepts is None else scores + rl.tensor(intercepts)
    if rows == 1:
        scores = rl.cat([-scores, scores], -1)
    return labels[scores.argmax(-1)], _transformed(scores, post_transform)


@reads("ZipMap", domain=ML)
def zip_map(x: Tensor, **labels: Any) -> Tensor:
    """The table of probabilities as it is, where ONNX has a list of dicts."""
    return x
