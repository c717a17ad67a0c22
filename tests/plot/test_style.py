"""The colours stay apart for eyes without red or green cones.

The matrices are Machado, Oliveira and Fernandes's for complete protanopia and deuteranopia ("A
physiologically-based model for simulation of color vision deficiency", 2009), for linear RGB.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from rushlight.plot import style

SIMULATIONS = {
    "full sight": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(colour: str, simulation: np.ndarray) -> np.ndarray:
    """CIE Lab of a colour as that eye sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(simulation @ linear, 0, 1)
    xyz = (
        np.array(
            [
                [0.4124564, 0.3575761, 0.1804375],
                [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041],
            ]
        )
        @ linear
        / np.array([0.95047, 1.0, 1.08883])
    )
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("eye", SIMULATIONS)
@pytest.mark.parametrize(
    ("colours", "least"),
    [((style.RIGHT, style.WRONG), 30), (style.CLASS_COLOURS, 40), (style.CYCLE[:4], 12)],
    ids=["right and wrong", "classes", "lines"],
)
def test_colours_differ(eye, colours, least):
    seen = [lab(colour, SIMULATIONS[eye]) for colour in colours]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > least
