"""R1's framework: layers that write their own backward pass, under the names of R1's pseudo-code.

No graph is recorded. A layer that is called keeps its input; ``backward`` takes the gradient of its output,
adds to the gradients of its parameters, and returns the gradient of its input. Rows of a batch are R1's
images: a matrix product over the rows adds up what the pseudo-code adds up image by image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import rushlight as rl
from rushlight import Tensor

__all__ = ["MSE", "Linear", "Module", "OptimSGD", "ReLU", "Sequential", "Tanh"]

Pairs = list[tuple[Tensor, Tensor]]


class Layer:
    """A step of the network; most have no parameters."""

    x: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        self.x = x
        return self.forward(x)

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def backward(self, g: Tensor) -> Tensor:
        raise NotImplementedError

    def param(self) -> Pairs:
        return []

    def zero_grad(self) -> None:
        for _, gradient in self.param():
            gradient.zero_()


class Linear(Layer):
    """y = x Wᵀ + b; ∇W = ∇yᵀ x, ∇b = Σ ∇y, ∇x = ∇y W. Weights uniform on ±1/√n, bias 0."""

    def __init__(self, in_features: int, out_features: int) -> None:
        bound = 1 / math.sqrt(in_features)
        self.weight = rl.nn.init.uniform_(rl.empty(out_features, in_features), -bound, bound)
        self.bias = rl.zeros(out_features)
        self.gradients = rl.zeros_like(self.weight), rl.zeros_like(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias

    def backward(self, g: Tensor) -> Tensor:
        grad_weight, grad_bias = self.gradients
        grad_weight.add_(g.T @ self.x)
        grad_bias.add_(g.sum(0))
        return g @ self.weight

    def param(self) -> Pairs:
        return list(zip((self.weight, self.bias), self.gradients, strict=True))


class Tanh(Layer):
    """y = tanh x; ∇x = ∇y (1 - tanh² x)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh()

    def backward(self, g: Tensor) -> Tensor:
        return g * (1 - self.x.tanh() ** 2)


class ReLU(Layer):
    """y = max(0, x); the gradient passes where x > 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=0)

    def backward(self, g: Tensor) -> Tensor:
        return g * (self.x > 0)


class MSE:
    """The mean of (ŷ - y)²; backward starts the pass: 2 (ŷ - y) / n."""

    def __call__(self, target: Tensor, prediction: Tensor) -> Tensor:
        self.gap = prediction - target
        return (self.gap**2).mean()

    def backward(self) -> Tensor:
        return self.gap * (2 / self.gap.numel())


class Sequential(Layer):
    """Layers in order; backward in reverse."""

    def __init__(self, chain: Iterable[Layer]) -> None:
        self.chain = list(chain)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.chain:
            x = layer(x)
        return x

    def backward(self, g: Tensor) -> Tensor:
        for layer in reversed(self.chain):
            g = layer.backward(g)
        return g

    def param(self) -> Pairs:
        return [pair for layer in self.chain for pair in layer.param()]


class Module(Sequential):
    """R1's one-call network: widths of the hidden layers, and tanh or ReLU after every layer."""

    def __init__(
        self, *hidden: int, in_features: int = 2, out_features: int = 1, activation: type[Layer] = Tanh
    ) -> None:
        widths = (in_features, *hidden, out_features)
        super().__init__(
            layer
            for n, m in zip(widths[:-1], widths[1:], strict=True)
            for layer in (Linear(n, m), activation())
        )


class OptimSGD:
    """p <- p - lr ∇p for every pair (parameter, gradient)."""

    def __init__(self, model: Module, learning_rate: float) -> None:
        self.model, self.learning_rate = model, learning_rate

    def step(self) -> None:
        for parameter, gradient in self.model.param():
            parameter.sub_(gradient * self.learning_rate)

    def zero_grad(self) -> None:
        self.model.zero_grad()
