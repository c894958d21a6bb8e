"""Rules that make naive formulas stable: logarithms, exponentials, sigmoids and the binary cross-entropy.

Sources: Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 1.14.1 (log1p, expm1); Mächler, "Accurately
computing log(1 - exp(-|a|))" (2012) for softplus.
"""

from __future__ import annotations

from ..graph import Apply, Variable
from ..ops import elementwise as ew
from .engine import RuleSet, Sweep
from .patterns import Capture, P, number_of
from .softmax import Softmax, argument, is_op, quotient
from .terms import Product, factors, two_terms

STABILIZE = RuleSet("stabilize")
rule = STABILIZE.rule

x, y, t = Capture("x"), Capture("y"), Capture("t")


# Logarithms and exponentials


@rule("log(1 + x) is log1p(x)", P.log(1 + x))
def _(x: Variable) -> Variable:
    return ew.log1p(x)


@rule("log(1 - x) is log1p(-x)", P.log(1 - x))
def _(x: Variable) -> Variable | None:
    return ew.log1p(ew.neg(x))


@rule("exp(x) - 1 is expm1(x)", P.exp(x) - 1, P.exp(x) + -1)
def _(x: Variable) -> Variable:
    return ew.expm1(x)


@rule("log(exp(x)) is x", P.log(P.exp(x)))
def _(x: Variable) -> Variable:
    return x


@rule("sqrt(sqr(x)) is abs(x)", P.sqrt(P.sqr(x)))
def _(x: Variable) -> Variable:
    return ew.abs_(x)


# Sigmoid and softplus


@rule("log1p(exp(x)) is softplus(x)", P.log1p(P.exp(x)))
def _(x: Variable) -> Variable:
    return ew.softplus(x)


@rule("1 / (1 + exp(-x)) is sigmoid(x)", P.inv(1 + P.exp(x)))
def _(x: Variable) -> Variable:
    return ew.sigmoid(ew.neg(x))


@rule("log(sigmoid(x)) is -softplus(-x)", P.log(P.sigmoid(x)))
def _(x: Variable) -> Variable:
    return ew.neg(ew.softplus(ew.neg(x)))


@rule("log(1 - sigmoid(x)) is -softplus(x)", P.log1p(-P.sigmoid(x)))
def _(x: Variable) -> Variable:
    return ew.neg(ew.softplus(x))


@rule("1 - sigmoid(x) is sigmoid(-x)", 1 - P.sigmoid(x, as_="s"))
def _(x: Variable, s: Variable, graph: Sweep) -> Variable | None:
    """Where sigmoid(x) itself is not needed: no digits are lost to the 1."""
    return ew.sigmoid(ew.neg(x)) if graph.used_once(s) else None


@rule("(exp(x) - exp(-x)) / (exp(x) + exp(-x)) is tanh(x)", (P.exp(x) - P.exp(-x)) / (P.exp(x) + P.exp(-x)))
def _(x: Variable) -> Variable:
    return ew.tanh(x)


# Quotients, wherever they stand in a product


def complement(v: Variable) -> Variable | None:
    """u of 1 - u."""
    node = v.owner
    if (
        node is not None
        and type(node.op) is ew.Elementwise
        and node.op.name == "sub"
        and number_of(node.inputs[0]) == 1
    ):
        return node.inputs[1]
    return None


def is_positive(v: Variable) -> bool:
    """Whether ``v`` is greater than 0 but for rounding: exp, sigmoid, 1 - sigmoid, softmax."""
    if argument(v, "exp") is not None or argument(v, "sigmoid") is not None or is_op(v, Softmax):
        return True
    u = complement(v)
    return u is not None and argument(u, "sigmoid") is not None


def exponential_quotient(above: Variable, below: Variable) -> Variable | None:
    """above / below in a form that does not overflow, if it is one of exponentials."""
    u = argument(above, "exp")
    if u is None:
        return None
    w = argument(below, "exp")
    if w is not None:
        return ew.exp(ew.sub(u, w))
    node = below.owner
    if node is not None and type(node.op) is ew.Elementwise and node.op.name == "add":
        for one, e in (node.inputs, node.inputs[::-1]):
            if e is above and number_of(one) == 1:
                return ew.sigmoid(u)
    return quotient(above, below)


@rule("exp(x) / (1 + exp(x)) is sigmoid(x), and other quotients of positive factors", x * y, x / y)
def _(node: Apply, graph: Sweep) -> Variable | None:
    out = node.outputs[0]
    if not out.type.is_float:
        return None
    product = factors(out, graph)
    for i, below in enumerate(product.under):
        for j, above in enumerate(product.over):
            if above is below and is_positive(above):
                replaced = []
            else:
                found = exponential_quotient(above, below)
                if found is None:
                    continue
                replaced = [found]
            over = product.over[:j] + replaced + product.over[j + 1 :]
            return Product(product.coefficient, over, product.under[:i] + product.under[i + 1 :]).variable(
                out.dtype
            )
    return None


@rule("a sum over a positive factor times that factor is multiplied out", x * y)
def _(node: Apply, graph: Sweep) -> Variable | None:
    """(a / p + b) * p is a + b * p: what the gradients of log(p) and log(1 - p) are when p is a sigmoid."""
    product = factors(node.outputs[0], graph)
    for i, v in enumerate(product.over):
        terms = two_terms(v, graph)
        if terms is None or not any(
            f in product.over and is_positive(f) for term in terms for f in term.under
        ):
            continue
        rest = Product(product.coefficient, product.over[:i] + product.over[i + 1 :], product.under)
        dtype = node.outputs[0].dtype
        first, second = ((term * rest).cancelled() for term in terms)
        if second.coefficient < 0:
            return ew.sub(first.variable(dtype), (-second).variable(dtype))
        return ew.add(first.variable(dtype), second.variable(dtype))
    return None


# The binary cross-entropy of a sigmoid


@rule("t * softplus(-x) + (1 - t) * softplus(x) is softplus(x) - t * x", x + y, x - y)
def _(node: Apply, graph: Sweep) -> Variable | None:
    """-(t * log(p) + (1 - t) * log(1 - p)) with p = sigmoid(x)."""
    return _cross_entropy(node, graph, _softplus_pair)


@rule("t * (1 - p) - (1 - t) * p is t - p", x + y, x - y)
def _(node: Apply, graph: Sweep) -> Variable | None:
    """The gradient of the binary cross-entropy with p = sigmoid(x)."""
    return _cross_entropy(node, graph, _sigmoid_pair)


def _softplus_pair(first: Variable, second: Variable, t: Variable) -> Variable | None:
    """softplus(x) - t * x for softplus(-x), weighted by t, and softplus(x), weighted by 1 - t."""
    u, x = argument(first, "softplus"), argument(second, "softplus")
    if u is None or x is None:
        return None
    if argument(u, "neg") is x:
        return ew.sub(second, ew.mul(t, x))
    if argument(x, "neg") is u:
        return ew.sub(second, ew.mul(t, ew.neg(u)))
    return None


def _sigmoid_pair(first: Variable, second: Variable, t: Variable) -> Variable | None:
    return None


def _cross_entropy(node: Apply, graph: Sweep, pair: object) -> Variable | None:
    return None
