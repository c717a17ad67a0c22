"""Running a model for a picture, and leaving it as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def evaluated(op: str, model: Any, inputs: np.ndarray, columns: Sequence[Any] = ()) -> Any:
    """The output of a model or function for a batch of inputs, in the model's own precision, or of what has a
    trained one. `columns` are the names of the inputs, if they have some."""
    import rushlight as rl

    if isinstance(model, rl.train.Trainer):
        model = model.model
    says = getattr(model, "predict", getattr(model, "predict_proba", None))
    if not callable(model) and callable(says):
        return _predicted(model, inputs, columns)
    if not callable(model) or isinstance(model, type):
        got = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        expected = "a Module, a function, a Trainer, or an estimator with predict"
        raise ArgumentError(message(f"plot.{op}", got, expected))
    with evaluation(model):
        return model(rl.from_numpy(np.ascontiguousarray(inputs, dtype=precision(model))))


def _predicted(model: Any, inputs: Any, columns: Sequence[Any]) -> Any:
    """What an estimator says: probabilities, a one for its class without them; numbers of a regression."""
    known = getattr(model, "columns", None)  # a model of tables takes a column by its name
    if isinstance(known, list) and inputs.ndim == 2:
        names = list(columns) if set(known) <= set(columns) else known
        if len(names) == inputs.shape[1]:
            inputs = dict(zip(names, inputs.T, strict=True))
    if getattr(model, "task", None) != "regression" and callable(getattr(model, "predict_proba", None)):
        return model.predict_proba(inputs)
    found = np.asarray(model.predict(inputs))
    classes = getattr(model, "classes_", None)
    return found if classes is None else (found[:, None] == np.asarray(classes)).astype(np.float64)


def precision(model: Any) -> np.dtype[Any]:
    """The dtype of the first floating parameter, else float32."""
    import rushlight as rl

    if isinstance(model, rl.nn.Module):
        for parameter in model.parameters():
            if np.dtype(parameter.dtype).kind == "f":
                return np.dtype(parameter.dtype)
    return np.dtype(np.float32)
