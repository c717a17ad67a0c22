"""The compiler: a Python function on tensors, as one native call.

capture   a function, run once on placeholders, becomes a graph
plan      the graph is cut into kernels, and every buffer gets its place
write     kernels become LLVM's text, whose instructions `vector` knows
native    the text becomes machine code, cached, and is called
proof     a new program is held against `interpret`, which says what a graph means
explain   what each kernel costs, and how near it comes to the machine
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["compile"]


def compile(
    function: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
) -> Any:
    """`function` as native code, traced at its first call and again when what it took for granted changes.

    mode  "full"; "nofuse": one kernel for each operation; "interpret": the traced graph on NumPy; "off": the
          plain function. The environment variable RUSHLIGHT_COMPILE overrides it.

    PyTorch's other modes mean "full". Its options for the compiler behind it (`dynamic`, `backend`,
    `options`, `name`) are passed over, with one warning; `disable` means the mode "off".
    ``fullgraph=True`` raises TraceError for what would run eager.

    Tensors are read afresh at each call, wherever they stand: arguments, parameters, buffers, optimiser and
    random state, learning rates. Whatever Python values the function's code can read are watched: a change
    is noticed and traced anew, and a number that changes is read in each call from then on. Tensors that the
    function updates in place are updated, and so are Python numbers. Results are new tensors without
    history: a backward belongs inside the compiled function. A compiled Module is a Module still; where
    gradients are wanted it runs eager. Gradients that the
    function uses up in an optimiser's step are None afterwards; those that it leaves behind are found in
    `.grad`.

    The first run of each program is checked against NumPy. What cannot be followed runs eager, and a warning
    says why. Raises NotSupportedError where llvmlite is missing, and TraceError (one, too) for a function
    that needs the numbers of tensors while it is traced, or draws random numbers that are not Rushlight's.

    >>> import rushlight as rl
    >>> total = rl.zeros(2)
    >>> @rl.compile
    ... def add(x):
    ...     total.add_(x)
    ...     return total.sum()
    >>> add(rl.ones(2)), add(rl.ones(2)), total
    (tensor(2.), tensor(4.), tensor([2., 2.]))
    """
    from rushlight.compile.function import compile as make
    from rushlight.compile.function import pass_over

    others = {
        "dynamic": dynamic,
        "backend": backend,
        "options": options,
        "name": name,
    }
    return make(function, mode="off" if disable else pass_over(mode, others), strict=fullgraph)
