"""Whole policies of augmentation: which changes, how strong, and how often.

Pictures are Pillow's, or tensors (..., 1 or 3, H, W) of uint8: three of the changes count levels of light.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, message
from rushlight.ops import full
from rushlight.ops.gamma_draws import log_gamma_draw
from rushlight.vision.images import through
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import Transform, draw_index, draw_many, shown
from rushlight.vision.transforms.modes import InterpolationMode, interpolation_mode

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

Space = dict[str, tuple[np.ndarray | None, bool]]
"""For each change how strong it may be (None where there is nothing to choose), and whether either way."""


def _sheared(img: Any, by: tuple[float, float], options: dict[str, Any]) -> Any:
    angles = [math.degrees(math.atan(n)) for n in by]
    return F.affine(img, 0.0, (0, 0), 1.0, angles, center=[0, 0], **options)


def _moved(img: Any, by: tuple[float, float], options: dict[str, Any]) -> Any:
    return F.affine(img, 0.0, (int(by[0]), int(by[1])), 1.0, (0.0, 0.0), **options)


CHANGES: dict[str, Callable[[Any, float, dict[str, Any]], Any]] = {
    "Identity": lambda img, n, _: img,
    "ShearX": lambda img, n, options: _sheared(img, (n, 0.0), options),
    "ShearY": lambda img, n, options: _sheared(img, (0.0, n), options),
    "TranslateX": lambda img, n, options: _moved(img, (n, 0.0), options),
    "TranslateY": lambda img, n, options: _moved(img, (0.0, n), options),
    "Rotate": lambda img, n, options: F.rotate(img, n, **options),
    "Brightness": lambda img, n, _: F.adjust_brightness(img, 1.0 + n),
    "Color": lambda img, n, _: F.adjust_saturation(img, 1.0 + n),
    "Contrast": lambda img, n, _: F.adjust_contrast(img, 1.0 + n),
    "Sharpness": lambda img, n, _: F.adjust_sharpness(img, 1.0 + n),
    "Posterize": lambda img, n, _: F.posterize(img, int(n)),
    "Solarize": lambda img, n, _: F.solarize(img, n),
    "AutoContrast": lambda img, n, _: F.autocontrast(img),
    "Equalize": lambda img, n, _: F.equalize(img),
    "Invert": lambda img, n, _: F.invert(img),
}
"""The changes by the names that the papers give them: of a picture, a strength, and what fills a border."""


def _space(
    bins: int,
    shear: float,
    move: tuple[float, float],
    turn: float,
    light: float | None,
    bits: tuple[int, int],
) -> Space:
    """Strengths in `bins` even steps from none to these; `bits` are kept at first, and lost at last."""

    def to(most: float) -> tuple[np.ndarray, bool]:
        return np.linspace(0.0, most, bins, dtype=np.float32), True

    # Whole numbers: 2.5 rounds to 2, as of floats of one digit.
    lost = np.round(np.arange(bins, dtype=np.float32) / np.float32((bins - 1) / bits[1]))
    colours = ("Brightness", "Color", "Contrast", "Sharpness") if light is not None else ()
    return {
        "ShearX": to(shear),
        "ShearY": to(shear),
        "TranslateX": to(move[0]),
        "TranslateY": to(move[1]),
        "Rotate": to(turn),
        **{name: to(light or 0.0) for name in colours},
        "Posterize": (bits[0] - lost, False),
        "Solarize": (np.linspace(255.0, 0.0, bins, dtype=np.float32), False),
        "AutoContrast": (None, False),
        "Equalize": (None, False),
    }


class _Policy(Transform):
    """What the policies have in common: what fills a border, and how a change is made."""

    interpolation: InterpolationMode
    fill: Any

    def _keep(self, interpolation: Any, fill: Any) -> None:
        self.interpolation = interpolation_mode(type(self).__name__, interpolation)
        self.fill = fill

    def _change(self, img: Any, name: str, strength: float) -> Any:
        return CHANGES[name](img, strength, {"interpolation": self.interpolation, "fill": self.fill})

    def _random(self, img: Any, space: Space, at: int | None, below: int = 0) -> Any:
        """One of the changes, of strength number `at`, or of a random one; either way where it may be."""
        name = list(space)[draw_index(0, len(space))]
        strengths, signed = space[name]
        if strengths is None:
            return self._change(img, name, 0.0)
        at = draw_index(0, below or len(strengths)) if at is None else at
        strength = float(strengths[at])
        return self._change(img, name, -strength if signed and draw_index(0, 2) else strength)


class AutoAugmentPolicy(Enum):
    """Policies that were learned on three data sets."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


