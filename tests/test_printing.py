"""debugprint, pp, draw and what a notebook shows: the output is parsed and held against its graph."""

import ast
import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import combinations, pairwise, product
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from PIL import Image

import graphlib
import graphlib.tensor as T
from graphlib.graph import Constant, TensorType, Variable
from graphlib.ops import REGISTRY
from graphlib.printing import debugprint, draw, pp, pydotprint
from graphlib.printing.layout import _layers, layered_layout
from graphlib.printing.notation import label_of

checked = settings(deadline=None, derandomize=True)


def layer():
    """tanh(x·W + b) with its leaves."""
    x = T.matrix("x")
    W = graphlib.shared(np.zeros((4, 3), "float32"), "W", shape=(4, 3))
    b = graphlib.shared(np.zeros(3, "float32"), "b", shape=(3,))
    return x, W, b, T.tanh(T.dot(x, W) + b)


def training_function(**options):
    x, W, b, hidden = layer()
    cost = T.sqr(hidden).mean()
    cost.name = "cost"
    updates = [(p, p - 0.1 * g) for p, g in zip((W, b), T.grad(cost, [W, b]), strict=True)]
    return graphlib.function([x], cost, updates=updates, mode="reference", name="train", **options)


def chain(length):
    v = T.vector("v")
    for _ in range(length):
        v = T.tanh(v)
    return v


BINARY = [T.add, T.sub, T.mul, T.true_div, T.pow, T.maximum]
UNARY = [T.neg, T.tanh, T.exp]


@st.composite
def graphs(draw_from):
    """A random expression of vectors, with shared parts."""
    pool = [T.vector(name) for name in "abc"]
    for _ in range(draw_from(st.integers(1, 14))):
        operands = [draw_from(st.sampled_from(pool)) for _ in range(2)]
        op = draw_from(st.sampled_from(BINARY + UNARY))
        pool.append(op(*operands) if op in BINARY else op(operands[0]))
    return pool[-1]


# debugprint

LINE = re.compile(r"(?P<indent>(?:│  |   )*)(?:(?P<branch>├─|└─) )?(?P<rest>.*)")
LABEL = re.compile(
    r"(?P<what>.*?) \[id (?P<id>[A-Z]+)\](?: <(?P<type>.*?)>)?(?: '(?P<name>.*)')?(?: (?P<order>\d+))?"
)


def parse(text):
    """[(level, label, id, type, name, order)], the label alone for a line without an id."""
    rows = []
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        level = len(match["indent"]) // 3 + (match["branch"] is not None)
        label = LABEL.fullmatch(match["rest"])
        rows.append((level, *label.groups()) if label else (level, match["rest"], None, None, None, None))
    return rows


def children_of(rows):
    """Position of a line -> positions of the lines one level below it."""
    children = {i: [] for i in range(len(rows))}
    path = []
    for i, (level, *_) in enumerate(rows):
        del path[level:]
        if path:
            children[path[-1]].append(i)
        path.append(i)
    return children


def check_tree(variable, rows):
    """Every node is unfolded once, with its operands in order, wherever it stands."""
    children = children_of(rows)
    by_id, unfolded = {}, {}

    def match(i, v):
        _, what, identity, *_ = rows[i]
        assert by_id.setdefault(identity, v.owner or v) is (v.owner or v)
        below = children[i]
        if v.owner is None:
            assert what == str(v)
            assert not below
            return
        assert what == str(v.owner.op)
        if [rows[k][1] for k in below] in (["···"], ["··· below"]):
            assert identity in unfolded or rows[below[0]][1] == "··· below"
            return
        assert identity not in unfolded
        unfolded[identity] = v
        assert len(below) == len(v.owner.inputs)
        for k, operand in zip(below, v.owner.inputs, strict=True):
            match(k, operand)

    roots = [i for i, row in enumerate(rows) if row[0] == 0]
    match(roots[0], variable)
    for i in roots[1:]:
        match(i, by_id[rows[i][2]].outputs[0])
    assert len(set(by_id.values())) == len(by_id)
    return by_id, unfolded


