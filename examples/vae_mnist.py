"""A variational autoencoder on MNIST: it learns to draw digits from two numbers.

    python examples/vae_mnist.py --epochs 10 --out pictures

D. Kingma, M. Welling, Auto-encoding variational Bayes, 2014.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import Tensor, nn
from rushlight.distributions import Normal, kl_divergence
from rushlight.vision.utils import save_image


class VAE(nn.Module):
    """From pictures (N, 784) to a normal distribution of codes (N, latent), and from codes back to logits."""

    def __init__(self, latent: int = 2, hidden: int = 256) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))

    def encode(self, x: Tensor) -> Normal:
        mean, log_scale = self.encoder(x).chunk(2, 1)
        return Normal(mean, log_scale.exp())

    def loss(self, x: Tensor) -> Tensor:
        """-ELBO of a picture, in nats: how badly it is drawn again, and how far its code is from N(0, 1)."""
        code = self.encode(x)
        logits = self.decoder(code.rsample())
        drawn = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        prior = Normal(rl.zeros(self.latent), rl.ones(self.latent))
        return (drawn + kl_divergence(code, prior).sum()) / len(x)


def train(model: VAE, images: Tensor, epochs: int, batch_size: int = 100, lr: float = 1e-3) -> list[float]:
    """Adam; gives the loss of every step."""
    steps = len(images) // batch_size
    optimizer = rl.optim.Adam(model.parameters(), lr=lr)

    @rl.compile
    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = model.loss(x)
        loss.backward()
        optimizer.step()
        return loss

    losses: list[float] = []
    for epoch in range(1, epochs + 1):
        order = rl.randperm(len(images))[: steps * batch_size].reshape(steps, batch_size)
        of_epoch = step.scan(images, index=order)
        losses += of_epoch.tolist()
        print(f"epoch {epoch:2}  loss {of_epoch.mean():.2f}")
    return losses


def draw(model: VAE, path: Path, side: int = 15) -> None:
    """What the decoder draws for a grid of codes, from -2 to 2 both ways."""
    axis = rl.linspace(-2, 2, side)
    codes = rl.stack(rl.meshgrid(axis, axis, indexing="xy"), 2).reshape(-1, 2)
    with rl.no_grad():
        pictures = model.decoder(codes).sigmoid()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(pictures.view(-1, 1, 28, 28), path, nrow=side)
    print(f"digits for {side} x {side} codes: {path}")


def main() -> float:
    parser = argparse.ArgumentParser(description="Train a variational autoencoder on MNIST.")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=60000, help="so many of the training pictures")
    parser.add_argument("--out", metavar="DIR", help="draw what the decoder has learned into this folder")
    options = parser.parse_args()
    print("A variational autoencoder on MNIST: 784-256-2-256-784, Adam.")
    data = rl.data.MNIST(validation_size=0, normalize=False)
    test = rl.data.MNIST(split="test", normalize=False)
    rl.manual_seed(0)
    model = VAE()
    train(model, data.inputs[: options.samples], options.epochs)
    with rl.no_grad():
        reached = model.loss(test.inputs).item()
    print(f"test loss {reached:.1f} nats a picture")
    if options.out is not None:
        draw(model, Path(options.out) / "digits.png")
    return reached


if __name__ == "__main__":
    main()
