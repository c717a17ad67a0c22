"""What PyTorch's modules are called here."""

from __future__ import annotations

__all__ = ["counterpart", "is_ported"]

ROOTS = {"torch": "rushlight", "torchvision": "rushlight.vision"}
"""PyTorch's packages, and the modules here that have their names."""


WHOLE = {"einops.layers.torch": "rushlight.interop.einops"}
"""Single modules of other packages that are PyTorch's too."""


def is_ported(module: str) -> bool:
    """Whether `module` is one of PyTorch's, or stands in one.

    >>> is_ported("torch.nn"), is_ported("torchtext")
    (True, False)
    """
    return module.split(".")[0] in ROOTS or module in WHOLE


def counterpart(module: str) -> str:
    """The module here that has PyTorch's name for it.

    >>> counterpart("torch.nn.functional"), counterpart("torchvision.transforms")
    ('rushlight.nn.functional', 'rushlight.vision.transforms')
    """
    if module in WHOLE:
        return WHOLE[module]
    root, _, rest = module.partition(".")
    return f"{ROOTS[root]}.{rest}" if rest else ROOTS[root]
