"""The kinds of dropout beside `dropout` itself, as functions."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.ops import drop

__all__ = ["alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


def _channels(input: Tensor, p: float, training: bool, inplace: bool, alone: int) -> Tensor:
    """Channels of (N, C, *), or of one sample of `alone` axes."""
    batch = input.unsqueeze(0) if input.ndim == alone else input
    out = drop.feature_dropout(batch, p, training)
    if out is batch:
        return input
    out = out.squeeze(0) if input.ndim == alone else out
    return input.copy_(out) if inplace else out


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of each sample of (N, C, L), or of one sample (C, L), becomes 0 with probability `p`, else
    x / (1 - p); x itself unless `training`.

    ``inplace``: in the input's memory. Raises ArgumentError unless 0 <= p <= 1.

    >>> import rushlight as rl
    >>> y = rl.nn.functional.dropout1d(rl.ones(8, 4, 3))
    >>> bool((y == y[:, :, :1]).all())
    True
    """
    return _channels(input, p, training, inplace, 2)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout1d` of images (N, C, H, W). Three axes are (N, C, L), as in PyTorch, and two are (N, C).

    >>> import rushlight as rl
    >>> y = rl.nn.functional.dropout2d(rl.ones(8, 4, 3, 3))
    >>> bool((y == y[:, :, :1, :1]).all())
    True
    """
    return _channels(input, p, training, inplace, -1)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout1d` of volumes (N, C, D, H, W), or of one (C, D, H, W).

    >>> import rushlight as rl
    >>> tuple(rl.nn.functional.dropout3d(rl.ones(2, 4, 3, 3, 3)).shape)
    (2, 4, 3, 3, 3)
    """
    return _channels(input, p, training, inplace, 4)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Each number becomes SELU's lowest with probability `p`; scaled and shifted so that numbers of mean 0
    and variance 1 keep both. x itself unless `training`.

    ``inplace``: in the input's memory. Raises ArgumentError unless 0 <= p <= 1. (Klambauer et al., 2017.)

    >>> import rushlight as rl
    >>> rl.nn.functional.alpha_dropout(rl.ones(2)).tolist()
    [1.0, 1.0]
    """
    return (drop.alpha_dropout_ if inplace else drop.alpha_dropout)(input, p, training)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, *).

    >>> import rushlight as rl
    >>> y = rl.nn.functional.feature_alpha_dropout(rl.ones(8, 4, 3), training=True)
    >>> bool((y == y[:, :, :1]).all())
    True
    """
    return (drop.feature_alpha_dropout_ if inplace else drop.feature_alpha_dropout)(input, p, training)
