"""A program in a process where Pillow cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.vision.conftest import idx_files
from tests.vision.test_datasets import put

PROGRAM = """
import sys
sys.modules["PIL"] = None
import rushlight as rl
import rushlight.vision as torchvision
import rushlight.vision.transforms as T
from rushlight.vision import datasets, transforms
from rushlight.vision.datasets.archives import md5
from rushlight.vision.datasets.mnist import MNIST
from rushlight.data.sources import DataFile, Source
from rushlight.vision.utils import make_grid, save_image

root = sys.argv[1]
sums = {}
for what, form, shape in (("images", "idx3", (12, 28, 28)), ("labels", "idx1", (12,))):
    name = f"train-{what}-{form}-ubyte"
    with open(f"{root}/MNIST/raw/{name}", "rb") as file:
        sums[f"train-{what}"] = DataFile(name, shape, md5(file))
MNIST.source = Source("mnist", ("MNIST/raw",), (), sums)
steps = [T.Resize(32), T.RandomRotation(10), T.ColorJitter(0.2), T.GaussianBlur(3), T.ToTensor()]
for transform in (T.ToTensor(), T.Compose([*steps, T.Normalize((0.5,), (0.5,))])):
    data = datasets.MNIST(root, train=True, transform=transform)
    for images, labels in rl.utils.data.DataLoader(data, batch_size=6, shuffle=True):
        assert images.dtype == rl.float32 and labels.shape == (6,)
save_image(make_grid(images, normalize=True), f"{root}/grid.png")
print(images.shape[2:], datasets.MNIST(root)[0][0], hasattr(torchvision, "models"))
"""


def test_a_program(tmp_path: Path) -> None:
    put(tmp_path / "MNIST" / "raw", idx_files(12, 3))
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Size([32, 32]) Picture(mode='L', size=(28, 28)) False\n"
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")
