"""Where the boxes of a drawing go: a layered layout of an acyclic graph, in inches from the top left corner.

The method of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures"
(IEEE Transactions on Systems, Man and Cybernetics, 1981): layers, an order in each with few crossings by
barycentres, then positions.  An edge over several layers is led through a track of its own in each, shared by
all edges from the same box.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

import networkx as nx

Box = Hashable
Point = tuple[float, float]

# Inches: between boxes of a layer, beside a track, between layers (and a part of how far an edge goes
# sideways there).
_BOX_GAP, _TRACK_GAP, _LAYER_GAP, _SLOPE_GAP, _WIDEST_GAP = 0.2, 0.12, 0.3, 0.06, 1.5
_SWEEPS = 12


@dataclass
class Layout:
    """Centres of boxes, and the lines between them as points, in inches, y downwards.

    ``ends``: for each edge its last piece, which arrives at the top of a box; it starts at the box it comes
    from or on one of ``trunks``, the ways that the edges from one box have in common.
    """

    centres: dict[Box, Point] = field(default_factory=dict)
    ends: dict[tuple[Box, Box], tuple[Point, Point]] = field(default_factory=dict)
    trunks: list[list[Point]] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def layered_layout(graph: nx.DiGraph, sizes: Mapping[Box, tuple[float, float]]) -> Layout:
    """The layout of ``graph``, edges pointing downwards, for boxes of the given sizes in inches."""
    if not graph:
        return Layout()
    places = _Places(graph, _layers(graph), sizes)
    places.reduce_crossings()
    return _assemble(graph, places, _horizontal(places), sizes)


def _layers(graph: nx.DiGraph) -> dict[Box, int]:
    """A layer for each box, below all it depends on, such that all edges together are as short as can be.

    The linear program of Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs" (IEEE
    Transactions on Software Engineering, 1993), by its dual: a flow of greatest length, whose edges join
    neighbouring layers.
    """
    network = nx.DiGraph()
    network.add_nodes_from((box, {"demand": graph.in_degree(box) - graph.out_degree(box)}) for box in graph)
    network.add_edges_from(graph.edges, weight=-1)
    _, flow = nx.network_simplex(network)
    # layer[after] >= layer[before] + 1, and not more where there is flow, as shortest paths of a graph
    # of differences
    differences = nx.DiGraph()
    differences.add_edges_from(((after, before) for before, after in graph.edges), weight=-1)
    differences.add_edges_from(((u, v) for u, v in graph.edges if flow[u][v] > 0), weight=1)
    start = object()
    differences.add_edges_from(((start, box) for box in graph), weight=0)
    distance = nx.single_source_bellman_ford_path_length(differences, start)
    top = min(distance.values())
    return {box: distance[box] - top for box in graph}


class _Places:
    """What the layers hold, by number: first the boxes, then the tracks, one for each layer an edge passes.

    ``ways``: for each box its own number and those of its tracks downwards.  ``above`` and ``below``: the
    links to places of the neighbouring layers.
    """

    def __init__(
        self, graph: nx.DiGraph, layer_of: Mapping[Box, int], sizes: Mapping[Box, tuple[float, float]]
    ) -> None:
        self.boxes = {box: number for number, box in enumerate(graph)}
        self.widths = [sizes[box][0] for box in graph]
        self.layer_of = [layer_of[box] for box in graph]
        self.above: list[list[int]] = [[] for _ in graph]
        self.below: list[list[int]] = [[] for _ in graph]
        self.layers: list[list[int]] = [[] for _ in range(max(self.layer_of) + 1)]
        self.ways: dict[Box, list[int]] = {}
        # a walk up from the results is a good order to begin with: what is computed together stands together
        upwards, start = graph.reverse(), object()
        upwards.add_edges_from((start, box) for box in graph if not graph.out_degree(box))
        for box in nx.dfs_preorder_nodes(upwards, start):
            if box is not start:
                self.ways[box] = self.lead(
                    self.boxes[box], [self.boxes[after] for after in graph.successors(box)]
                )

    def lead(self, box: int, ends: list[int]) -> list[int]:
        """Place a box and the tracks on the ways from it to ``ends``, and link them."""
        here = self.layer_of[box]
        way = [box]
        for layer in range(here + 1, max((self.layer_of[end] for end in ends), default=here)):
            way.append(len(self.widths))
            self.widths.append(0.0)
            self.layer_of.append(layer)
            self.above.append([])
            self.below.append([])
        for place in way:
            self.layers[self.layer_of[place]].append(place)
        for upper, lower in [*pairwise(way), *((way[self.layer_of[end] - here - 1], end) for end in ends)]:
            self.below[upper].append(lower)
            self.above[lower].append(upper)
        return way

    def is_track(self, place: int) -> bool:
        return place >= len(self.boxes)

    def distance(self, a: int, b: int) -> float:
        """Between the middles of two neighbours in a layer, at the least."""
        gap = _TRACK_GAP if self.is_track(a) or self.is_track(b) else _BOX_GAP
        return (self.widths[a] + self.widths[b]) / 2 + gap

    def reduce_crossings(self) -> None:
        """Sort layers by the mean position of what places are linked to, down and up in turn."""
        layers, fewest = [list(layer) for layer in self.layers], self.crossings(self.layers)
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            downwards = sweep % 2 == 0
            linked = self.above if downwards else self.below
            for i in range(1, len(layers)) if downwards else range(len(layers) - 2, -1, -1):
                fixed = {place: k for k, place in enumerate(layers[i - 1 if downwards else i + 1])}
                keys = {}
                for k, place in enumerate(layers[i]):
                    others = linked[place]
                    keys[place] = sum(fixed[p] for p in others) / len(others) if others else k
                layers[i].sort(key=keys.__getitem__)
            crossings = self.crossings(layers)
            if crossings < fewest:
                self.layers, fewest = [list(layer) for layer in layers], crossings

    def crossings(self, layers: list[list[int]]) -> int:
        """How many pairs of links cross: inversions of the lower ends, taken in the upper ones' order."""
        total = 0
        for upper, lower in pairwise(layers):
            position = {place: k for k, place in enumerate(lower)}
            met: list[int] = []
            for place in upper:
                ends = sorted(position[p] for p in self.below[place])
                total += sum(len(met) - bisect_right(met, k) for k in ends)
                if met and ends and ends[0] < met[-1]:
                    met = sorted(met + ends)
                else:
                    met += ends
        return total


