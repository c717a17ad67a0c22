"""A residual net on Fashion-MNIST: blocks that add to their input, batch normalisation, weight decay.

    python examples/resnet_fashion.py --epochs 3
    python examples/resnet_fashion.py --data mnist

K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, 2016.
"""

from __future__ import annotations

import argparse
import time

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import Tensor, nn


class Block(nn.Module):
    """relu(x + f(x)), f two normalised convolutions; where sizes change, x passes a convolution of 1 x 1."""

    def __init__(self, channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.body(x))


class ResNet(nn.Sequential):
    """Three stages of `depth` blocks, each with twice the channels of the last at half its size."""

    def __init__(self, width: int = 16, depth: int = 1, classes: int = 10) -> None:
        stem = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        blocks = []
        channels = width
        for stage in range(3):
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(Block(channels, width * 2**stage, stride))
                channels = width * 2**stage
        super().__init__(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def train(
    model: nn.Module, images: Tensor, labels: Tensor, epochs: int, batch_size: int = 100, lr: float = 0.1
) -> list[float]:
    """SGD with momentum and weight decay, by the one-cycle schedule; gives the loss of every step."""
    data = rl.data.TensorDataset(images, labels)
    loader = rl.data.DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    scheduler = rl.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=epochs * len(loader))

    @rl.compile
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    losses: list[float] = []
    for epoch in range(1, epochs + 1):
        model.train()
        for x, y in loader:
            losses.append(step(x, y).item())
            scheduler.step()  # a new learning rate compiles nothing anew
        print(f"epoch {epoch}  loss {sum(losses[-len(loader) :]) / len(loader):.4f}")
    return losses


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 1000) -> float:
    """The share of pictures whose largest logit is that of their class."""
    predict = rl.compile(model.eval())
    loader = rl.data.DataLoader(rl.data.TensorDataset(images, labels), batch_size=batch_size)
    with rl.no_grad():
        return sum((predict(x).argmax(1) == y).sum().item() for x, y in loader) / len(images)


def main() -> float:
    parser = argparse.ArgumentParser(description="Train a residual net on Fashion-MNIST.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=60000, help="so many of the training pictures")
    parser.add_argument("--width", type=int, default=16, help="channels of the first stage")
    parser.add_argument("--data", choices=["fashion", "mnist"], default="fashion")
    options = parser.parse_args()
    kind = rl.data.FashionMNIST if options.data == "fashion" else rl.data.MNIST
    print(f"A residual net on {kind.__name__}: seven convolutions, batch normalisation, SGD in one cycle.")
    data, test = kind(validation_size=0, flatten=False), kind(split="test", flatten=False)
    rl.manual_seed(0)
    model = ResNet(options.width)
    started = time.perf_counter()
    train(model, data.inputs[: options.samples], data.targets[: options.samples], options.epochs)
    seconds = time.perf_counter() - started
    reached = accuracy(model, test.inputs, test.targets)
    print(f"test accuracy {reached:.2%} after {seconds:.0f} s")
    return reached


if __name__ == "__main__":
    main()
