"""Placing a directed acyclic graph in layers: longest paths, barycentres, and no overlaps by construction.

The method is Sugiyama, Tagawa and Toda's ("Methods for visual understanding of hierarchical system
structures", 1981): layers, an order within each layer with few crossings, then positions. Lengths are in
whatever unit the sizes are in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Layout", "layered"]

SWEEPS = 12


@dataclass(frozen=True)
class Layout:
    """Centres of the nodes, the points that each edge passes, and the size of the whole; y grows upwards."""

    centres: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


@dataclass
class Layers:
    """The graph with edges cut into pieces of one layer; places beyond the nodes are bends of long edges."""

    rank: list[int]
    layers: list[list[int]]
    below: list[list[int]]
    above: list[list[int]]
    chains: list[list[int]]


def layered(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    gap: tuple[float, float] = (0.3, 0.45),
) -> Layout:
    """Positions for nodes of the given (width, height), with edges pointing down; sinks stand at the bottom.

    >>> layered([(1, 1), (1, 1), (1, 1)], [(0, 2), (1, 2)], gap=(1, 1)).centres
    [(0.5, 2.5), (2.5, 2.5), (1.5, 0.5)]
    """
    graph = _cut(_ranks(len(sizes), edges), edges)
    _order(graph)
    bends = len(graph.rank) - len(sizes)
    widths = [width for width, _ in sizes] + [0.0] * bends
    across = _across(graph, widths, gap[0])
    height = max(height for _, height in sizes)
    points = [(x, rank * (height + gap[1]) + height / 2) for x, rank in zip(across, graph.rank, strict=True)]
    return Layout(
        points[: len(sizes)],
        [[points[place] for place in chain] for chain in graph.chains],
        max(x + width / 2 for x, width in zip(across, widths, strict=True)),
        (len(graph.layers) - 1) * (height + gap[1]) + height,
    )


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """For each node the longest way down to a sink, so that leaves stand next to what uses them."""
    sources: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for above, below in edges:
        sources[below].append(above)
        waiting[above] += 1
    rank = [0] * count
    ready = [node for node in range(count) if waiting[node] == 0]
    for node in ready:  # grows while it is walked
        for source in sources[node]:
            rank[source] = max(rank[source], rank[node] + 1)
            waiting[source] -= 1
            if waiting[source] == 0:
                ready.append(source)
    return rank


def _cut(rank: list[int], edges: Sequence[tuple[int, int]]) -> Layers:
    rank = list(rank)
    chains = []
    for above, below in edges:
        chain = [above]
        for level in range(rank[above] - 1, rank[below], -1):
            chain.append(len(rank))
            rank.append(level)
        chains.append([*chain, below])
    downs: list[list[int]] = [[] for _ in rank]
    ups: list[list[int]] = [[] for _ in rank]
    for chain in chains:
        for first, second in zip(chain, chain[1:], strict=False):
            downs[first].append(second)
            ups[second].append(first)
    layers: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for place in _visit(ups, [place for place in range(len(rank)) if not downs[place]]):
        layers[rank[place]].append(place)
    return Layers(rank, layers, downs, ups, chains)


def _visit(ups: list[list[int]], sinks: list[int]) -> list[int]:
    """Depth first from the sinks: relatives start out next to each other."""
    seen: dict[int, None] = {}
    stack = sinks[::-1]
    while stack:
        place = stack.pop()
        if place not in seen:
            seen[place] = None
            stack.extend(reversed(ups[place]))
    return list(seen)


def _order(graph: Layers) -> None:
    """Sort each layer by the mean place of its neighbours, down and up in turn; keep the best order met."""
    best = [list(layer) for layer in graph.layers]
    fewest = _crossings(graph)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        upwards = sweep % 2 == 0
        neighbours = graph.below if upwards else graph.above
        for layer in graph.layers if upwards else graph.layers[::-1]:
            place = {node: index for row in graph.layers for index, node in enumerate(row)}
            centre = {
                node: sum(place[other] for other in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else float(place[node])
                for node in layer
            }
            layer.sort(key=centre.__getitem__)
        crossings = _crossings(graph)
        if crossings < fewest:
            fewest, best = crossings, [list(layer) for layer in graph.layers]
    graph.layers[:] = best


def _crossings(graph: Layers) -> int:
    count = 0
    for upper, lower in zip(graph.layers[1:], graph.layers, strict=False):
        place = {node: index for index, node in enumerate(lower)}
        ends = [place[other] for node in upper for other in sorted(graph.below[node], key=place.__getitem__)]
        count += sum(1 for i, first in enumerate(ends) for second in ends[i + 1 :] if second < first)
    return count


def _across(graph: Layers, widths: list[float], gap: float) -> list[float]:
    """Centres along each layer: near the neighbours' mean, never closer together than the widths allow."""
    x = [0.0] * len(widths)
    for layer in graph.layers:
        edge = 0.0
        for place in layer:
            x[place] = edge + widths[place] / 2
            edge += widths[place] + gap
    for sweep in range(SWEEPS):
        upwards = sweep % 2 == 0
        for layer in graph.layers if upwards else graph.layers[::-1]:
            _settle(graph, layer, graph.below if upwards else graph.above, x, widths, gap)
    left = min(x[place] - widths[place] / 2 for place in range(len(x)))
    return [value - left for value in x]


def _settle(
    graph: Layers,
    layer: list[int],
    neighbours: list[list[int]],
    x: list[float],
    widths: list[float],
    gap: float,
) -> None:
    """Isotonic regression by pooling: wishes that would collide are met together, at their weighted mean."""
    offsets, total = [], 0.0
    for index, place in enumerate(layer):
        if index:
            total += (widths[layer[index - 1]] + widths[place]) / 2 + gap
        offsets.append(total)
    pools: list[tuple[float, float, int]] = []  # sum of weighted wishes, weight, number of places
    for place, offset in zip(layer, offsets, strict=True):
        weight = _pull(graph, place, widths)
        pools.append((weight * (_wish(graph, place, neighbours[place], widths, x) - offset), weight, 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            (first, weight_1, count_1), (second, weight_2, count_2) = pools[-2:]
            pools[-2:] = [(first + second, weight_1 + weight_2, count_1 + count_2)]
    settled = [wishes / weight for wishes, weight, count in pools for _ in range(count)]
    for place, value, offset in zip(layer, settled, offsets, strict=True):
        x[place] = value + offset


def _wish(graph: Layers, place: int, others: list[int], widths: list[float], x: list[float]) -> float:
    if not others:
        return x[place]
    pulls = [_pull(graph, other, widths) for other in others]
    return sum(pull * x[other] for pull, other in zip(pulls, others, strict=True)) / sum(pulls)


def _pull(graph: Layers, place: int, widths: list[float]) -> float:
    """How much a place insists: bends most, so that long edges run straight; leaves give way to the trunk."""
    if not graph.above[place]:
        return 0.001
    return 4.0 if widths[place] == 0 else 1.0
