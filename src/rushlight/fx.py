"""What programs need of torch.fx to be imported: functions are not rewritten here, so none is marked."""

from __future__ import annotations

from typing import Any

from rushlight.errors import NotSupportedError, message, namespace

__all__ = ["symbolic_trace", "wrap"]


def wrap(fn_or_name: Any) -> Any:
    """The function, or the name, itself.

    >>> wrap(len) is len
    True
    """
    return fn_or_name


def symbolic_trace(root: Any, concrete_args: Any = None) -> Any:
    """Raises NotSupportedError: `rl.compile` traces a function with its inputs."""
    raise NotSupportedError(
        message(
            "symbolic_trace", "a program without inputs", "one that is traced as it runs", "Use rl.compile."
        )
    )


__getattr__, __dir__ = namespace(__name__, __all__)