LEARNED = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize .4 8, Rotate .6 9; Solarize .6 5, AutoContrast .6; Equalize .8, Equalize .6;
        Posterize .6 7, Posterize .6 6; Equalize .4, Solarize .2 4; Equalize .4, Rotate .8 8;
        Solarize .6 3, Equalize .6; Posterize .8 5, Equalize 1; Rotate .2 3, Solarize .6 8;
        Equalize .6, Posterize .4 6; Rotate .8 8, Color .4 0; Rotate .4 9, Equalize .6;
        Equalize 0, Equalize .8; Invert .6, Equalize 1; Color .6 4, Contrast 1 8; Rotate .8 8, Color 1 2;
        Color .8 8, Solarize .8 7; Sharpness .4 7, Invert .6; ShearX .6 5, Equalize 1;
        Color .4 0, Equalize .6; Equalize .4, Solarize .2 4; Solarize .6 5, AutoContrast .6;
        Invert .6, Equalize 1;
        Color .6 4, Contrast 1 8; Equalize .8, Equalize .6""",
    AutoAugmentPolicy.CIFAR10: """
        Invert .1, Contrast .2 6; Rotate .7 2, TranslateX .3 9; Sharpness .8 1, Sharpness .9 3;
        ShearY .5 8, TranslateY .7 9; AutoContrast .5, Equalize .9; ShearY .2 7, Posterize .3 7;
        Color .4 3, Brightness .6 7; Sharpness .3 9, Brightness .7 9; Equalize .6, Equalize .5;
        Contrast .6 7, Sharpness .6 5; Color .7 7, TranslateX .5 8; Equalize .3, AutoContrast .4;
        TranslateY .4 3, Sharpness .2 6; Brightness .9 6, Color .2 8; Solarize .5 2, Invert 0;
        Equalize .2, AutoContrast .6; Equalize .2, Equalize .6; Color .9 9, Equalize .6;
        AutoContrast .8, Solarize .2 8; Brightness .1 3, Color .7 0; Solarize .4 5, AutoContrast .9;
        TranslateY .9 9, TranslateY .7 9; AutoContrast .9, Solarize .8 3; Equalize .8, Invert .1;
        TranslateY .7 9, AutoContrast .9""",
    AutoAugmentPolicy.SVHN: """
        ShearX .9 4, Invert .2; ShearY .9 8, Invert .7; Equalize .6, Solarize .6 6; Invert .9, Equalize .6;
        Equalize .6, Rotate .9 3; ShearX .9 4, AutoContrast .8; ShearY .9 8, Invert .4;
        ShearY .9 5, Solarize .2 6; Invert .9, AutoContrast .8; Equalize .6, Rotate .9 3;
        ShearX .9 4, Solarize .3 3; ShearY .8 8, Invert .7; Equalize .9, TranslateY .6 6;
        Invert .9, Equalize .6; Contrast .3 3, Rotate .8 4; Invert .8, TranslateY 0 2;
        ShearY .7 6, Solarize .4 8; Invert .6, Rotate .8 4; ShearY .3 7, TranslateX .9 3;
        ShearX .1 6, Invert .6; Solarize .7 2, TranslateY .6 7; ShearY .8 4, Invert .8;
        ShearX .7 9, TranslateY .8 3; ShearY .8 5, AutoContrast .7; ShearX .7 2, Invert .1""",
}
"""The pairs of the paper's appendix: each change with its probability and its strength, from 0 to 9."""

Step = tuple[str, float, int | None]


def _steps(text: str) -> list[tuple[Step, ...]]:
    pairs = [[step.split() for step in pair.split(",")] for pair in text.split(";")]
    return [tuple((n, float(p), int(at[0]) if at else None) for n, p, *at in pair) for pair in pairs]