def _horizontal(places: _Places) -> list[float]:
    """The horizontal position of each place: tracks straight, boxes amid what they are linked to.

    U. Brandes and B. Köpf, "Fast and simple horizontal coordinate assignment" (Graph Drawing 2001): four
    assignments, each biased to the links above or below and to the left or the right, and the mean of the
    middle two.
    """
    crossing = _crossing_links(places)
    tries: list[list[float]] = []
    for linked, order in ((places.above, places.layers), (places.below, places.layers[::-1])):
        for side in (1, -1):
            directed = [layer[::side] for layer in order]
            blocks = _aligned(places, directed, linked, crossing)
            tries.append([side * x for x in _compacted(places, directed, blocks)])
    return _drawn_together(places, _balanced(tries, places.widths))


def _crossing_links(places: _Places) -> set[tuple[int, int]]:
    """Links that cross one between tracks: they are not made straight, so that it can be."""
    found = set()
    for upper, lower in pairwise(places.layers):
        position = {place: k for k, place in enumerate(lower)}
        starts: list[int] = []
        ends: list[int] = []
        for k, place in enumerate(upper):
            for other in places.below[place]:
                if places.is_track(place) and places.is_track(other):
                    if ends and position[other] < ends[-1]:
                        found.add((place, other))
                    else:
                        starts.append(k)
                        ends.append(position[other])
        for k, place in enumerate(upper):
            left, right = bisect_left(starts, k), bisect_right(starts, k)
            for other in places.below[place]:
                at = position[other]
                if (left and ends[left - 1] > at) or (right < len(ends) and ends[right] < at):
                    found.add((place, other))
    return found


