"""Running a model for a picture, and leaving it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, message

__all__ = ["evaluated", "evaluation"]


@contextmanager
def evaluation(model: Any) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards each module is back in its own mode."""
    import rushlight as rl

    modes = (
        [(module, module.training) for module in model.modules()] if isinstance(model, rl.nn.Module) else []
    )
    try:
        if modes:
            model.eval()
        with rl.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def evaluated(op: str, model: Any, inputs: np.ndarray) -> Any:
    """The output of a model or function for a batch of inputs, in the model's own precision; of an estimator
    its probabilities."""
    import rushlight as rl

    if not callable(model) and callable(getattr(model, "predict_proba", None)):
        return model.predict_proba(inputs)
    if not callable(model):
        remedy = "Its network is its `.model`." if hasattr(model, "model") else ""
        raise ArgumentError(
            message(
                f"plot.{op}",
                f"a {type(model).__name__}",
                "a Module or a function, or an estimator with predict_proba",
                remedy,
            )
        )
    with evaluation(model):
        return model(rl.from_numpy(np.ascontiguousarray(inputs, dtype=precision(model))))


def precision(model: Any) -> np.dtype[Any]:
    """The dtype of the first floating parameter, else float32."""
    import rushlight as rl

    if isinstance(model, rl.nn.Module):
        for parameter in model.parameters():
            if np.dtype(parameter.dtype).kind == "f":
                return np.dtype(parameter.dtype)
    return np.dtype(np.float32)