class AutoAugment(_Policy):
    """One of 25 pairs of changes, each of which is made with its own probability.

    policy         which of the three that were learned: `AutoAugmentPolicy`.
    interpolation  between pixels, where they are moved.
    fill           pixels beyond the border: a number, or one for each channel; 0 if left out.

    Source: E. Cubuk et al., AutoAugment: learning augmentation policies from data (2018), arXiv:1805.09501.
    Raises ArgumentError for another policy.

    >>> import rushlight as rl
    >>> from rushlight.vision import transforms
    >>> change = transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)
    >>> change(rl.zeros(3, 32, 32, dtype=rl.uint8)).shape
    Size([3, 32, 32])
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        if policy not in LEARNED:
            raise ArgumentError(message("AutoAugment", f"policy={policy!r}", "one of AutoAugmentPolicy"))
        self.policy = policy
        self.policies = _steps(LEARNED[policy])
        self._keep(interpolation, fill)

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """The number of a pair, and for both of its changes a number from 0 to 1 and a sign, 0 or 1."""
        signs = [draw_index(0, 2), draw_index(0, 2)]
        return draw_index(0, transform_num), wrap(draw_many(2).astype(np.float32)), wrap(np.array(signs))

    def forward(self, img: Any) -> Any:
        which, chances, signs = self.get_params(len(self.policies))
        _, rows, columns = F.get_dimensions(img)
        moves = (150.0 / 331.0 * columns, 150.0 / 331.0 * rows)
        space = _space(10, 0.3, moves, 30.0, 0.9, (8, 4)) | {"Invert": (None, False)}
        steps = zip(self.policies[which], chances.tolist(), signs.tolist(), strict=True)
        for (name, p, at), chance, sign in steps:
            strengths, signed = space[name]
            strength = 0.0 if strengths is None or at is None else float(strengths[at])
            if chance <= p:
                img = self._change(img, name, -strength if signed and not sign else strength)
        return img

    def extra_repr(self) -> str:
        return shown(policy=self.policy, fill=self.fill)


class RandAugment(_Policy):
    """`num_ops` changes, one after another, all of the strength number `magnitude`.

    num_magnitude_bins  how many strengths there are.

    The other options are those of `AutoAugment`. Source: E. Cubuk et al., RandAugment: practical automated
    data augmentation with a reduced search space (2019), arXiv:1909.13719.

    >>> import rushlight as rl
    >>> RandAugment(num_ops=1)(rl.zeros(3, 8, 8, dtype=rl.uint8)).shape
    Size([3, 8, 8])
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        if not 0 <= magnitude < num_magnitude_bins:
            got = f"magnitude={magnitude} of {num_magnitude_bins}"
            raise ArgumentError(message("RandAugment", got, f"0 to {num_magnitude_bins - 1}"))
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins
        self._keep(interpolation, fill)

    def forward(self, img: Any) -> Any:
        _, rows, columns = F.get_dimensions(img)
        moves = (150.0 / 331.0 * columns, 150.0 / 331.0 * rows)
        space = {"Identity": (None, False)} | _space(self.num_magnitude_bins, 0.3, moves, 30.0, 0.9, (8, 4))
        for _ in range(self.num_ops):
            img = self._random(img, space, self.magnitude)
        return img

    def extra_repr(self) -> str:
        return shown(
            num_ops=self.num_ops,
            magnitude=self.magnitude,
            num_magnitude_bins=self.num_magnitude_bins,
            interpolation=self.interpolation,
            fill=self.fill,
        )


class TrivialAugmentWide(_Policy):
    """One change, of a random strength out of `num_magnitude_bins`, up to strong ones.

    The other options are those of `AutoAugment`. Source: S. Müller and F. Hutter, TrivialAugment:
    tuning-free yet state-of-the-art data augmentation (2021), arXiv:2103.10158.

    >>> import rushlight as rl
    >>> TrivialAugmentWide()(rl.zeros(3, 8, 8, dtype=rl.uint8)).shape
    Size([3, 8, 8])
    """

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self._keep(interpolation, fill)

    def forward(self, img: Any) -> Any:
        space = _space(self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, (8, 6))
        return self._random(img, {"Identity": (None, False)} | space, None)

    def extra_repr(self) -> str:
        return shown(
            num_magnitude_bins=self.num_magnitude_bins, interpolation=self.interpolation, fill=self.fill
        )


class AugMix(_Policy):
    """The picture mixed with `mixture_width` chains of changes of itself, in random shares.

    severity     how strong the changes may be, from 1 to 10.
    chain_depth  how many changes a chain has; -1: one to three, at random.
    alpha        the parameter of the Beta and Dirichlet distributions of the shares.
    all_ops      also brightness, contrast, colour and sharpness.

    The other options are those of `AutoAugment`. Source: D. Hendrycks et al., AugMix: a simple data
    processing method to improve robustness and uncertainty (2019), arXiv:1912.02781.
    Raises ArgumentError for another severity.

    >>> import rushlight as rl
    >>> AugMix()(rl.zeros(3, 8, 8, dtype=rl.uint8)).shape
    Size([3, 8, 8])
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__()
        if not 1 <= severity <= 10:
            raise ArgumentError(message("AugMix", f"severity={severity}", "1 to 10"))
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops
        self._keep(interpolation, fill)

    def forward(self, img: Any) -> Any:
        return through("AugMix", img, self._mixed)

    def _mixed(self, img: Tensor) -> Tensor:
        _, rows, columns = F.get_dimensions(img)
        light = 0.9 if self.all_ops else None
        space = _space(10, 0.3, (columns / 3.0, rows / 3.0), 30.0, light, (4, 4))
        batch = img.reshape(-1, *img.shape[-3:])
        own = self._shares(len(batch), 2)
        shares = self._shares(len(batch), self.mixture_width) * own[:, 1:]
        mixed = own[:, :1].reshape(-1, 1, 1, 1) * batch
        for i in range(self.mixture_width):
            changed = batch
            for _ in range(self.chain_depth if self.chain_depth > 0 else draw_index(1, 4)):
                changed = self._random(changed, space, None, self.severity)
            mixed = mixed + shares[:, i].reshape(-1, 1, 1, 1) * changed
        return mixed.reshape(img.shape).to(img.dtype)

    def _shares(self, pictures: int, parts: int) -> Tensor:
        """Random shares (pictures, parts) that add up to 1: of Dirichlet's distribution."""
        return log_gamma_draw(full((pictures, parts), float(self.alpha))).softmax(-1)

    def extra_repr(self) -> str:
        names: Sequence[str] = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops")
        return shown(**{n: getattr(self, n) for n in (*names, "interpolation", "fill")})
