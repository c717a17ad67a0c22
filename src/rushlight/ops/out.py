"""`out=`: functions that write their result into a tensor that is there, as PyTorch's do.

One mechanism for all of them. The functions themselves know nothing of it; those of the tables are given to
users with one more parameter (`with_out`), which costs nothing where it is left out. A test holds the tables
to PyTorch's own signatures.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rushlight import ops
from rushlight.core.state import MAKERS, no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.errors import DTypeError, GradError, message

__all__ = ["LINALG", "ROOT", "SPECIAL", "into", "with_out"]

_ROOT = """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax angle any
    arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort asin asinh atan
    atan2 atanh baddbmm bernoulli bitwise_and bitwise_left_shift bitwise_not bitwise_or
    bitwise_right_shift bitwise_xor bmm bucketize cat ceil chain_matmul cholesky cholesky_inverse
    cholesky_solve clamp clamp_max clamp_min clip column_stack concat concatenate conj_physical copysign
    cos cosh cross cummax cummin cumprod cumsum deg2rad diag diff digamma div divide dot dstack empty eq
    erf erfc erfinv exp exp2 expm1 eye fix float_power floor floor_divide fmax fmin fmod frac frexp full
    gather gcd ge ger greater greater_equal gt hardshrink heaviside histc histogram hstack hypot i0
    igamma igammac index_add index_copy index_reduce index_select inner inverse isin isneginf isposinf
    kron kthvalue lcm ldexp le lerp less less_equal lgamma linspace log log10 log1p log2 log_softmax
    logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor logit logspace
    logsumexp lt lu_solve lu_unpack masked_select matmul matrix_power max maximum mean median min
    minimum mm mode msort mul multinomial multiply mv mvlgamma nan_to_num nanmean nanmedian nanquantile
    nansum ne neg negative nextafter nonzero nonzero_static norm normal not_equal ones orgqr outer
    polygamma pow prod qr quantile rad2deg rand randint randn randperm range reciprocal remainder renorm
    round row_stack rsqrt scatter scatter_add scatter_reduce searchsorted sgn sigmoid sign signbit sin
    sinc sinh slice_scatter slogdet softmax sort sqrt square stack std sub subtract sum svd take
    take_along_dim tan tanh tensordot threshold topk triangular_solve tril triu true_divide trunc var
    vdot vstack where xlogy zeros
"""
ROOT = frozenset(_ROOT.split())
"""The functions of the package that have `out`."""

_LINALG = """
    cholesky cholesky_ex cond cross det eigh eigvalsh householder_product inv inv_ex lstsq lu lu_factor
    lu_factor_ex lu_solve matmul matrix_norm matrix_power matrix_rank multi_dot norm pinv qr
    slogdet solve solve_ex solve_triangular svd svdvals tensorinv tensorsolve vecdot vector_norm
"""
LINALG = frozenset(_LINALG.split())
"""Those of `rushlight.linalg`."""

_SPECIAL = """
    digamma entr erf erfc erfcx erfinv exp2 expit expm1 gammainc gammaincc gammaln i0 i0e i1 i1e log1p
    log_ndtr logit logsumexp multigammaln ndtr ndtri polygamma psi round sinc xlog1py xlogy zeta
"""
SPECIAL = frozenset(_SPECIAL.split())
"""Those of `rushlight.special`."""

_MADE: dict[Callable[..., Any], Callable[..., Any]] = {}
_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "out of ")
_TEXT = """def {name}({parameters}):
    if out is None:
        try:
            return _function({arguments})
        except AttributeError as error:
            raise _clear("{name}", error, {arguments})
    return _into("{name}", out, _function, {arguments})
