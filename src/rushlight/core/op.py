"""The op record: everything the framework knows of one operation, in one place.

From a record follow the eager result (`formula` over the device's namespace), the derivative (`vjp`, in
Tensor ops), tracing (`infer`) and, for elementwise ops, native code (`formula` over a code builder).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rushlight.core.lower import Follows, Lower, Map, Opaque, Rounding
from rushlight.core.spec import Spec, broadcast
from rushlight.device import xp

__all__ = ["REGISTRY", "Op", "elementwise", "register"]

Saves = Literal["inputs", "out", "both", "specs"]
Promote = Literal["none", "common", "float", "same"]

REGISTRY: dict[str, Op] = {}
OPAQUE = Opaque()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Op:
    """One operation.

    name        as in PyTorch.
    formula     ``formula(m, *arrays, **attrs)``: the mathematics over a namespace `m` (`device/numpy.py`
                lists its names); numbers may stand in the place of arrays.
    infer       ``infer(*specs, **attrs) -> Spec``: shape and dtype of the result; refuses what does not fit.
    vjp         the derivative, in Tensor ops: one function per input, ``f(g, out, *inputs, **attrs)``, or one
                function that returns the gradients of all inputs (for ops of any number of inputs).
                A gradient may keep the broadcast shape: the engine sums it back. None: not differentiable.
    saves       what the derivative reads: "inputs", "out", "both", or only the "specs" of the inputs. What is
                not saved arrives as a Spec (inputs) or None (out), and is free to leave memory.
    spare       of saved inputs those whose values the derivative does not read: they arrive as Specs.
    promote     "common": inputs take PyTorch's common dtype; "float": the same, and at least float32;
                "same": inputs of different dtypes are refused.
    first       the input from which promotion counts (1 for `where`, whose condition stays bool).
    lower       how it becomes native code: see `core/lower.py`.
    view        the result may share the first input's memory.
    bits        the formula looks at the numbers' own bits: 16-bit floats go into it as they are, others as
                float32 (`core/narrow.py`).
    lowers      within autocast it takes its tensors in the lower dtype.
    wraps       numbers that the inputs' integer dtype cannot hold count modulo its range, as in PyTorch.
    put         of a view: ``put(x, value, attrs)`` gives the op, inputs and attrs that make the first input
                `x` anew with `value` in the place of what the view looks at; None where elements repeat.
    inplace     ``inplace(array, *arrays)``: the same written into the first array, where that is cheaper.
    decompose   the same result in other Tensor ops, for tracing and for whoever wants to read it; it may give
                None where the op is to stay as it is.
    fold        ``fold(*operands, **attrs)``: the same result, bit for bit, without this op: one of the
                operands (`core/fold.py`), the number that every element is, or the (op, inputs, attrs) that
                make it; None where there is no such thing.
    label       what `grad_fn` shows where PyTorch does not show the op's name in capitals with "Backward0"
                behind it; or ``label(node)``, which gives that.
    """

    name: str
    formula: Callable[..., Any]
    infer: Callable[..., Spec]
    vjp: tuple[Callable[..., Any] | None, ...] | Callable[..., Any] | None = None
    saves: Saves = "inputs"
    spare: tuple[int, ...] = ()
    promote: Promote = "none"
    first: int = 0
    lower: Lower = OPAQUE
    view: bool = False
    bits: bool = False
    lowers: bool = False
    wraps: bool = False
    put: Callable[[Any, Any, dict[str, Any]], tuple[Op, tuple[Any, ...], dict[str, Any]] | None] | None = None
    inplace: Callable[..., Any] | None = None
    decompose: Callable[..., Any] | None = None
    fold: Callable[..., Any] | None = None
    label: str | Callable[[Any], str] | None = None

    @property
    def elementwise(self) -> bool:
        """Whether the formula works element by element, so that formulas may be composed into one loop."""
        return isinstance(self.lower, Map)

    def __repr__(self) -> str:
        return f"Op({self.name})"


def register(op: Op) -> Op:
    """Enter `op` into the registry and return it; a name can be taken once."""
    if op.name in REGISTRY:
        raise ValueError(f"op {op.name!r} is registered already")
    REGISTRY[op.name] = op
    return op


def elementwise(
    name: str,
    formula: Callable[..., Any],
    vjp: Any = None,
    rounding: Rounding = "freely",
    follows: Follows = "freely",
    adds: bool = False,
    **facts: Any,
) -> Op:
    """Register an elementwise op: shapes broadcast, dtypes promote, a comparison or test gives bool.

    `rounding`, `follows` and `adds` are those of its Map, `facts` the other fields of Op, ``lower`` among
    them where no instructions can say it; ``result`` is "bool" where the result is bool, "first" where it has
    the first input's dtype though others differ; ``check`` takes what `infer` takes, and raises the error for
    what the op does not take.
    """
    result, check = facts.pop("result", None), facts.pop("check", None)
    facts.setdefault("promote", "common")
    facts.setdefault("lower", Map(rounding, follows, adds))

    def infer(*specs: Any, **attrs: Any) -> Spec:
        tensors = [s for s in specs if isinstance(s, Spec)]
        shape = broadcast(name, [s.shape for s in tensors])
        if check is not None:
            check(*specs)
        kept = tensors[0] if result == "first" else tensors[-1]
        return Spec(shape, xp.bool_ if result == "bool" else kept.dtype)

    return register(Op(name, formula, infer, vjp, **facts))
