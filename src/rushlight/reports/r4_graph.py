"""R4's computational graph: built by the forward pass, walked back once, or as R4 describes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import rushlight as rl
from rushlight import nn
from rushlight.reports.page import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Node", "affine_loss", "write_graph"]

F = nn.functional


def affine_loss(x: Any, gold: int, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    """R4's forward pass: every operation makes a Tensor that knows what it was made of."""
    hidden = (W1 @ x + b1).tanh()
    scores = W2 @ hidden + b2
    return -F.log_softmax(scores, dim=0)[gold]


class Node:
    """R4's Tensor, as its section 7.1 describes it, for single numbers."""

    def __init__(self, data: float, backptr: tuple[Node, ...] = (), d: Any = None) -> None:
        self.data, self.backptr, self.d = data, backptr, d
        self.gradient = 0.0

    def backward(self) -> None:
        self.d(self.backptr, self.gradient)
        for tensor in self.backptr:
            if tensor.d is not None:  # a Parameter is a leaf and has no backward
                tensor.backward()

    def __mul__(self, other: Node) -> Node:
        return Node(self.data * other.data, (self, other), _d_mul)

    def __add__(self, other: Node) -> Node:
        return Node(self.data + other.data, (self, other), _d_add)

    def tanh(self) -> Node:
        return Node(math.tanh(self.data), (self,), _d_tanh)


def _d_mul(backptr: Any, g: float) -> None:
    a, b = backptr
    a.gradient += g * b.data
    b.gradient += g * a.data


def _d_add(backptr: Any, g: float) -> None:
    for tensor in backptr:
        tensor.gradient += g


def _d_tanh(backptr: Any, g: float) -> None:
    (a,) = backptr
    a.gradient += g * (1 - math.tanh(a.data) ** 2)


def used_once(w: Any) -> Any:
    """Only the leaf w is used twice."""
    return w.tanh() + w


def used_twice(w: Any) -> Any:
    """The result h of an operation is used twice, too."""
    h = w.tanh()
    return h * w + h


def by_r4(expression: Callable[[Any], Any], w: float) -> float:
    """The gradient as R4's walk finds it."""
    leaf = Node(w)
    loss = expression(leaf)
    loss.gradient = 1.0
    loss.backward()
    return leaf.gradient


def by_rushlight(expression: Callable[[Any], Any], w: float) -> float:
    """The gradient as `backward` finds it."""
    leaf: Any = rl.tensor(w, dtype=rl.float64, requires_grad=True)
    expression(leaf).backward()
    return float(leaf.grad.item())


def by_difference(expression: Callable[[Any], Any], w: float, step: float = 1e-5) -> float:
    """The gradient as a central difference of the values."""
    above, below = expression(Node(w + step)), expression(Node(w - step))
    return float((above.data - below.data) / (2 * step))


def write_graph(page: Page) -> None:
    """The graph of R4's Fig. 1, accumulation, and the sign of the negative log-likelihood."""
    page.section("The computational graph")
    page.text("""
        R4's system is a graph of Tensor and Parameter: the forward pass builds it, `backward` walks it from
        the loss to the parameters. In Rushlight these classes have the same names.
    """)
    page.code(affine_loss)
    rl.manual_seed(0)
    weights = {"W1": rl.randn(3, 4), "b1": rl.zeros(3), "W2": rl.randn(2, 3), "b2": rl.zeros(2)}
    parameters = {name: nn.Parameter(value) for name, value in weights.items()}
    loss = affine_loss(rl.rand(4), 1, **parameters)
    caption = "R4's Fig. 1: a computational graph, drawn from the graph itself before `backward` walks it."
    page.picture(_drawn(loss, parameters), "graph", caption)
    _twice(page)
    _sign(page)


def _drawn(loss: Any, parameters: dict[str, Any]) -> Figure:
    # Graphviz may be here or not; the page looks the same with both.
    return cast("Figure", rl.plot.graph(loss, params=parameters, engine="matplotlib"))


def _twice(page: Page) -> None:
    page.section("A tensor that is used twice")
    page.text("""
        Where a tensor is used twice, its gradient is the sum over both uses. R4 adds up (`+=`), which is
        right for parameters. But R4's `backward` adds to the gradients of its inputs and calls the `backward`
        of each of them at once. From a tensor that was used twice it thus goes on twice, and the second time
        it passes on again what it had passed on the first time.
        This is R4's description in a few lines, for single numbers:
    """)
    page.code(Node)
    losses = {"`tanh(w) + w`": used_once, "`h * w + h`, with `h = tanh(w)`": used_twice}
    at = 0.5
    columns: dict[str, list[Any]] = {
        "loss": list(losses),
        "difference quotient": [by_difference(loss, at) for loss in losses.values()],
        "Rushlight": [by_rushlight(loss, at) for loss in losses.values()],
        "R4's walk": [by_r4(loss, at) for loss in losses.values()],
    }
    page.table(columns, f"The derivative at w = {at}. In the first row only the parameter w is used twice.")
    w = rl.tensor(at, requires_grad=True)
    caption = "The second loss: the result of `tanh` is used by `mul` and by `add`, and w twice as well."
    page.picture(_drawn(used_twice(w), {"w": w}), "used-twice", caption)
    page.text("""
        Rushlight orders the graph first, so that each node passes its gradient on once, when all of it has
        arrived. R4's networks use every tensor once, so its results do not suffer. (In R4's Fig. 4b the last
        line reads `x += ...`; it is `x.gradient += ...` that is meant.)
    """)


def _sign(page: Page) -> None:
    page.section("The sign of the negative log-likelihood")
    x: Any = rl.tensor([2.0, -1.0, 0.5], dtype=rl.float64, requires_grad=True)
    gold = 1
    loss = F.nll_loss(F.log_softmax(x[None], dim=1), rl.tensor([gold]))
    loss.backward()
    softmax = F.softmax(x.detach(), dim=0)
    printed = softmax[gold].log().item()
    formula = [value - (place == gold) for place, value in enumerate(softmax.tolist())]
    page.text(f"""
        R4's equation 11 is ln softmax(x)[gold], without the minus that the name promises, and would fall as
        the network gets worse. Its gradient, equation 12, is that of the right form. For x = {x.tolist()}
        and gold = {gold}:
    """)
    page.table(
        {
            "": ["as R4 prints it", "Rushlight"],
            "value": [printed, loss.item()],
            "gradient": [", ".join(f"{value:.4f}" for value in row) for row in (formula, x.grad.tolist())],
        }
    )