@checked
@given(graphs())
def test_debugprint_shows_every_node_once_with_its_operands(variable):
    rows = parse(debugprint(variable, file="str"))
    by_id, unfolded = check_tree(variable, rows)
    nodes = {v.owner for v in ancestors(variable) if v.owner is not None}
    assert {v.owner for v in unfolded.values()} == nodes
    assert set(by_id.values()) - nodes == {v for v in ancestors(variable) if v.owner is None}


def ancestors(variable):
    found, stack = set(), [variable]
    while stack:
        v = stack.pop()
        if v not in found:
            found.add(v)
            stack.extend(v.owner.inputs if v.owner is not None else ())
    return found


def test_debugprint_of_a_layer():
    _, _, _, hidden = layer()
    hidden.name = "hidden"
    rows = parse(debugprint(hidden, print_type=True, file="str"))
    assert [
        (level, what, name) for level, what, _, _, name, _ in rows if what in ("tanh", "add", "x", "W", "b")
    ] == [
        (0, "tanh", "hidden"),
        (1, "add", None),
        (3, "x", None),
        (3, "W", None),
        (2, "b", None),
    ]
    types = {what: type for _, what, _, type, _, _ in rows}
    assert types["tanh"] == "float32(?, 3)"
    assert types["W"] == "float32(4, 3)"
    assert "<" not in debugprint(hidden, file="str")


def test_debugprint_ids_count_as_theanos():
    x = T.vector("x")
    rows = parse(debugprint(T.stack([x * k for k in range(2, 40)]), file="str"))
    ids = list(dict.fromkeys(row[2] for row in rows if row[2]))
    assert ids[:3] == ["A", "B", "C"]
    assert ids[25:28] == ["Z", "BA", "BB"]


def test_debugprint_depth_cuts_the_tree():
    _, _, _, hidden = layer()
    full = parse(debugprint(hidden, file="str"))
    for depth in range(1, 5):
        cut = parse(debugprint(hidden, depth=depth, file="str"))
        assert [row[:2] for row in cut] == [row[:2] for row in full if row[0] < depth]


def test_a_node_cut_by_depth_is_unfolded_where_there_is_room():
    x = T.vector("x")
    inner = T.exp(x)
    rows = parse(debugprint(T.tanh(T.tanh(inner)) + inner, depth=3, file="str"))
    exps = [i for i, row in enumerate(rows) if row[1] == "exp"]
    assert len(exps) == 1
    assert rows[exps[0] + 1][1] == "x"


@pytest.mark.parametrize("depth", [0, -2, 1.5, True, None])
def test_debugprint_refuses_a_wrong_depth(depth):
    with pytest.raises(ValueError, match="number of levels"):
        debugprint(T.vector("x"), depth=depth)


def test_debugprint_writes_where_it_is_told(capsys):
    x = T.vector("x")
    text = debugprint(T.exp(x), file="str")
    assert debugprint(T.exp(x)) is None
    assert capsys.readouterr().out == text + "\n"
    stream = io.StringIO()
    debugprint(T.exp(x), file=stream)
    assert stream.getvalue() == text + "\n"


def test_debugprint_of_several_variables_shares_ids():
    x = T.vector("x")
    shared_part = T.exp(x)
    rows = parse(debugprint([shared_part, shared_part + 1], file="str"))
    roots = [row for row in rows if row[0] == 0]
    assert [row[1] for row in roots] == ["exp", "add"]
    assert [row[2] for row in rows if row[1] == "exp"] == [roots[0][2]] * 2
    assert sum(row[1] == "···" for row in rows) == 1


def test_debugprint_of_a_function_has_outputs_updates_and_the_order_of_steps():
    f = training_function()
    rows = parse(debugprint(f, file="str"))
    roots = [row[1] for row in rows if row[0] == 0]
    assert len(roots) == 3
    leaves = {row[1]: row[2] for row in rows if row[1] in ("W", "b")}
    assert [root.partition(" ← ")[0] for root in roots[1:]] == [
        f"W [id {leaves['W']}]",
        f"b [id {leaves['b']}]",
    ]
    order = {}
    children = children_of(rows)
    for row in rows:
        if row[5] is not None:
            assert order.setdefault(row[2], int(row[5])) == int(row[5])
    assert sorted(order.values()) == list(range(len(order)))
    for i, below in children.items():
        for k in below:
            if rows[k][5] is not None:
                assert int(rows[k][5]) < int(rows[i][5])


