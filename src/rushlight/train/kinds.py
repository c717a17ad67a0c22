"""Whether what a Trainer is given are the kinds of things that it works with."""

from __future__ import annotations

from typing import Any

from rushlight.errors import ArgumentError, DTypeError, message

__all__ = ["by_names", "check_parts", "optimizer_named"]


def by_names(model: Any, optimizer: Any, loss: Any, lr: float | None) -> tuple[Any, Any]:
    """The optimiser and the loss, made where they are named: "adam", "Adam"; "mse", "MSELoss", "mse_loss".

    Raises ArgumentError for unknown names, and for `lr` beside an optimiser that is made already.
    """
    if isinstance(optimizer, str):
        kind = optimizer_named(optimizer)
        if not _has(model, "parameters"):
            raise _wrong("model", model, "an nn.Module", "Pass the model first.")
        optimizer = kind(model.parameters(), **({} if lr is None else {"lr": lr}))
    elif lr is not None:
        remedy = "Give the rate to the optimizer, or name the optimizer."
        raise ArgumentError(message("Trainer", f"lr={lr:g} beside an optimizer", "one of them", remedy))
    if isinstance(loss, str):
        from rushlight import nn

        loss = _named("loss", loss, nn, [n for n in nn.__all__ if n.endswith("Loss")], "loss")()
    return optimizer, loss


def optimizer_named(name: str) -> Any:
    """The optimiser's class of a name: "adam", "Adam". Raises ArgumentError for one that is none."""
    from rushlight import optim

    return _named("optimizer", name, optim, [n for n in optim.__all__ if n[0].isupper() and n != "Optimizer"])


def _named(what: str, name: str, home: Any, names: list[str], ending: str = "") -> Any:
    """The class of one of the `names`, whatever the case, with or without underscores and the ending."""
    plain = {n.lower().removesuffix(ending): n for n in names}
    found = plain.get(name.replace("_", "").lower().removesuffix(ending))
    if found is None:
        raise ArgumentError(message("Trainer", f"{what}={name!r}", f"one of {', '.join(sorted(plain))}"))
    return getattr(home, found)


def check_parts(model: Any, optimizer: Any, loss: Any, scheduler: Any) -> None:
    """Raises DTypeError, naming the first part that cannot serve as what it was given for, and ArgumentError
    for an optimiser that has no parameter of the model or the loss."""
    if not _has(model, "__call__", "parameters", "train", "eval", "modules"):
        raise _wrong("model", model, "an nn.Module", "Pass the model first, then the optimiser and the loss.")
    if optimizer is not None and not _has(optimizer, "step", "zero_grad"):
        remedy = "Pass one, such as rl.optim.SGD(model.parameters(), lr=0.1)."
        raise _wrong("optimizer", optimizer, "an optimiser", remedy)
    # The type is asked: a module looks long for the nearest name to one that it does not have.
    optimises = hasattr(type(loss), "step") and hasattr(type(loss), "zero_grad")
    if not _has(loss, "__call__") or optimises:
        remedy = "Pass rl.nn.MSELoss(), say, or a function."
        raise _wrong("loss", loss, "a function of (output, target)", remedy)
    if scheduler is not None and not _has(scheduler, "step"):
        remedy = "Pass one, such as rl.optim.lr_scheduler.StepLR(optimizer, 10)."
        raise _wrong("scheduler", scheduler, "a learning-rate schedule", remedy)
    known = {id(p) for part in (model, loss) if _has(part, "parameters") for p in part.parameters()}
    groups = getattr(optimizer, "param_groups", ())
    if groups and known.isdisjoint(id(p) for group in groups for p in group["params"]):
        got = "an optimizer without a parameter of the model"
        remedy = "It would change nothing; make it again, from this model's parameters()."
        raise ArgumentError(message("Trainer", got, "the optimizer of this model", remedy))


def _has(part: Any, *methods: str) -> bool:
    """Whether `part` is an object, not a class, with these methods."""
    return not isinstance(part, type) and all(callable(getattr(part, name, None)) for name in methods)


def _wrong(name: str, part: Any, expected: str, remedy: str) -> DTypeError:
    if isinstance(part, type):
        got = f"{name}={part.__name__}, a class"
        return DTypeError(message("Trainer", got, expected, f"Make one: {part.__name__}(...)."))
    got = f"{name}={part!r}" if isinstance(part, str) else f"{name} of type {type(part).__name__}"
    return DTypeError(message("Trainer", got, expected, remedy))