"""


def with_out(function: Callable[..., Any], place: str, name: str) -> Callable[..., Any]:
    """`function` with the keyword `out`, as the module `place` shows it under `name`; the same one at every
    call.

    Its text is written out, parameter by parameter: passing on ``*args, **options`` would cost as much as a
    small operation.
    """
    made = _MADE.get(function)
    if made is None:
        home = function.__name__
        if home in ops.__all__ and getattr(ops, home) is function:  # type: ignore[attr-defined]
            place, name = "rushlight", home
        made = _MADE[function] = _written_out(function, place, name)
    return made


MAKERS.add(with_out.__code__)


def _written_out(function: Callable[..., Any], place: str, name: str) -> Callable[..., Any]:
    given = [*inspect.signature(function).parameters.values()]
    parameters = _with_parameter(given, _BY_PLACE.get(f"{place}.{name}"))
    heads: list[str] = []
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and not any(h.startswith("*") for h in heads):
            heads.append("*")
        heads.append(_STARS.get(p.kind, "") + (p.name if p.default is p.empty else f"{p.name}=None"))
    text = _TEXT.format(
        name=name, parameters=", ".join(heads), arguments=", ".join(_passed_on(p) for p in given)
    )
    space: dict[str, Any] = {"_function": function, "_into": into, "_clear": clear, "__name__": __name__}
    exec(compile(text, _FILE + name, "exec"), space)
    made: Any = space[name]
    made.__doc__, made.__module__ = function.__doc__, place
    having = [p for p in parameters if p.default is not p.empty]
    made.__defaults__ = tuple(p.default for p in having if p.kind is not p.KEYWORD_ONLY)
    made.__kwdefaults__ = {p.name: p.default for p in having if p.kind is p.KEYWORD_ONLY}
    made.__annotations__ = {**function.__annotations__, "out": "Any"}
    return made


def _with_parameter(given: list[inspect.Parameter], at: int | None) -> list[inspect.Parameter]:
    """The parameters and `out`, as the last but those of any name, or where it is also given by its place."""
    by_name = at is None
    kind = inspect.Parameter.KEYWORD_ONLY if by_name else inspect.Parameter.POSITIONAL_OR_KEYWORD
    if at is None:
        at = len(given) - (given[-1].kind is inspect.Parameter.VAR_KEYWORD)
    return [*given[:at], inspect.Parameter("out", kind, default=None), *given[at:]]


_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_BY_PLACE = {"rushlight.norm": 4, "rushlight.tensordot": 3}
"""Of the functions that take `out` by its place, too, the place."""


def _passed_on(parameter: inspect.Parameter) -> str:
    name, kind = parameter.name, parameter.kind
    return f"{name}={name}" if kind is parameter.KEYWORD_ONLY else _STARS.get(kind, "") + name


def clear(name: str, error: AttributeError, *args: Any, **options: Any) -> Exception:
    """What to raise where a function asked what is no Tensor for what a Tensor has; else `error`."""
    if isinstance(getattr(error, "obj", None), (Tensor, *_MODULES)):
        return error
    strange = [type(v).__name__ for v in (*args, *options.values()) if v is error.obj]
    if not strange:
        return error
    got = f"a {strange[0]} where a tensor stands"
    return DTypeError(message(name, got, "a Tensor", "Convert it with rl.tensor()."))


_MODULES = (type(os), type)


def into(name: str, out: Any, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The results of `function`, written into `out`: a tensor, or a tuple of as many as there are results."""
    several = isinstance(out, (tuple, list))
    outs = tuple(out) if several else (out,)
    for t in outs:
        if not isinstance(t, Tensor):
            raise DTypeError(message(name, f"out={type(t).__name__}", "a tensor to write into"))
    if state.grad_enabled and any(t.requires_grad for t in (*outs, *_tensors((args, options.values())))):
        got = "out= and a tensor that requires grad"
        remedy = "Leave out= away, use it under rl.no_grad(), or detach() what goes in."
        raise GradError(message(name, got, "numbers without a derivative", remedy))
    result = function(*args, **_in_its_dtype(name, outs[0], options))
    results = result if isinstance(result, tuple) else (result,)
    if several is not isinstance(result, tuple) or len(outs) != len(results):
        got = f"out= of {len(outs)} tensors" if several else "out= of one tensor"
        expected = f"a tuple of {len(results)}" if isinstance(result, tuple) else "a tensor"
        raise DTypeError(message(name, got, expected))
    for t, value in zip(outs, results, strict=True):
        _check_dtype(name, t, value)
    for t, value in zip(outs, results, strict=True):
        _write(name, t, value)
    if not several:
        return out
    return type(result)(*outs) if hasattr(result, "_fields") else outs


def _in_its_dtype(name: str, out: Tensor, options: dict[str, Any]) -> dict[str, Any]:
    """What has a `dtype` works in that of `out`."""
    if "dtype" not in options:
        return options
    if options["dtype"] is not None and options["dtype"] != out.dtype:
        got = f"dtype={options['dtype']} and an out of {out.dtype}"
        raise DTypeError(message(name, got, "one dtype", "Leave dtype away."))
    return {**options, "dtype": out.dtype}


def _check_dtype(name: str, out: Tensor, value: Tensor) -> None:
    kinds = "b", "iu", "f"
    given, held = (next(i for i, k in enumerate(kinds) if t.dtype.kind in k) for t in (value, out))
    if given > held:
        got, expected = f"a result of {value.dtype} for an out of {out.dtype}", "an out that can hold it"
        raise DTypeError(message(name, got, expected, "Make it with dtype=."))


def _write(name: str, out: Tensor, value: Tensor) -> None:
    with no_grad():
        if out.shape != value.shape:
            if out.numel():
                text = message(
                    name,
                    f"an out of shape {out.shape}, which was resized",
                    f"{value.shape}, or no elements",
                    "Make it of that shape, or out.resize_(0) first.",
                )
                warnings.warn(text, UserWarning, stacklevel=4)
            out.resize_(value.shape)
        out.copy_(value)


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """All tensors among arguments, which may be lists of them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)) or type(value) is type({}.values()):
            yield from _tensors(value)
