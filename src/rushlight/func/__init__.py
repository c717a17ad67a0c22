"""Transforms of functions, as in ``torch.func``: derivatives, and many examples at once."""

from typing import TYPE_CHECKING

from rushlight.errors import namespace
from rushlight.func.derivatives import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    laplacian,
    linearize,
    vjp,
)
from rushlight.func.modules import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from rushlight.func.scanning import scan
from rushlight.func.vmap import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "laplacian",
    "linearize",
    "replace_all_batch_norm_modules_",
    "scan",
    "stack_module_state",
    "vjp",
    "vmap",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
