"""LeNet on MNIST: convolutions, pooling, and an epoch that is one native call.

    python examples/lenet_mnist.py --epochs 3

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, 1998.
"""

from __future__ import annotations

import argparse
import time

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import Tensor, nn


class LeNet(nn.Module):
    """Two convolutions, each with pooling, then three linear layers: (N, 1, 28, 28) to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


def train(
    model: nn.Module, images: Tensor, labels: Tensor, epochs: int, batch_size: int = 100, lr: float = 2e-3
) -> list[float]:
    """Adam with a rate that falls to zero along half a cosine; gives the loss of every step."""
    steps = len(images) // batch_size
    optimizer = rl.optim.Adam(model.parameters(), lr=lr)
    scheduler = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

    @rl.compile
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    losses: list[float] = []
    for epoch in range(1, epochs + 1):
        order = rl.randperm(len(images))[: steps * batch_size].reshape(steps, batch_size)
        of_epoch = step.scan(images, labels, index=order)
        scheduler.step()
        losses += of_epoch.tolist()
        print(f"epoch {epoch}  loss {of_epoch.mean():.4f}")
    return losses


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 1000) -> float:
    """The share of pictures whose largest logit is that of their class."""
    predict = rl.compile(model.eval())
    batches = zip(images.split(batch_size), labels.split(batch_size), strict=True)
    with rl.no_grad():
        return sum((predict(x).argmax(1) == y).sum().item() for x, y in batches) / len(images)


def main() -> float:
    parser = argparse.ArgumentParser(description="Train LeNet on MNIST.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=60000, help="so many of the training pictures")
    options = parser.parse_args()
    print("LeNet on MNIST: two convolutions, three linear layers, cross-entropy, Adam.")
    data = rl.data.MNIST(validation_size=0, flatten=False)
    test = rl.data.MNIST(split="test", flatten=False)
    rl.manual_seed(0)
    model = LeNet()
    started = time.perf_counter()
    train(model, data.inputs[: options.samples], data.targets[: options.samples], options.epochs)
    seconds = time.perf_counter() - started
    reached = accuracy(model, test.inputs, test.targets)
    print(f"test accuracy {reached:.2%} after {seconds:.0f} s")
    return reached


if __name__ == "__main__":
    main()
