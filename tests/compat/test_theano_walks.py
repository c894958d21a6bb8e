"""Walks along a graph in Theano's order. Expected values are what Theano 1.0.5 printed for the same lines."""

from collections import deque

import numpy as np
import pytest

from graphlib.errors import InputError


@pytest.fixture
def made(theano):
    """A layer h, an output o of it and another, p, with names for the nodes."""
    T = theano.tensor
    x, y = T.matrices("x", "y")
    W, V, b = (theano.shared(np.ones((2, 2)), n) for n in "WVb")
    h = T.tanh(T.dot(x, W) + b)
    o, p = T.dot(h, V) * T.exp(h) - y, T.dot(y, W)
    product = o.owner.inputs[0].owner
    total = h.owner.inputs[0].owner
    named = {o.owner: "-", product: "*", h.owner: "tanh", total: "+", p.owner: "yW"}
    named |= {
        v.owner: name for v, name in zip((*product.inputs, total.inputs[0]), ("hV", "exp", "xW"), strict=True)
    }
    h.name, o.name, p.name = "hop"
    return x, y, W, b, h, o, p, lambda nodes: " ".join(named[node] for node in nodes)


def names(variables):
    return " ".join(v.name or "." for v in variables)


def test_variables_from_the_last_output_on_and_left_to_right(theano, made):
    walk = theano.gof.graph
    x, y, W, b, h, o, p, _ = made
    assert names(walk.inputs([o])) == "x W b V y"
    assert names(walk.inputs([o, p])) == "y W x b V"
    assert names(walk.inputs(reversed([W, b]))) == "W b", "as Lasagne collects the parameters of a layer"
    assert names(walk.inputs(reversed([W, b, o]))) == "W b x V y"
    assert names(walk.ancestors([o, p])) == "p y W o . . h . . x b V ."
    assert names(walk.ancestors([o], [h])) == names(walk.variables([h], [o])) == "o . . h V . y"
    assert names(walk.orphans([x, y], [o])) == "W b V"


def test_nodes(theano, made):
    walk = theano.gof.graph
    x, _, _, _, h, o, p, shown = made
    assert shown(walk.io_toposort([], [o, p])) == "xW + tanh exp hV * - yW"
    assert shown(walk.io_toposort([h], [o])) == "exp hV * -"
    clients = {}
    assert shown(walk.io_toposort([x], [p, o], clients=clients)) == "yW xW + tanh exp hV * -"
    assert shown(clients[h]) == "exp hV" or shown(clients[h]) == "hV exp"
    before = walk.io_toposort([], [o, p], orderings={h.owner: [p.owner]})
    assert shown(before) == "yW xW + tanh exp hV * -"
    assert shown(walk.list_of_nodes([x], [o, p])) == "- yW * hV exp tanh + xW"
    assert sorted(shown(walk.ops([h], [o])).split()) == ["*", "-", "exp", "hV"]
    assert walk.is_in_ancestors(o.owner, h.owner) and not walk.is_in_ancestors(h.owner, o.owner)
    with pytest.raises(InputError, match="contradict"):
        walk.io_toposort([], [o], orderings={h.owner: [o.owner]})


def test_a_search(theano):
    search = theano.gof.graph.stack_search
    start = deque([1])
    assert search(start, lambda i: [2 * i, 2 * i + 1] if i < 8 else None) == list(range(1, 16)) and not start
    depth = search(deque([3, 1]), lambda i: [2 * i, 2 * i + 1] if i < 8 else None, "dfs")
    assert depth == [1, 3, 7, 15, 14, 6, 13, 12, 2, 5, 11, 10, 4, 9, 8]
    reached, sources = search(deque([2]), lambda i: [2 * i, 2 * i + 1] if i < 5 else None, "bfs", True)
    assert reached == [2, 4, 5, 8, 9] and sources == {4: [2], 5: [2], 8: [4], 9: [4]}
    with pytest.raises(InputError, match="'widest'"):
        search(deque([1]), lambda i: None, "widest")


def test_views_lead_to_what_they_show(theano):
    x = theano.tensor.matrix("x")
    roots = theano.gof.graph.view_roots
    assert roots(x.T[0]) == [x]
    y = x + 1
    assert roots(y.T) == [y] and roots(x) == [x]


def test_parents_of_a_variable_are_its_node_and_of_a_node_its_inputs(theano):
    x, y = theano.tensor.scalars("x", "y")
    total = x + y
    assert total.get_parents() == [total.owner] and x.get_parents() == []
    parents = total.owner.get_parents()
    assert parents == [x, y]
    parents.clear()
    assert list(total.owner.inputs) == [x, y]
