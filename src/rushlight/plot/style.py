"""How every picture looks: colours, type, lines and sizes, in one place.

The colours are Okabe and Ito's set, which people with the common forms of colour blindness can tell
apart (Okabe and Ito, "Color Universal Design", 2008). No picture relies on colour alone: markers,
line styles or words say the same thing again. Nothing here needs matplotlib.
"""

from __future__ import annotations

__all__ = [
    "BLACK",
    "CLASS_COLOURS",
    "CLASS_MARKERS",
    "CYCLE",
    "FAINT",
    "GRID",
    "LINE_STYLES",
    "RIGHT",
    "SPLIT_STYLES",
    "TEXT",
    "WRONG",
]

BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

# Yellow is left out: a thin yellow line on white cannot be seen.
CYCLE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY_BLUE, BLACK)
LINE_STYLES = ("-", "--", "-.", ":")
SPLIT_STYLES = {"train": (BLUE, "-"), "validation": (ORANGE, "--"), "test": (GREEN, "-.")}

CLASS_COLOURS = (BLUE, ORANGE)
CLASS_MARKERS = ("o", "^", "s", "D", "v", "P", "X")
# The red is darker than the green, so that the two differ in lightness where hue fails.
RIGHT = "#2BB38A"
WRONG = "#B5121B"

TEXT = "#222222"
FAINT = "#8A8A8A"
GRID = "#DDDDDD"
# Diverging map of the probability of class 1: its ends are paler than the class colours, so that points
# stand out on it; its middle is white.
PROBABILITY_STOPS = ("#6FB1DA", "#CDE4F1", "#FFFFFF", "#FBEBC8", "#F3C766")
SHARE_STOPS = ("#FFFFFF", "#BFDCEB", "#56B4E9", BLUE, "#003B5C")

GRAPH_COLOURS = {
    "parameter": "#F7DFA8",
    "leaf": "#F3D3E4",
    "op": "#CFE6F4",
    "result": "#BFE5D8",
    "constant": "#F4F4F4",
}
ACTIVATION_COLOURS = {
    "ReLU": ORANGE,
    "Tanh": SKY_BLUE,
    "Sigmoid": GREEN,
    "LeakyReLU": VERMILION,
    "Softmax": PURPLE,
    "LogSoftmax": PURPLE,
}

TITLE_SIZE = 11.0
LABEL_SIZE = 10.0
TICK_SIZE = 9.0
SMALL_SIZE = 8.0

LINE_WIDTH = 1.8
THIN_WIDTH = 0.9  # one of several runs, beside their mean
RUN_ALPHA = 0.45
BAND_ALPHA = 0.2
POINT_SIZE = 14.0

PANEL = (4.8, 3.9)  # inches
SQUARE = (4.6, 5.1)
DPI = 150
NOTEBOOK_DPI = 80  # of pictures within a page, whose text is as large
