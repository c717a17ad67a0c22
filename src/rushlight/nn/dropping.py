"""The kinds of dropout beside `Dropout` itself."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.nn import functional as F
from rushlight.nn.dropout import Dropout

__all__ = ["AlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Kind(Dropout):
    function: str
    """The name of the function that does it."""

    def forward(self, input: Tensor) -> Tensor:
        return getattr(F, self.function)(input, self.p, self.training, self.inplace)


class Dropout1d(_Kind):
    """In training each channel of each sample of (N, C, L), or of one (C, L), becomes 0 with probability `p`,
    else x / (1 - p); otherwise x itself.

    Neighbours in a channel are much alike, so that single numbers dropped would take little away.
    ``inplace``: in the input's memory. Raises ArgumentError unless 0 <= p <= 1. (Tompson et al., 2015.)

    >>> import rushlight as rl
    >>> y = rl.nn.Dropout1d()(rl.ones(8, 4, 3))
    >>> bool((y == y[:, :, :1]).all())
    True
    """

    function = "dropout1d"


class Dropout2d(_Kind):
    """`Dropout1d` of images (N, C, H, W). Three axes are (N, C, L), as in PyTorch, and two are (N, C).

    >>> import rushlight as rl
    >>> tuple(rl.nn.Dropout2d()(rl.ones(8, 4, 3, 3)).shape)
    (8, 4, 3, 3)
    """

    function = "dropout2d"


class Dropout3d(_Kind):
    """`Dropout1d` of volumes (N, C, D, H, W), or of one (C, D, H, W).

    >>> import rushlight as rl
    >>> tuple(rl.nn.Dropout3d()(rl.ones(2, 4, 3, 3, 3)).shape)
    (2, 4, 3, 3, 3)
    """

    function = "dropout3d"


class AlphaDropout(_Kind):
    """In training each number becomes SELU's lowest with probability `p`; scaled and shifted so that numbers
    of mean 0 and variance 1 keep both. Goes with SELU.

    ``inplace``: in the input's memory. Raises ArgumentError unless 0 <= p <= 1. (Klambauer et al., 2017.)

    >>> import rushlight as rl
    >>> len(set(rl.nn.AlphaDropout()(rl.ones(100)).tolist()))
    2
    """

    function = "alpha_dropout"


class FeatureAlphaDropout(_Kind):
    """`AlphaDropout` of whole channels of (N, C, *).

    >>> import rushlight as rl
    >>> y = rl.nn.FeatureAlphaDropout()(rl.ones(8, 4, 3))
    >>> bool((y == y[:, :, :1]).all())
    True
    """

    function = "feature_alpha_dropout"