@pytest.mark.parametrize("mode", ["fast_run", "reference"])
def test_debugprint_of_a_function_is_of_its_rewritten_graph(mode):
    x = T.vector("x")
    f = graphlib.function([x], T.log(T.exp(x) / T.exp(x).sum()) * 1 + 0, mode=mode)
    text = debugprint(f, file="str")
    check_tree(f.optimized[0], [row[:5] for row in parse(text)])
    assert sum(row[1] == "mul" for row in parse(text)) == (mode == "reference")


def test_debugprint_ends_at_an_input_that_has_an_owner():
    x = T.vector("x")
    middle = T.exp(x)
    f = graphlib.function([middle], T.tanh(middle), mode="reference")
    rows = parse(debugprint(f, file="str"))
    assert [row[0] for row in rows] == [0, 1]
    assert "x" not in [row[1] for row in rows]


def test_debugprint_of_a_deep_chain_is_narrow_and_complete():
    variable = chain(10_000)
    text = debugprint(variable, file="str")
    assert max(map(len, text.splitlines())) < 150
    rows = parse(text)
    below = [i for i, row in enumerate(rows) if row[1] == "··· below"]
    continued = [row for row in rows if row[0] == 0][1:]
    assert [rows[i - 1][2] for i in below] == [row[2] for row in continued]
    names = [row[1] for row in rows]
    assert names.count("tanh") == 10_000 + len(continued)
    assert names.count("v") == 1


def test_debugprint_of_much_sharing_stays_short():
    v = T.vector("v")
    for _ in range(1000):
        v = v * v + v
    rows = parse(debugprint(v, file="str"))
    assert len(rows) < 10 * 2000
    assert len({row[2] for row in rows if row[2]}) == 2001


@pytest.mark.parametrize("wrong", [3, "x", None, {"a": 1}])
def test_what_is_no_graph_is_refused(wrong):
    for show in (debugprint, draw):
        with pytest.raises(TypeError, match="variable"):
            show(wrong)
    with pytest.raises(TypeError, match="variable"):
        pp(wrong)


def test_lists_of_anything_else_are_refused():
    with pytest.raises(TypeError, match="empty"):
        debugprint([])
    with pytest.raises(TypeError, match="int 3"):
        debugprint([T.vector("x"), 3])


# pp


def as_python(formula):
    """The syntax tree of a formula as nested tuples, names after 'where' put back where they stand for."""
    text, _, rest = formula.partition(" where ")
    texts = re.split(r", (?=\w+ = )", rest) if rest else []
    bindings = {name: body for name, _, body in (t.partition(" = ") for t in texts)}

    def tree(node):
        if isinstance(node, ast.Name):
            return tree(parsed(bindings[node.id])) if node.id in bindings else node.id
        if isinstance(node, ast.Constant):
            return float(node.value)
        if isinstance(node, ast.UnaryOp):
            # a negative number is the number
            operand = tree(node.operand)
            return -operand if isinstance(operand, float) else (type(node.op).__name__, operand)
        if isinstance(node, ast.BinOp):
            return (type(node.op).__name__, tree(node.left), tree(node.right))
        if isinstance(node, ast.Compare):
            (op,), (right,) = node.ops, node.comparators
            return (type(op).__name__, tree(node.left), tree(right))
        assert isinstance(node, ast.Call)
        return (node.func.id, *map(tree, node.args))

    return tree(parsed(text))


def parsed(text):
    return ast.parse(text.replace("·", " @ "), mode="eval").body


PYTHON = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mult",
    "true_div": "Div",
    "floor_div": "FloorDiv",
    "mod": "Mod",
    "pow": "Pow",
    "neg": "USub",
    "invert": "Invert",
    "lt": "Lt",
    "le": "LtE",
    "gt": "Gt",
    "ge": "GtE",
    "eq": "Eq",
    "neq": "NotEq",
    "and_": "BitAnd",
    "or_": "BitOr",
    "xor": "BitXor",
    "left_shift": "LShift",
    "right_shift": "RShift",
}


