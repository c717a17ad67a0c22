"""``python -m rushlight.port``: imports are rewritten, nothing else; what is missing is named by its line."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from rushlight.port import check, rewrite
from rushlight.port.__main__ import main

IMPORTS = [
    ("import torch", "import rushlight as torch"),
    ("import torch as T", "import rushlight as T"),
    ("import torch.nn as nn", "import rushlight.nn as nn"),
    ("import torch.nn", "import rushlight as torch, rushlight.nn"),
    ("import torch.nn, torch.optim", "import rushlight as torch, rushlight.nn, rushlight.optim"),
    ("import os, torch, sys as s", "import os, rushlight as torch, sys as s"),
    ("from torch import nn, optim as o", "from rushlight import nn, optim as o"),
    ("from torch.nn.functional import relu", "from rushlight.nn.functional import relu"),
    (
        "from torch.nn import (  # layers\n    Linear,\n    ReLU,\n)\nx = 1",
        "from rushlight.nn import Linear, ReLU\nx = 1",
    ),
    ("import torchvision", "import rushlight.vision as torchvision"),
    ("from torchvision import datasets", "from rushlight.vision import datasets"),
    ("import torchtext, numpy as np", "import torchtext, numpy as np"),
    ("from . import torch", "from . import torch"),
    ("if True:\n    é = 'ü'; import torch  # ä\n", "if True:\n    é = 'ü'; import rushlight as torch  # ä\n"),
    ("s = 'import torch'  # import torch", "s = 'import torch'  # import torch"),
]


@pytest.mark.parametrize(("before", "after"), IMPORTS)
def test_imports(before: str, after: str) -> None:
    assert rewrite(before) == after
    ast.parse(after)


def found(program: str) -> list[tuple[int, str, bool]]:
    return [(f.line, f.name, f.sure) for f in check(program)]


def test_what_is_there_is_not_reported() -> None:
    program = """
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim, no_grad
from torch.nn import Linear as L

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = L(2, 1, bias=False)

    def forward(self, x):
        return F.relu(self.fc(x)).view(-1).index_put(1)

    def index_put(self, x):
        return x

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
net = Net().to(device)
if torch.cuda.is_available():
    net.cuda()
opt = optim.Adam(net.parameters(), lr=1e-3)
with torch.no_grad():
    print(np.hub.load("x"), "a".format(1), [].sort(), torch.float32, torch.Tensor.sum)
"""
    assert found(program) == []


def test_what_is_not() -> None:
    program = """
import torch, torch.profiler
import torch.nn as nn
from torch.nn import MultiheadAttentoin
import torch.nn.functional as F
net = nn.Linear(2, 1, biass=True).cuda()
torch.profiler.load("a", "b")
nn.CrossMapLRN2d(3)
x.to_mkldnn().relu()
y = F.linear(x, weigth=3)
"""
    assert found(program) == [
        (2, "torch.profiler", True),
        (4, "torch.nn.MultiheadAttentoin", True),
        (6, ".cuda()", True),
        (6, "nn.Linear(biass=)", True),
        (7, "torch.profiler", True),
        (8, "nn.CrossMapLRN2d", True),
        (9, ".to_mkldnn", False),
        (10, "F.linear(weigth=)", True),
    ]
    words = {f.name: f.words for f in check(program)}
    assert "did you mean bias" in words["nn.Linear(biass=)"]
    assert "PyTorch has it" in words["nn.CrossMapLRN2d"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, none = (tmp_path / f"{n}.py" for n in ("good", "bad", "none"))
    good.write_text("import torch\nprint(torch.ones(2))\n")
    bad.write_text("import torch\ntorch.profiler.load('x')\n")
    none.write_text("import torch (\n")
    assert main([str(good)]) == 0
    assert "everything" in capsys.readouterr().out
    assert main([str(good), str(bad), "--out", str(tmp_path / "new")]) == 1
    assert f"{bad}:2: torch.profiler" in capsys.readouterr().out
    assert good.read_text().startswith("import torch")
    assert main([str(none)]) == 2
    assert "none.py" in capsys.readouterr().err
    assert main([str(tmp_path / "absent.py")]) == 2
    done = subprocess.run(
        [sys.executable, str(tmp_path / "new" / "good.py")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("tensor([1.")
    assert main(["--write", str(good)]) == 0
    assert good.read_text() == (tmp_path / "new" / "good.py").read_text()


def test_packages_that_import_pytorch_themselves_are_named() -> None:
    program = "import numpy, torchmetrics\nfrom pytorch_lightning.callbacks import Callback\nimport einops\n"
    found = check(program)
    assert [(f.line, f.name) for f in found] == [(1, "torchmetrics"), (2, "pytorch_lightning")]
    assert all("stand_in()" in f.words for f in found)
