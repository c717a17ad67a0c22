"""What programs of all ages write: byte masks, constructors, NumPy's functions, older orders of arguments."""

from __future__ import annotations

import importlib
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


def plain(value: Any) -> Any:
    """A result as class, dtype, shape and numbers."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (rl.Tensor, torch.Tensor)):
        dtype = str(value.dtype).removeprefix("torch.").removeprefix("rushlight.")
        return "tensor", dtype, tuple(value.shape), value.tolist()
    return value


def written(L: Any, write: Callable[[Any, Any], None], *data: Any) -> Any:
    x = L.tensor(*data)
    write(L, x)
    return x


def _set(index: Callable[[Any], Any], value: Any) -> Callable[[Any, Any], None]:
    def write(L: Any, x: Any) -> None:
        x[index(L)] = value

    return write


KINDS = ("Float", "Double", "Half", "Long", "Int", "Short", "Char", "Byte", "Bool")
GRID = [[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]]
CALLS: dict[str, Callable[[Any], Any]] = {
    # masks of bytes
    "mask": lambda L: L.tensor(GRID)[(L.tensor(GRID) > 0).byte()],
    "mask of rows": lambda L: L.tensor(GRID)[L.tensor([1, 0], dtype=L.uint8)],
    "mask of columns": lambda L: L.tensor(GRID)[:, L.tensor([1, 0, 1], dtype=L.uint8)],
    "mask of an array": lambda L: L.tensor(GRID)[np.array([0, 1], np.uint8)],
    "mask set a tensor": lambda L: written(
        L, lambda L, x: operator.setitem(x, (x > 0).byte(), L.ones(3)), GRID
    ),
    "number of NumPy": lambda L: L.tensor(GRID)[np.int64(1)],
    # constructors
    "Tensor()": lambda L: L.Tensor(),
    "Tensor(5)": lambda L: L.Tensor(5).zero_(),
    "Tensor(3, 4)": lambda L: L.Tensor(3, 4).zero_(),
    "Tensor(list)": lambda L: L.Tensor([1, 2]),
    "Tensor(tuple)": lambda L: L.Tensor((3, 4)),
    "Tensor(nested)": lambda L: L.Tensor([[1, 2], [3, 4]]),
    "Tensor(array)": lambda L: L.Tensor(np.arange(3)),
    "Tensor(float64)": lambda L: L.Tensor(np.ones(2)),
    "Tensor(size)": lambda L: L.Tensor(L.zeros(2, 3).shape).zero_(),
    "Tensor(tensor)": lambda L: L.Tensor(L.ones(2)),
    "Tensor(numbers of NumPy)": lambda L: L.Tensor([np.float64(2.0)]),
    "Tensor(tensors)": lambda L: L.Tensor([L.tensor(1.0), L.tensor(2.0)]),
    "Tensor(range)": lambda L: L.Tensor(range(3)),
    "Tensor([])": lambda L: L.Tensor([]),
    "LongTensor of floats": lambda L: L.LongTensor([1.7, -1.7]),
    "LongTensor of an array": lambda L: L.LongTensor(np.array([1.5, 2.5])),
    "LongTensor of sizes": lambda L: L.LongTensor(2, 2).zero_(),
    "FloatTensor of ints": lambda L: L.FloatTensor(np.arange(3)),
    "ByteTensor": lambda L: L.ByteTensor([1, 0]),
    "BoolTensor": lambda L: L.BoolTensor([1, 0]),
    "HalfTensor": lambda L: L.HalfTensor([1]),
    "BFloat16Tensor": lambda L: L.tensor([1.0]).type("torch.BFloat16Tensor"),
    "all of them": lambda L: [
        getattr(L, f"{kind}Tensor")([1, 2])
        for kind in KINDS
    ],
    "isinstance": lambda L: [isinstance(L.ones(1), t) for t in (L.FloatTensor, L.LongTensor, L.DoubleTensor)],
    "type()": lambda L: [L.ones(1).type(), L.ones(1).bool().type(), L.ones(1).half().type()],
    "type(constructor)": lambda L: L.ones(1).type(L.LongTensor),
    "type(name)": lambda L: L.ones(1).type("torch.DoubleTensor"),
    "type(dtype)": lambda L: L.ones(1).type(L.int32),
    # shapes
    "Size": lambda L: [
        s == (3, 4) and s[1:] == (4,) and isinstance(s, L.Size) and isinstance(s[1:], L.Size)
        for s in (L.ones(3, 4).shape, L.ones(3, 4).size(), L.Size([3, 4]))
    ],
    "numel": lambda L: [L.ones(3, 4).shape.numel(), L.ones(3, 4).shape[1:].numel(), L.Size([]).numel()],
    "sums of sizes": lambda L: [
        list(s) for s in (L.Size([1]) + (2,), (2,) + L.Size([1]), L.Size([1]) * 2)  # noqa: RUF005
    ],
    "kinds of sums": lambda L: [
        type(s) is L.Size for s in (L.Size([1]) + (2,), (2,) + L.Size([1]), L.Size([1]) * 2)  # noqa: RUF005
    ],
    "size in a call": lambda L: L.zeros(L.ones(2, 3).shape),
    "size after a star": lambda L: L.zeros(*L.ones(2, 3).shape, 1),
    "view of a part": lambda L: L.arange(12).view(3, 4)[:, :2].view(3, 2, 1),
    "view of a transpose": lambda L: L.arange(6).view(2, 3).t().view(3, 1, 2),
    # older orders
    "add": lambda L: L.add(L.tensor(GRID), 2, L.tensor(GRID)),
    "add_": lambda L: L.tensor(GRID).add_(2, L.tensor(GRID)),
    "sub": lambda L: L.sub(L.tensor(GRID), 2, L.tensor(GRID)),
    "sub_": lambda L: L.tensor(GRID).sub_(2, L.tensor(GRID)),
    "addcmul": lambda L: L.addcmul(L.tensor(GRID), 0.5, L.tensor(GRID), L.tensor(GRID)),
    "addcmul_": lambda L: L.tensor(GRID).addcmul_(0.5, L.tensor(GRID), L.tensor(GRID)),
    "addcdiv": lambda L: L.addcdiv(L.tensor(GRID), 0.5, L.tensor(GRID), L.tensor(GRID)),
    "addcdiv_": lambda L: L.tensor(GRID).addcdiv_(-1, L.tensor(GRID), L.tensor(GRID)),
    # whole numbers
    "fraction lost": lambda L: written(L, _set(lambda L: 0, 2.7), [5, 6]),
    "fraction lost by a mask": lambda L: written(L, lambda L, x: operator.setitem(x, x > 5, -2.7), [5, 6]),
    "fraction of a tensor": lambda L: written(L, lambda L, x: operator.setitem(x, 0, L.tensor(2.7)), [5, 6]),
    "fraction filled": lambda L: L.tensor([5, 6]).masked_fill(L.tensor([True, False]), 2.5),
    # gradients
    "Variable": lambda L: L.autograd.Variable(L.ones(2), requires_grad=True).requires_grad,
    "Variable is": lambda L: isinstance(L.ones(1), L.autograd.Variable),
    "Variable of a leaf": lambda L: L.autograd.Variable(L.ones(2, requires_grad=True)).requires_grad,
    "only_inputs": lambda L: L.autograd.grad(
        (x := L.tensor(2.0, requires_grad=True)) * x, x, only_inputs=True
    ),
    "inference": lambda L: [L.is_inference_mode_enabled(), inferred(L)],
    "max of rows": lambda L: L.tensor(GRID).max(1),
    "min kept": lambda L: L.tensor(GRID).min(0, keepdim=True),
    "max gradient": lambda L: extreme_gradient(L),
    # NumPy
    "np.concatenate": lambda L: np.concatenate([L.ones(1), L.zeros(1)]).tolist(),
    "np.modf": lambda L: np.modf(L.tensor(GRID)),
    "np.array": lambda L: np.array(L.tensor(GRID)).tolist(),
    "np.add.reduce": lambda L: np.add.reduce(L.tensor(GRID)),
    "format": lambda L: f"{L.tensor(1.5):.2f}",
    # settings
    "device": lambda L: [L.device("cuda:1").type, L.device("cuda", 1).index, str(L.device("mps"))],
    "no GPU": lambda L: [L.cuda.is_available(), L.cuda.device_count(), L.backends.mps.is_available()],
    "switches": lambda L: [
        L.backends.cudnn.enabled, L.backends.cudnn.benchmark, L.backends.cudnn.version(), L.version.cuda
    ],
    "deterministic": lambda L: L.are_deterministic_algorithms_enabled(),
    "default dtype": lambda L: default_dtypes(L),
    "jit": lambda L: L.jit.script(L.nn.Linear(1, 1))(L.ones(1, 1)).shape == (1, 1),
    "parallel": lambda L: list(L.nn.DataParallel(L.nn.Linear(1, 1)).state_dict()),
    "saved_variables": lambda L: saved(L),
    # options of memory, and of gradients, that optimisers and courses pass
    "memory formats": lambda L: [
        *(getattr(L, f"{n}_like")(L.ones(2), memory_format=L.preserve_format) for n in ("zeros", "ones")),
        L.full_like(L.ones(2), 3.0, memory_format=L.preserve_format),
        L.ones(2).clone(memory_format=L.contiguous_format),
        L.ones(2).contiguous(memory_format=L.contiguous_format),
        L.ones(2).long(memory_format=L.preserve_format),
    ],
    "new leaves": lambda L: [
        (x.requires_grad, x.is_leaf, tuple(x.shape))
        for x in (
            L.normal(0, 0.01, size=(2, 1), requires_grad=True),
            *(getattr(L, f"{n}_like")(L.ones(2), requires_grad=True) for n in ("rand", "randn")),
            L.randint_like(L.ones(2), 3, requires_grad=True),
            *(getattr(L.ones(2), f"new_{n}")((2,), requires_grad=True) for n in ("zeros", "ones")),
            L.ones(2).new_full((2,), 1.0, requires_grad=True),
            L.ones(2).new_tensor([1.0], requires_grad=True),
        )
    ],
}  # fmt: skip


def inferred(L: Any) -> list[Any]:
    x = L.ones(1, requires_grad=True)

    @L.inference_mode()
    def inside() -> tuple[bool, bool]:
        return (x * 2).requires_grad, L.is_inference_mode_enabled()

    with L.inference_mode(False):
        outside = (x * 2).requires_grad, L.is_inference_mode_enabled()
    return [inside(), outside, L.is_inference_mode_enabled(), L.is_grad_enabled()]


def extreme_gradient(L: Any) -> Any:
    """Of equal elements the one that was named gets it all; twice differentiated."""
    x = L.tensor([[1.0, 3.0, 3.0], [2.0, 0.5, -1.0]], requires_grad=True)
    y = (x**3).max(1).values.sum() + (x**3).min(0, keepdim=True).values.sum()
    (g,) = L.autograd.grad(y, x, create_graph=True)
    return [g, *L.autograd.grad(g.sum(), x)]


def default_dtypes(L: Any) -> list[Any]:
    L.set_default_dtype(L.float64)
    try:
        made = [
            L.ones(1), L.zeros(1), L.empty(1).zero_(), L.full((1,), 2.5), L.tensor([0.5]),
            L.arange(0, 1, 0.5),
            L.linspace(0, 1, 2), L.eye(1), L.tensor([1]) / 2, L.tensor([1]) * 0.5, L.Tensor([1]),
            L.rand(1) * 0,
            L.randn(1) * 0, L.ones(1, dtype=L.float32) * 2.0, L.tensor([1, 4]).sqrt(),
        ]  # fmt: skip
        made.append(L.nn.Linear(1, 1).weight.detach() * 0)
        return [*made, repr(L.ones(1)), repr(L.ones(1).float()).replace("rushlight", "torch")]
    finally:
        L.set_default_dtype(L.float32)


def saved(L: Any) -> Any:
    class Square(L.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_variables if L is rl else ctx.saved_tensors  # PyTorch has dropped the name
            return g * 2 * x

    x = L.tensor(3.0, requires_grad=True)
    y = Square.apply(x)
    y.backward()
    return [x.grad, repr(y)]


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    assert plain(CALLS[name](rl)) == plain(CALLS[name](torch))


OPERANDS: dict[str, Callable[[], Any]] = {
    "float64": lambda: np.array([1.0, 2.0, 3.0]),
    "float32": lambda: np.array([1.0, 2.0, 3.0], np.float32),
    "int64": lambda: np.array([1, 2, 3]),
    "0-d float64": lambda: np.array(2.0),
    "0-d float32": lambda: np.array(2.0, np.float32),
    "0-d int64": lambda: np.array(2),
    "np.float64": lambda: np.float64(2.0),
    "np.float32": lambda: np.float32(2.0),
    "np.int64": lambda: np.int64(2),
}
BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq"]


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("name", BINARY)
def test_operators_with_arrays(name: str, dtype: str, operand: str) -> None:
    """From the left, where PyTorch has them; and whatever they are, in the dtype that NumPy says."""

    def call(L: Any) -> Any:
        return getattr(operator, name)(L.tensor([1, 2, 4], dtype=getattr(L, dtype)), OPERANDS[operand]())

    assert plain(call(rl)) == plain(call(torch))


def test_arrays_from_the_left_and_with_gradients() -> None:
    """PyTorch refuses both; here they are what the other order is, and have derivatives."""
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    y = np.array([3.0, 4.0]) * x
    assert y.dtype == rl.float64
    y.sum().backward()
    assert x.grad is not None
    assert (x.grad.dtype, x.grad.tolist()) == (rl.float32, [3.0, 4.0])


UNARY = ["sqrt", "exp", "sin", "abs", "negative", "isnan", "floor", "sign", "square", "tanh", "logical_not"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_numpy(name: str, dtype: str) -> None:
    def call(L: Any) -> Any:
        return getattr(np, name)(L.tensor([1, 2, 4], dtype=getattr(L, dtype)))

    assert plain(call(rl)) == plain(call(torch))


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("name", ["add", "maximum", "multiply", "equal", "power", "divide", "arctan2"])
def test_functions_of_two(name: str, operand: str) -> None:
    def call(L: Any) -> Any:
        return getattr(np, name)(L.tensor([1.0, 2.0, 4.0]), OPERANDS[operand]())

    assert plain(call(rl)) == plain(call(torch))


def test_what_pytorch_warns_of() -> None:
    for call in (
        lambda: rl.ones(2)[rl.tensor([1, 0], dtype=rl.uint8)],
        lambda: rl.ones(2).add_(2, rl.ones(2)),
        lambda: rl.addcmul(rl.ones(2), 2, rl.ones(2), rl.ones(2)),
    ):
        with pytest.warns(UserWarning, match="deprecated"):
            call()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rl.ones(2)[rl.tensor([True, False])].tolist() == [1.0]


def test_numbers_by_a_byte_mask() -> None:
    """PyTorch takes tensors only."""
    x = rl.tensor(GRID)
    x[(x > 0).byte()] = 0.0
    x[rl.tensor([0, 1], dtype=rl.uint8)] = 7.0
    assert x.tolist() == [[0.0, -2.0, 0.0], [7.0, 7.0, 7.0]]


def test_reductions_by_numpys_names() -> None:
    x = rl.tensor(GRID)
    assert (float(np.sum(x)), float(np.mean(x)), float(np.max(x))) == (-3.0, -0.5, 5.0)


def test_views_that_cannot_be() -> None:
    x = rl.arange(6).view(2, 3)
    compiled = rl.compile(lambda x: x.t().view(-1))
    for call in (lambda: x.t().view(-1), lambda: x[:, :2].view(4), lambda: compiled(x)):
        with pytest.raises(RuntimeError, match=r"Use reshape\(\)"):
            call()
    assert rl.compile(lambda x: x.t().view(3, 1, 2))(x).tolist() == x.t().view(3, 1, 2).tolist()
    assert x.view(-1)._base is not None


def test_a_compiled_function_follows_the_default_dtype() -> None:
    @rl.compile
    def make(x: rl.Tensor) -> rl.Tensor:
        return rl.ones(2) + x.sum().to(rl.int64)

    x = rl.ones(2)
    assert make(x).dtype == rl.float32
    rl.set_default_dtype(rl.float64)
    try:
        assert make(x).dtype == rl.float64
    finally:
        rl.set_default_dtype(rl.float32)
    assert make(x).dtype == rl.float32


def test_options_of_pytorchs_compiler_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("rushlight.compile.function"), "_told", [])
    with pytest.warns(UserWarning, match="passes over backend='inductor', mode='reduce-overhead'"):
        double = rl.compile(lambda x: 2 * x, backend="inductor", mode="reduce-overhead")
    assert double(rl.ones(1)).item() == 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        assert rl.compile(lambda x: x + 1, fullgraph=True, dynamic=False)(rl.ones(1)).item() == 2.0
        assert rl.compile(lambda x: x + 1, disable=True)(rl.ones(1)).item() == 2.0


def _fill(rank: int, path: str) -> None:
    with open(f"{path}/{rank}", "w") as file:
        file.write(str(rank))


def test_spawn(tmp_path: Any) -> None:
    rl.multiprocessing.spawn(_fill, args=(str(tmp_path),), nprocs=2, start_method="fork")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1"]
    with pytest.raises(RuntimeError, match="process 0"):
        rl.multiprocessing.spawn(_fill, args=("/nowhere",), nprocs=1, start_method="fork")


def test_anomalies_for_the_rest_of_the_program() -> None:
    rl.autograd.set_detect_anomaly(True)
    try:
        with pytest.raises(RuntimeError, match="log"):
            rl.tensor([0.0]).log()
    finally:
        rl.autograd.set_detect_anomaly(False)
    assert rl.tensor([0.0]).log().item() == -float("inf")


COVERED = {"rushlight": {f"{kind}Tensor" for kind in KINDS}}
"""What the tests above look up by name, for the matrix of test_matrix.py."""