def _aligned(
    places: _Places, layers: list[list[int]], linked: list[list[int]], crossing: set[tuple[int, int]]
) -> list[int]:
    """For each place the first of its block: a chain through layers whose places stand in one line."""
    first = list(range(len(places.widths)))
    for before, layer in pairwise(layers):
        position = {place: k for k, place in enumerate(before)}
        occupied = -1
        for place in layer:
            others = linked[place]
            if places.is_track(place):
                others = [other for other in others if places.is_track(other)] or others
            if len(others) > 1:
                others = sorted(others, key=position.__getitem__)
            for other in others[(len(others) - 1) // 2 : len(others) // 2 + 1]:
                if (
                    position[other] > occupied
                    and (place, other) not in crossing
                    and (other, place) not in crossing
                ):
                    first[place] = first[other]
                    occupied = position[other]
                    break
    return first


def _compacted(places: _Places, layers: list[list[int]], first: list[int]) -> list[float]:
    """Positions as far to the left as the gaps allow, then as near to the next on the right as may be."""
    right: dict[int, dict[int, float]] = {block: {} for block in first}
    waiting = dict.fromkeys(right, 0)
    for layer in layers:
        for a, b in pairwise(layer):
            distances, block = right[first[a]], first[b]
            if block not in distances:
                waiting[block] += 1
            distances[block] = max(places.distance(a, b), distances.get(block, 0.0))
    x = dict.fromkeys(right, 0.0)
    order = [block for block, count in waiting.items() if not count]
    for block in order:
        for other, distance in right[block].items():
            x[other] = max(x[other], x[block] + distance)
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    for block in reversed(order):
        if right[block]:
            x[block] = max(x[block], min(x[other] - distance for other, distance in right[block].items()))
    return [x[block] for block in first]


def _balanced(tries: list[list[float]], widths: list[float]) -> list[float]:
    """The mean of the middle two of four assignments, first moved to where the narrowest of them is."""
    edges = [
        (
            min(v - w / 2 for v, w in zip(x, widths, strict=True)),
            max(v + w / 2 for v, w in zip(x, widths, strict=True)),
        )
        for x in tries
    ]
    left, right = min(edges, key=lambda edge: edge[1] - edge[0])
    # assignments from the left and from the right take turns
    shifts = [left - edge[0] if i % 2 == 0 else right - edge[1] for i, edge in enumerate(edges)]
    result = []
    for values in zip(*tries, strict=True):
        moved = sorted(value + shift for value, shift in zip(values, shifts, strict=True))
        result.append((moved[1] + moved[2]) / 2)
    return result


def _drawn_together(places: _Places, x: list[float]) -> list[float]:
    """Each box, and each straight run of tracks, moved to the mean of its links as far as the gaps allow."""
    on_left: dict[int, tuple[int, float]] = {}
    on_right: dict[int, tuple[int, float]] = {}
    bodies: list[list[int]] = [[place] for place in range(len(x))]
    for layer in places.layers:
        for a, b in pairwise(layer):
            distance = places.distance(a, b)
            on_right[a], on_left[b] = (b, distance), (a, distance)
    for way in places.ways.values():
        for before, place in pairwise(way[1:]):
            if abs(x[before] - x[place]) < 1e-9:
                bodies[before].append(place)
                bodies[place] = bodies[before]
    moves = []
    for body in {id(body): body for body in bodies}.values():
        linked = [
            p for place in body for p in places.above[place] + places.below[place] if bodies[p] is not body
        ]
        left, right = ([side[place] for place in body if place in side] for side in (on_left, on_right))
        if linked:
            moves.append((body, linked, left, right))
    for sweep in range(_SWEEPS):
        for body, linked, left, right in moves if sweep % 2 else reversed(moves):
            wanted = sum(x[p] for p in linked) / len(linked)
            lowest = max((x[p] + distance for p, distance in left), default=-inf)
            highest = min((x[p] - distance for p, distance in right), default=inf)
            position = max(lowest, min(wanted, highest))
            for place in body:
                x[place] = position
    return x


def _assemble(
    graph: nx.DiGraph, places: _Places, x: list[float], sizes: Mapping[Box, tuple[float, float]]
) -> Layout:
    """Vertical positions, and lines from the bottom of boxes through the tracks to the top of boxes."""
    left = min(v - w / 2 for v, w in zip(x, places.widths, strict=True))
    right = max(v + w / 2 for v, w in zip(x, places.widths, strict=True))
    x = [v - left for v in x]
    heights = [sizes[box][1] for box in graph]
    tops, bottoms, y = [], [], 0.0
    for layer in places.layers:
        tops.append(y)
        bottoms.append(y + max(heights[place] for place in layer if not places.is_track(place)))
        farthest = max((abs(x[a] - x[b]) for a in layer for b in places.below[a]), default=0.0)
        y = bottoms[-1] + min(_LAYER_GAP + _SLOPE_GAP * farthest, _WIDEST_GAP)
    layout = Layout(width=right - left, height=bottoms[-1])
    for box, number in places.boxes.items():
        layer = places.layer_of[number]
        layout.centres[box] = x[number], (tops[layer] + bottoms[layer]) / 2

    def foot(box: Box, layer: int) -> Point:
        """Where the way from ``box`` leaves a layer."""
        start = places.layer_of[places.boxes[box]]
        place = places.ways[box][layer - start]
        return x[place], bottoms[layer] if layer > start else layout.centres[box][1] + sizes[box][1] / 2

    for box, number in places.boxes.items():
        here = places.layer_of[number]
        tracks = places.ways[box][1:]
        if tracks:
            points = [foot(box, here)]
            for layer, track in enumerate(tracks, here + 1):
                points += [(x[track], tops[layer]), (x[track], bottoms[layer])]
            layout.trunks.append(points)
        starts = {before: foot(before, here - 1) for before in graph.predecessors(box)}
        # lines arrive side by side, in the order in which they come, so that they do not cross at the box
        arriving = sorted(starts, key=lambda before: starts[before][0])
        step = min(0.16, 0.8 * sizes[box][0] / max(len(arriving), 1))
        for i, before in enumerate(arriving):
            port = x[number] + (i - (len(arriving) - 1) / 2) * step
            layout.ends[before, box] = starts[before], (port, layout.centres[box][1] - sizes[box][1] / 2)
    return layout
