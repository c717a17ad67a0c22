"""The layered layout, on graphs drawn at random: edges point down and nothing overlaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rushlight.plot._layout import layered

GAP = (0.3, 0.5)


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = [(min(pair), max(pair)) for pair in draw(st.lists(pairs, max_size=30)) if pair[0] != pair[1]]
    widths = draw(st.lists(st.floats(0.2, 3.0), min_size=count, max_size=count))
    return [(width, 0.4) for width in widths], edges


@given(graphs())
def test_edges_point_down_and_nothing_overlaps(graph):
    sizes, edges = graph
    layout = layered(sizes, edges, GAP)
    for above, below in edges:
        assert layout.centres[above][1] >= layout.centres[below][1] + 0.4 + GAP[1] - 1e-9
    for place, ((x, y), (width, height)) in enumerate(zip(layout.centres, sizes, strict=True)):
        assert -1e-9 <= x - width / 2 <= x + width / 2 <= layout.width + 1e-9
        assert -1e-9 <= y - height / 2 <= y + height / 2 <= layout.height + 1e-9
        for (other_x, other_y), (other_width, _) in zip(layout.centres[:place], sizes, strict=False):
            if other_y == y:
                assert abs(x - other_x) >= (width + other_width) / 2 + GAP[0] - 1e-9


@given(graphs())
def test_long_edges_keep_clear_of_boxes(graph):
    sizes, edges = graph
    layout = layered(sizes, edges, GAP)
    for (above, below), route in zip(edges, layout.routes, strict=True):
        assert route[0] == layout.centres[above]
        assert route[-1] == layout.centres[below]
        for x, y in route[1:-1]:
            for (box_x, box_y), (width, _) in zip(layout.centres, sizes, strict=True):
                assert box_y != y or abs(x - box_x) >= width / 2 + GAP[0] - 1e-9


def test_chain_is_straight_and_leaves_stand_beside_it():
    # 0 -> 2 -> 4 is the trunk; 1 and 3 are leaves beside it.
    layout = layered([(1.0, 0.4)] * 6, [(5, 0), (0, 2), (1, 2), (2, 4), (3, 4)], GAP)
    trunk = [layout.centres[place][0] for place in (0, 2, 4)]
    assert max(trunk) - min(trunk) < 0.05
    assert layout.centres[1][1] == layout.centres[0][1]


def test_crossings_that_can_be_avoided_are():
    # Two pairs given crosswise.
    layout = layered([(1.0, 0.4)] * 4, [(0, 3), (1, 2)], GAP)
    x = [centre[0] for centre in layout.centres]
    assert (x[0] - x[1]) * (x[3] - x[2]) > 0
