"""The engine: merging, folding, names and lines kept, bounded rewriting, errors that name the rule, deep
graphs.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import graphlib.tensor as T
from graphlib.errors import RewriteError, ShapeError
from graphlib.gradient import grad
from graphlib.graph import Constant, toposort
from graphlib.graph.shared import shared
from graphlib.graph.variable import Variable, fixed_origin, user_origin
from graphlib.ops import elementwise as ew
from graphlib.rewrite import RULES, rewrite
from graphlib.rewrite.engine import rewrite_with
from graphlib.rewrite.patterns import Capture, Number, P, number_of
from graphlib.rewrite.rules import Phase, RuleSet
from tests.rewrite import assert_same_values, evaluate, kinds, rewritten

X = np.linspace(-2, 2, 12).reshape(3, 4)


def phase(*patterns, function, once=False):
    rules = RuleSet("test")
    rules.rule("the rule under test", *patterns)(function)
    return Phase(rules, once=once)


# Merging and folding


def test_equal_nodes_become_one():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    results, _ = rewritten([T.exp(x * y) + T.exp(y * x) * T.exp(x * y)], [x, y])
    assert kinds(results) == Counter(mul=1, exp=1, sqr=1, add=1)


def test_equal_constants_become_one():
    x = T.dvector("x")
    results, _ = rewritten([T.tanh(x + np.arange(4.0)) * T.tanh(x + np.arange(4.0))], [x])
    assert kinds(results) == Counter(add=1, tanh=1, sqr=1)


def test_subtraction_is_not_commutative():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    assert_same_values([T.exp(x - y) * T.exp(y - x) + T.exp(x / y) * T.exp(y / x)], [x, y], [X, np.exp(X)])


def test_constants_are_folded():
    x = T.dvector("x")
    results, _ = rewritten([x * T.exp(T.constant(0.0) + 1).sum() ** 2], [x])
    (node,) = toposort(results)
    assert [number_of(v) for v in node.inputs] == [None, pytest.approx(np.e**2)]


def test_folding_does_not_make_large_constants():
    results, _ = rewritten([T.zeros((1000, 1000)), T.arange(10**7), T.alloc(T.constant(2.0), 300, 300)])
    assert kinds(results) == Counter(BroadcastTo=2, ARange=1)


def test_an_index_that_turns_out_to_be_constant_and_out_of_range_is_an_error():
    v = T.constant(np.arange(3.0))[T.constant(np.array([1, 2])) * 3]
    with pytest.raises(ShapeError, match=r"index is out of range for axis 0 \(length 3\).*test_engine"):
        rewrite([v])


# What is kept


def test_results_that_are_inputs_or_constants():
    x, w = T.dmatrix("x"), shared(np.ones(3), "w")
    results, _ = rewritten([x, x * 1, w - 0, T.constant(3.0) * 2, x], [x])
    assert results[0] is x
    assert results[1] is x
    assert results[2] is w
    assert isinstance(results[3], Constant)
    assert results[4] is x


def test_the_graph_that_is_rewritten_stays_as_it_was():
    x = T.dmatrix("x")
    y = T.log(T.nnet.softmax(x * 1 + 0))
    y.name = "y"
    before = [
        (node, node.inputs, [(v.name, v.type, v.origin) for v in node.outputs]) for node in toposort([y])
    ]
    rewritten([y, grad(y.sum(), x)], [x])
    after = [
        (node, node.inputs, [(v.name, v.type, v.origin) for v in node.outputs]) for node in toposort([y])
    ]
    assert before == after


def test_names_and_lines_are_kept():
    x = T.dmatrix("x")
    y = T.log(1 + x)
    y.name = "the logarithm"
    (z,), _ = rewritten([T.exp(y * 2)], [x])
    (log1p,) = (n.outputs[0] for n in toposort([z]) if n.op is ew.log1p)
    assert log1p.name == "the logarithm"
    assert log1p.origin == y.origin
    assert all(v.origin[0] == __file__ for node in toposort([z]) for v in node.outputs)


def test_static_shapes_stay_known():
    w = shared(np.ones((4, 5)), "w", shape=(4, 5))
    x = T.dmatrix("x")
    results, _ = rewritten([w - 0.1 * grad(T.dot(x, w).sum(), w), w - 0.5 * T.dot(x.T, T.dot(x, w))], [x])
    assert [v.type.shape for v in results] == [(4, 5), (4, 5)]


def test_nothing_above_the_inputs_is_looked_at():
    x = T.dmatrix("x")
    middle = T.exp(x)
    results, _ = rewritten([T.log(middle) + middle], [middle])
    assert kinds(results, [middle]) == Counter(log=1, add=1)
    assert middle in {v for node in toposort(results, [middle]) for v in node.inputs}


def test_rewriting_with_nothing_to_do():
    x = T.dmatrix("x")
    y = T.tanh(x)
    results, fired = rewritten([y], [x])
    assert results == [y]
    assert not fired
    assert rewrite([], []) == []


def test_a_fixed_origin_holds_inside_only():
    with fixed_origin(("file.py", 7)):
        assert user_origin() == ("file.py", 7)
    assert user_origin()[0] == __file__


# Rules


def test_rules_have_names_groups_and_functions():
    assert len(RULES) > 80
    assert {rule.group for rule in RULES} == {
        "views", "after gradients", "useless", "softmax", "stabilize", "logarithms", "canonical",
        "before sums", "means", "expand", "specialize",
    }  # fmt: skip
    assert all(rule.name and rule.alternatives for rule in RULES)


def test_patterns_match_commutative_operands_in_both_orders_and_numbers_through_broadcasts():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    a, b = Capture("a"), Capture("b")
    found = []
    once = phase(P.exp(a) * 2 + b, function=lambda a, b: found.append((a, b)))
    for v in (2 * T.exp(x) + y, y + T.exp(x) * T.full_like(x, 2), T.exp(x) * T.constant([[2.0]]) + y):
        rewrite_with([once], [v], [x, y])
    for v in (3 * T.exp(x) + y, 2 * T.exp(x) - y, T.exp(x) + 2 + y):
        rewrite_with([once], [v], [x, y])
    assert found == [(x, y)] * 3


def test_a_name_stands_for_one_variable():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    a = Capture("a")
    found = []
    once = phase(P.maximum(a, P.exp(a)), function=lambda a: found.append(a))
    rewrite_with([once], [T.maximum(x, T.exp(x)), T.maximum(T.exp(y), y), T.maximum(x, T.exp(y))], [x, y])
    assert found == [x, y]


def test_numbers_are_captured():
    x = T.dmatrix("x")
    (result,) = rewrite_with(
        [phase(P.pow(Capture("x"), Number(name="c")), function=lambda x, c: x * float(c))], [x**5], [x]
    )
    assert_same_values([result], [x], [X])
    assert evaluate([result], [x], [X])[0] == pytest.approx(X * 5)


def test_a_replacement_is_broadcast_to_the_shape_of_what_it_replaces():
    x, s = T.dmatrix("x"), T.dscalar("s")
    (result,) = rewrite_with([phase(x_times_s(), function=lambda s: s)], [T.exp(x) * s], [x, s])
    np.testing.assert_array_equal(evaluate([result], [x, s], [X, np.asarray(7.0)])[0], np.full((3, 4), 7.0))


def x_times_s():
    return Capture("x") * Capture("s", lambda v: v.ndim == 0)


def test_a_rule_that_raises_is_named_with_the_node():
    x = T.dmatrix("x")
    with pytest.raises(
        RewriteError, match=r"'the rule under test' failed on exp\(x\).*test_engine.*no such thing"
    ) as error:
        rewrite_with([phase(P.exp(Capture("x")), function=lambda x: {}["no such thing"])], [T.exp(x)], [x])
    assert isinstance(error.value.__cause__, KeyError)


@pytest.mark.parametrize(
    "wrong", [lambda x: ew.cast(x, "float32"), lambda x: x.dimshuffle(0, 1, "x"), lambda x: x[:2]]
)
def test_a_replacement_of_another_type_is_refused(wrong):
    x = T.specify_shape(T.dmatrix("x"), (3, 4))
    with pytest.raises(RewriteError, match="the rule under test"):
        rewrite_with([phase(P.exp(Capture("x")), function=wrong)], [T.exp(x)], [])


def test_rules_that_undo_one_another_are_named():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    rules = RuleSet("test")
    rules.rule("plus to minus", Capture("a") + (-Capture("b")))(lambda a, b: a - b)
    rules.rule("minus to plus", Capture("a") - Capture("b"))(lambda a, b: a + (-b))
    with pytest.raises(
        RewriteError, match=r"'plus to minus', 'minus to plus'|'minus to plus', 'plus to minus'"
    ):
        rewrite_with([Phase(rules)], [x - y], [x, y])


def test_rewriting_without_end_is_stopped_and_the_rule_named():
    x = T.dmatrix("x")
    endless = phase(P.exp(Capture("x")), function=lambda x: T.exp(x + 1))
    with pytest.raises(RewriteError, match=r"does not come to an end.*'the rule under test' \(\d+ times\)"):
        rewrite_with([endless], [T.exp(x)], [x])


# Large graphs: nothing recurses, and rules are applied a number of times that grows with the nodes


def chain(length, step):
    x = T.dmatrix("x")
    v: Variable = x
    for k in range(length):
        v = step(v, x, k)
    return x, v


CHAINS = {
    "tanh": lambda v, x, k: T.tanh(v),
    "scale": lambda v, x, k: v * 1.0001,
    "shift": lambda v, x, k: T.tanh(v) * 0.5 + x,
    "identity": lambda v, x, k: (v + 0) * 1,
    "negation": lambda v, x, k: -v,
    "transpose": lambda v, x, k: T.sin(v.T),
    "sum": lambda v, x, k: v + T.sin(x + k),
    "join": lambda v, x, k: T.concatenate([v, x]),
    "part": lambda v, x, k: T.tanh(v[: x.shape[0]]),
    "quotient": lambda v, x, k: v / (2 + T.sin(x + k)),
}


@pytest.mark.parametrize("name", CHAINS)
def test_long_chains(name):
    counts = []
    for length in (200, 2000):
        x, v = chain(length, CHAINS[name])
        (result,), fired = rewritten([v], [x])
        counts.append(fired.total())
        if length == 200:
            np.testing.assert_allclose(evaluate([result], [x], [X]), evaluate([v], [x], [X]), rtol=1e-9)
    assert counts[1] <= 11 * max(counts[0], 10)


def test_the_gradient_of_a_long_chain():
    x, v = chain(500, CHAINS["shift"])
    (result,), _ = rewritten([grad(v.sum(), x)], [x])
    np.testing.assert_allclose(
        evaluate([result], [x], [X]), evaluate([grad(v.sum(), x)], [x], [X]), rtol=1e-9
    )


def test_a_chain_of_ten_thousand_nodes():
    x, v = chain(10_000, CHAINS["tanh"])
    (result,), _ = rewritten([v - 0], [x])
    assert kinds([result]) == Counter(tanh=10_000)


def test_the_length_of_a_long_join():
    x, v = chain(1000, CHAINS["join"])
    (result,), _ = rewritten([v.shape[0] + T.exp(v[1:-1]).shape[0]], [x])
    assert evaluate([result], [x], [X]) == [3003 + 3001]
    assert not {"Join", "exp"} & set(kinds([result]))


def test_a_sum_of_many_products():
    w = shared(np.eye(4), "w")
    x = T.dmatrix("x")
    v = w
    for k in range(100):
        v = v - 0.001 * T.dot(x.T, x + float(k))
    (result,), _ = rewritten([v], [x])
    assert kinds([result])["Gemm"] == 100
    assert_same_values([v], [x], [X])