def as_tree(v):
    """The same tuples, from the graph."""
    if isinstance(v, Constant):
        return float(v.data)
    if v.owner is None:
        return v.name
    name = PYTHON.get(
        str(v.owner.op), "MatMult" if v.owner.op.__class__.__name__ == "MatrixProduct" else str(v.owner.op)
    )
    return (name, *map(as_tree, v.owner.inputs))


@checked
@given(graphs())
def test_a_formula_reads_as_its_graph(variable):
    assert as_python(pp(variable)) == as_tree(variable)


ARITHMETIC = [T.add, T.sub, T.mul, T.true_div, T.floor_div, T.mod, T.pow, T.dot]
LOGIC = [T.and_, T.or_, T.xor, T.lt, T.eq]


@st.composite
def operator_trees(draw_from, operators, make):
    """Operators nested in any way, without sharing."""
    leaves = iter("abcdefghijklmnop")

    def tree(depth):
        if depth == 0 or draw_from(st.integers(0, 3)) == 0:
            return make(next(leaves))
        op = draw_from(st.sampled_from([*operators, T.neg if T.add in operators else T.invert]))
        return op(tree(depth - 1)) if op in (T.neg, T.invert) else op(tree(depth - 1), tree(depth - 1))

    return tree(4)


@checked
@given(operator_trees(ARITHMETIC, T.matrix))
def test_arithmetic_is_written_in_pythons_order_of_operators(variable):
    check_parentheses(variable)


@checked
@given(operator_trees(LOGIC, lambda name: T.vector(name, dtype="bool")))
def test_logic_is_written_in_pythons_order_of_operators(variable):
    # comparing bools casts neither
    check_parentheses(variable)


def check_parentheses(variable):
    """The formula reads as the graph, and without any one pair of its parentheses would not."""
    text = pp(variable)
    tree = as_tree(variable)
    assert as_python(text) == tree
    opened = []
    for i, c in enumerate(text):
        if c == "(":
            opened.append(i)
        elif c == ")":
            start = opened.pop()
            without = text[:start] + " " + text[start + 1 : i] + " " + text[i + 1 :]
            if start and text[start - 1].isalnum():
                continue
            try:
                other = as_python(without.strip())
            except (SyntaxError, ValueError):
                continue
            assert other != tree


def test_negative_numbers_are_set_apart_where_that_matters():
    x = T.vector("x")
    base = Constant(np.float32(-2))
    for variable in (T.pow(base, x), x - base, x * base, base * x, T.pow(x, base)):
        assert as_python(pp(variable)) == as_tree(variable)
    assert pp(T.pow(base, x)) == "(-2.0) ** x"


def test_formulas_of_the_usual_operations():
    x, _, _, hidden = layer()
    y = T.ivector("y")
    n = T.lscalar("n")
    cases = {
        hidden: "tanh(x·W + b)",
        x.T: "x.T",
        (x + 1).T: "(x + 1.0).T",
        x.sum(): "sum(x)",
        x.max(axis=0): "max(x, axis=0)",
        x.sum(axis=1, keepdims=True): "sum(x, axis=1)[:, None]",
        T.argmax(x, axis=1): "argmax(x, axis=1)",
        x[n]: "x[n]",
        x[1:n]: "x[1:n]",
        x[:, ::-1]: "x[:, ::-1]",
        x[n:, 0]: "x[n:, 0]",
        x[T.arange(y.shape[0]), y]: "x[arange(y.shape[0]), y]",
        x[:, y]: "x[:, y]",
        T.set_subtensor(x[:n], 0): "set_subtensor(x[:n], 0.0)",
        T.inc_subtensor(x[y], 1): "inc_subtensor(x[y], 1.0)",
        x.reshape((n, -1)): "reshape(x, (n, -1))",
        T.zeros((n,)): "broadcast_to(0.0, (n,))",
        T.cast(y, "float32"): "float32(y)",
        T.switch(x > 0, x, 0): "switch(x > 0.0, x, 0.0)",
        T.concatenate([x, x], axis=1): "join(x, x, axis=1)",
        ~T.eq(y, 1) & (y < 3): "~(y == 1) & (y < 3)",
        abs(x): "abs(x)",
        x * np.array([1.5, 2], "float32"): "x * [1.5, 2.0]",
        T.cumsum(x, axis=0): "cumsum(x, axis=0)",
        T.batched_dot(T.tensor3("p"), T.tensor3("q")): "batched_dot(p, q)",
        T.consider_constant(x): "consider_constant(x)",
    }
    assert {pp(v): text for v, text in cases.items()} == {text: text for text in cases.values()}


def test_floats_are_written_as_briefly_as_their_dtype_allows():
    assert pp(T.vector("x") * 0.1) == "x * 0.1"
    assert pp(T.dvector("x") * 0.1) == "x * 0.1"


def test_variables_of_the_same_name_are_told_apart():
    W, other, third = T.matrix("W"), T.matrix("W"), T.matrix("W_2")
    text = pp(W * other + third)
    names = re.findall(r"\w+", text)
    assert names[0] == "W"
    assert len(set(names)) == 3


def test_a_repeated_expression_is_written_once_under_its_name():
    x, W, _, _ = layer()
    p = T.nnet.softmax(T.dot(x, W))
    p.name = "p"
    text = pp(T.log(p).sum() - p.sum())
    assert text.startswith("sum(log(p)) - sum(p) where p = ")
    assert text.count("exp(") == 1


def test_every_operation_of_the_registry_has_a_formula_and_a_label():
    for entry in REGISTRY.values():
        for sample in entry.samples():
            types = [sample.dtypes[-1] if a.dtype.kind == "f" else a.dtype for a in sample.inputs]
            inputs = [
                TensorType(t, a.shape)(f"x{i}")
                for i, (t, a) in enumerate(zip(types, sample.inputs, strict=True))
            ]
            results = sample.build(*inputs)
            for variable in results if isinstance(results, (list, tuple)) else [results]:
                formula = pp(variable)
                assert formula.count("(") == formula.count(")")
                used = ancestors(variable)
                assert all(v.name in formula for v in inputs if v in used), (entry.name, formula)
                labels = [label_of(v.owner) for v in used if v.owner is not None]
                assert all(0 < len(label) < 40 for label in labels), (entry.name, labels)
                assert not any("{" in text for text in (formula, *labels)), (entry.name, formula)


def test_formulas_of_deep_chains_and_of_much_sharing():
    text = pp(chain(10_000))
    assert text == "tanh(" * 10_000 + "v" + ")" * 10_000
    v = T.vector("v")
    for _ in range(1000):
        v = v * v + v
    assert len(pp(v)) < 100 * 1000


# the layout


@st.composite
def acyclic(draw_from):
    n = draw_from(st.integers(1, 16))
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    for b in range(1, n):
        graph.add_edges_from((a, b) for a in draw_from(st.sets(st.integers(0, b - 1), max_size=3)))
    sizes = {
        v: (draw_from(st.sampled_from([0.4, 0.9, 2.0])), draw_from(st.sampled_from([0.3, 0.5])))
        for v in graph
    }
    return graph, sizes


@checked
@given(acyclic())
def test_boxes_do_not_overlap_and_lines_lead_downwards_from_box_to_box(case):
    graph, sizes = case
    layout = layered_layout(graph, sizes)
    frames = {}
    for box, (x, y) in layout.centres.items():
        (w, h) = sizes[box]
        frames[box] = x - w / 2, y - h / 2, x + w / 2, y + h / 2
        assert frames[box][0] >= -1e-6
        assert frames[box][2] <= layout.width + 1e-6
        assert frames[box][3] <= layout.height + 1e-6
    for a, b in combinations(frames.values(), 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
    assert set(layout.ends) == set(graph.edges)
    on_trunks = {point for trunk in layout.trunks for point in trunk}
    for (before, after), ((x0, y0), (x1, y1)) in layout.ends.items():
        assert y0 < y1
        assert y1 == pytest.approx(frames[after][1])
        assert frames[after][0] <= x1 <= frames[after][2]
        foot = (pytest.approx(layout.centres[before][0]), pytest.approx(frames[before][3]))
        assert (x0, y0) == foot or (x0, y0) in on_trunks
    for trunk in layout.trunks:
        assert all(upper[1] < lower[1] for upper, lower in pairwise(trunk))
        for (x0, y0), (x1, y1) in pairwise(trunk[1:]):
            if x0 == x1:
                for left, top, right, bottom in frames.values():
                    assert not (left < x0 < right and max(top, y0) < min(bottom, y1))


@checked
@given(acyclic())
def test_layers_make_edges_as_short_as_any_layers_do(case):
    graph, _ = case
    assume(graph.number_of_nodes() <= 6)
    n = graph.number_of_nodes()
    lengths = [
        sum(layers[b] - layers[a] for a, b in graph.edges)
        for layers in product(range(n), repeat=n)
        if all(layers[a] < layers[b] for a, b in graph.edges)
    ]
    found = _layers(graph)
    assert all(found[a] < found[b] for a, b in graph.edges)
    assert sum(found[b] - found[a] for a, b in graph.edges) == min(lengths)


def test_twisted_chains_are_untwisted():
    graph = nx.DiGraph()
    graph.add_nodes_from(["a1", "b1", "b2", "a2", "a3", "b3"])
    for name in "ab":
        nx.add_path(graph, [f"{name}1", f"{name}2", f"{name}3"])
    graph.add_edges_from([("a3", "end"), ("b3", "end")])
    layout = layered_layout(graph, dict.fromkeys(graph, (1.0, 0.4)))
    sides = [layout.centres[f"a{i}"][0] < layout.centres[f"b{i}"][0] for i in (1, 2, 3)]
    assert len(set(sides)) == 1


def test_layers_are_sorted_so_that_lines_do_not_cross():
    # in the order in which it is made, the line from d to r crosses those to q
    graph = nx.DiGraph([("a", "p"), ("d", "p"), ("b", "q"), ("c", "q"), ("d", "r")])
    layout = layered_layout(graph, dict.fromkeys(graph, (1.0, 0.4)))
    lines = [(begin[0], tip[0]) for begin, tip in layout.ends.values()]
    assert not [(s, t) for s, t in combinations(lines, 2) if (s[0] - t[0]) * (s[1] - t[1]) < 0]


def test_long_lines_are_straight():
    graph = nx.DiGraph()
    nx.add_path(graph, range(12))
    graph.add_edge("leaf", 1)
    graph.add_edge("leaf", 11)
    layout = layered_layout(graph, dict.fromkeys(graph, (0.8, 0.4)))
    (trunk,) = [t for t in layout.trunks if len(t) > 10]
    assert len({x for x, _ in trunk[1:]}) == 1


# pictures


def texts_of(svg):
    return [e.text for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def overlaps(a, b):
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def test_a_variable_as_png(tmp_path):
    _, _, _, hidden = layer()
    drawing = draw(hidden, tmp_path / "layer.png")
    with Image.open(tmp_path / "layer.png") as image:
        assert image.format == "PNG"
        width, height = image.size
        colours = image.convert("RGB").getcolors(maxcolors=1 << 20)
    inches = drawing.figure.get_size_inches()
    assert (width, height) == pytest.approx(tuple(100 * inches), abs=1.5)
    white = sum(count for count, colour in colours if colour == (255, 255, 255))
    assert 0.3 < white / (width * height) < 0.98
    draw(hidden, tmp_path / "fine.png", dpi=200)
    with Image.open(tmp_path / "fine.png") as image:
        assert image.size == pytest.approx((2 * width, 2 * height), abs=3)


def test_a_variable_as_svg(tmp_path):
    _, _, _, hidden = layer()
    draw(hidden, tmp_path / "layer.svg")
    content = (tmp_path / "layer.svg").read_text()
    assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
    for text in ("x", "W", "b", "dot", "add", "tanh", "float32(4, 3)", "float32(?, 3)"):
        assert f"<!-- {text} -->" in content


def test_a_function_is_drawn_with_its_updates_kinds_and_name():
    texts = texts_of(draw(training_function()).svg())
    for text in ("train", "x", "W", "b", "cost", "new W", "new b", "0.1"):
        assert text in texts
    for kind in ("input", "shared variable", "constant", "operation", "output", "update"):
        assert texts.count(kind) == 1
    assert texts.count("W") == 1
    assert not any(
        "float32" in t for t in texts_of(draw(training_function(), print_type=False).svg()) if t != "float32"
    )


def test_only_the_kinds_that_occur_are_in_the_legend():
    texts = texts_of(draw(T.exp(T.vector("x"))).svg())
    assert "operation" in texts
    assert "update" not in texts
    assert "constant" not in texts


def test_each_kind_has_a_colour_of_its_own():
    drawing = draw(training_function())
    (boxes,) = [c for c in drawing.figure.axes[0].collections if isinstance(c, PatchCollection)]
    assert len(np.unique(boxes.get_facecolor(), axis=0)) == 6
    assert len(boxes.get_facecolor()) == drawing.boxes


def test_operands_out_of_order_are_numbered():
    x, y = T.vector("x"), T.vector("y")
    assert not {"0", "1"} & set(texts_of(draw(x - y).svg()))
    twice = texts_of(draw(x - x).svg())
    assert "0, 1" in twice


def test_boxes_of_a_large_graph_are_legible():
    _, W, b, v = layer()
    for _ in range(6):
        v = T.tanh(T.dot(v, W.T[:3, :3]) + b) * T.nnet.sigmoid(v)
    drawing = draw(T.grad(v.sum(), [W, b]))
    assert 150 <= drawing.boxes <= 400
    renderer = FigureCanvasAgg(drawing.figure).get_renderer()
    labels = [t for t in drawing.figure.axes[0].texts if t.get_fontsize() >= 7]
    assert len(labels) > drawing.boxes
    extents = [t.get_window_extent(renderer) for t in labels]
    assert not [(a, b) for a, b in combinations(extents, 2) if overlaps(a, b)]
    whole = drawing.figure.bbox
    assert all(
        whole.x0 <= e.x0 and e.x1 <= whole.x1 and whole.y0 <= e.y0 and e.y1 <= whole.y1 for e in extents
    )


def test_too_many_boxes_are_refused_with_the_number_to_pass(tmp_path):
    deep = chain(2000)
    with pytest.raises(ValueError, match=r"max_nodes=2002") as error:
        draw(deep, tmp_path / "deep.png")
    assert "2002 boxes" in str(error.value)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="max_nodes=4"):
        draw(T.exp(T.exp(T.vector("x"))), max_nodes=3)


def test_a_very_large_graph_is_drawn_when_asked_for(tmp_path):
    draw(chain(1200), tmp_path / "deep.png", max_nodes=1202)
    with Image.open(tmp_path / "deep.png") as image:
        assert max(image.size) < 2**16
        assert image.convert("L").getextrema() != (255, 255)


def test_a_leaf_and_an_empty_function_are_drawn():
    assert "x" in texts_of(draw(T.vector("x")).svg())
    assert draw(graphlib.function([], [], mode="reference")).boxes == 0


def test_unused_inputs_are_drawn():
    x, y = T.vector("x"), T.vector("unused")
    f = graphlib.function([x, y], T.exp(x), mode="reference", on_unused_input="ignore")
    assert "unused" in texts_of(draw(f).svg())


def test_names_are_drawn_as_they_are():
    name = "$x_1^2$ <b>&amp; "
    assert name.strip() in [t.strip() for t in texts_of(draw(T.exp(T.vector(name))).svg())]


@pytest.mark.parametrize("name", ["graph.jpg", "graph", "graph.png.txt"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.png and \.svg"):
        draw(T.exp(T.vector("x")), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        draw(T.exp(T.vector("x")), tmp_path / "nowhere" / "graph.png")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch, step):
    path = tmp_path / "graph.png"
    draw(T.exp(T.vector("x")), path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"os.{step}", full)
    with pytest.raises(OSError, match="No space"):
        draw(T.tanh(T.vector("y")), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["graph.png"]


def test_pictures_are_reproducible(tmp_path):
    for suffix in ("png", "svg"):
        for name in ("a", "b"):
            draw(training_function(), tmp_path / f"{name}.{suffix}")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_the_users_style_neither_matters_nor_changes(tmp_path):
    _, _, _, hidden = layer()
    draw(hidden, tmp_path / "plain.png")
    with matplotlib.rc_context({"text.usetex": True, "text.color": "red", "font.size": 40, "savefig.dpi": 7}):
        before = dict(matplotlib.rcParams)
        draw(hidden, tmp_path / "styled.png")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


def run(code):
    checkout = str(Path(graphlib.__file__).resolve().parent.parent)
    start = f"import sys; sys.path.insert(0, {checkout!r}); "
    return subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_importing_loads_nothing_for_drawing_and_drawing_no_pyplot():
    loaded = "print(*[m for m in ('matplotlib', 'networkx', 'matplotlib.pyplot') if m in sys.modules])"
    assert run(f"import graphlib.tensor, graphlib.printing; graphlib.printing.debugprint; {loaded}") == []
    drawn = (
        "import graphlib.tensor as T; from graphlib.printing import draw; draw(T.exp(T.vector('x'))).svg()"
    )
    assert run(f"{drawn}; {loaded}") == ["matplotlib", "networkx"]


def test_pydotprint(tmp_path, capsys):
    f = training_function()
    pydotprint(f, outfile=tmp_path / "f.png", var_with_name_simple=True)
    assert str(tmp_path / "f.png") in capsys.readouterr().out
    pydotprint(f, outfile=tmp_path / "g", format="svg", print_output_file=False)
    assert capsys.readouterr().out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.png", "g.svg"]
    assert pydotprint(f).boxes == draw(f).boxes
    with pytest.raises(TypeError, match="colour"):
        pydotprint(f, colour=1)
    with pytest.raises(ValueError, match="max_nodes"):
        pydotprint(f, max_nodes=3)


# notebooks


class Tags(HTMLParser):
    """Checks that tags are balanced; collects texts and the tags seen."""

    VOID = frozenset(["br", "meta"])

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.texts = [], set(), []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_variable_shows_itself_in_a_notebook():
    x, _, _, hidden = layer()
    page = Tags(hidden._repr_html_())
    assert "tanh(x·W + b)" in page.texts
    assert "float32(?, 3)" in page.texts
    assert any("test_printing.py" in text for text in page.texts)
    assert "svg" in page.seen
    leaf = Tags(x._repr_html_())
    assert leaf.texts[0] == "x"
    assert "svg" not in leaf.seen


def test_a_large_graph_is_shown_short_in_a_notebook():
    for variable in (
        chain(10_000),
        chain(300),
        T.stack([T.vector("x")] + [np.ones(2, "float32") * k for k in range(600)]),
    ):
        text = variable._repr_html_()
        assert len(text) < 3000
        assert "svg" not in Tags(text).seen


def test_names_cannot_put_markup_into_a_page():
    name = "<script>alert(1)</script>"
    x = T.vector(name)
    y = T.exp(x)
    y.name = name
    f = graphlib.function([x], y, mode="reference", name=name)
    for shown in (x, y, f):
        page = Tags(shown._repr_html_())
        assert "script" not in page.seen
        assert any(name in text for text in page.texts)


def test_a_function_shows_itself_in_a_notebook():
    f = training_function()
    page = Tags(f._repr_html_())
    assert {"table", "details", "pre"} <= page.seen
    assert "train" in page.texts
    for text in ("input x", "output cost", "update of W", "tanh", "source"):
        assert text in page.texts
    assert f.source in "".join(page.texts)
    assert "profile" not in page.texts


def test_a_profiled_function_shows_its_profile_in_a_notebook():
    f = training_function(profile=True)
    f(np.ones((2, 4), "float32"))
    page = Tags(f._repr_html_())
    assert "profile" in page.texts
    assert str(f.profile) in "".join(page.texts)


def test_methods_of_the_facade():
    assert graphlib.debugprint is debugprint
    assert graphlib.pp is pp
    assert graphlib.draw is draw
    assert callable(Variable._repr_html_)
