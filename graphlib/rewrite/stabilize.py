"""Rules that make naive formulas stable: logarithms, exponentials, sigmoids and the binary cross-entropy.

Sources: Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 1.14.1 (log1p, expm1);
Mächler, "Accurately computing log(1 - exp(-|a|))" (2012) for softplus.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from ..graph import Apply, Variable
from ..ops import elementwise as ew
from .algebra import Product, factors, two_terms
from .engine import Sweep
from .logarithms import is_positive
from .patterns import Capture, P, number_of
from .rules import RuleSet
from .softmax import Softmax, argument, is_op, quotient

Together = Callable[[Variable, Variable, Variable], Variable | None]

STABILIZE = RuleSet("stabilize")
rule = STABILIZE.rule

x = Capture("x")


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


@rule("1 / (1 + exp(-x)) is sigmoid(x)", P.inv(1 + P.exp(x)), 1 / (1 + P.exp(x)))
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


@rule("exp(-softplus(x)) is sigmoid(-x)", P.exp(-P.softplus(x)))
def _(x: Variable) -> Variable:
    return ew.sigmoid(ew.neg(x))


@rule(
    "(1 + tanh(x)) / 2 is sigmoid(2 x)",
    0.5 * (1 + P.tanh(x)),
    (1 + P.tanh(x)) / 2,
    0.5 * P.tanh(x) + 0.5,
    P.tanh(x) / 2 + 0.5,
)
def _(x: Variable) -> Variable:
    return ew.sigmoid(ew.mul(2, x))


@rule("(1 - tanh(x)) / 2 is sigmoid(-2 x)", 0.5 * (1 - P.tanh(x)), (1 - P.tanh(x)) / 2)
def _(x: Variable) -> Variable:
    return ew.sigmoid(ew.mul(-2, x))


@rule("log(1 + tanh(x)) is log(2) - softplus(-2 x)", P.log1p(P.tanh(x)))
def _(x: Variable) -> Variable:
    return ew.sub(math.log(2), ew.softplus(ew.mul(-2, x)))


@rule("log(1 - tanh(x)) is log(2) - softplus(2 x)", P.log1p(-P.tanh(x)))
def _(x: Variable) -> Variable:
    return ew.sub(math.log(2), ew.softplus(ew.mul(2, x)))


@rule(
    "log(1 - tanh(x) ** 2) is that of 1 + tanh(x) and that of 1 - tanh(x)",
    P.log1p(-P.sqr(P.tanh(x))),
    P.log1p(-P.pow(P.tanh(x), 2)),
    P.log1p(-(P.tanh(x) * P.tanh(x))),
)
def _(x: Variable) -> Variable:
    """The logarithm of the derivative of tanh, as in the density of a squashed normal variable."""
    t = ew.tanh(x)
    return ew.add(ew.log1p(t), ew.log1p(ew.neg(t)))


@rule("log(1 - exp(x)) is log1mexp(x)", P.log1p(-P.exp(x)))
def _(x: Variable) -> Variable:
    return ew.log1mexp(x)


# The error function


@rule("log(erfc(x)) is log_erfc(x)", P.log(P.erfc(x)))
def _(x: Variable) -> Variable:
    return ew.log_erfc(x)


@rule("log(1 - erf(x)) is log_erfc(x)", P.log1p(-P.erf(x)))
def _(x: Variable) -> Variable:
    return ew.log_erfc(x)


@rule("log(1 + erf(x)) is log_erfc(-x)", P.log1p(P.erf(x)))
def _(x: Variable) -> Variable:
    return ew.log_erfc(ew.neg(x))


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


def exponential_quotient(above: Variable, below: Variable, graph: Sweep) -> Variable | None:
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
                minus = argument(u, "neg")
                minus = graph.find(ew.neg, u) if minus is None else minus
                known = None if minus is None else graph.find(ew.sigmoid, minus)
                return ew.sigmoid(u) if known is None else ew.sub(1, known)
    return quotient(above, below)


@rule("exp(x) / (1 + exp(x)) is sigmoid(x), and other quotients of positive factors", P.mul(), P.true_div())
def _(node: Apply, graph: Sweep) -> Variable | None:
    out = node.outputs[0]
    if not out.type.is_float:
        return None
    product = factors(out, graph)
    for i, below in enumerate(product.under):
        for j, above in enumerate(product.over):
            # exp(x) / exp(x) alone is NaN where x is: exp(x - x)
            alone = len(product.over) + len(product.under) == 2 and argument(above, "exp") is not None
            if above is below and is_positive(above) and not alone:
                found = ()
            else:
                whole = exponential_quotient(above, below, graph)
                if whole is None:
                    continue
                found = (whole,)
            over = (*product.over[:j], *found, *product.over[j + 1 :])
            rest = Product(product.coefficient, over, product.under[:i] + product.under[i + 1 :])
            return rest.variable(out.dtype)
    return None


@rule("exp(x) * sigmoid(-x) is sigmoid(x)", P.mul())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """What is left of exp(x) / (1 + exp(x)) where 1 / (1 + exp(x)) has become a sigmoid."""
    out = node.outputs[0]
    product = factors(out, graph)
    exps, sigmoids = ([v for v in product.over if argument(v, f) is not None] for f in ("exp", "sigmoid"))
    for a, b in itertools.product(exps, sigmoids):
        u = a.owner.inputs[0]
        if _opposite(u, b.owner.inputs[0]):
            return (product.without(a, b) * ew.sigmoid(u)).variable(out.dtype)
    return None


@rule("a sum over a positive factor times that factor is multiplied out", P.mul())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """(a / p + b) * p is a + b * p: what the gradients of log(p) and log(1 - p) are when p is a sigmoid."""
    product = factors(node.outputs[0], graph)
    for v in product.over:
        terms = two_terms(v, graph)
        below = [f for term in terms for f in term.under] if terms is not None else ()
        # the gradients of softmax are recognised as a whole
        if any(f in product.over and is_positive(f) and not is_op(f, Softmax) for f in below):
            rest = product.without(v)
            return sum_of([(term * rest).cancelled() for term in terms], node.outputs[0].dtype)
    return None


@rule("0 or a quotient by a positive factor, times that factor, is 0 or multiplied out", P.mul())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """switch(c, 0, a / p) * p is switch(c, 0, a): the gradient of xlogy0(a, p) where p is a sigmoid."""
    out = node.outputs[0]
    product = factors(out, graph)
    for v in product.over:
        if not is_op(v, ew.Elementwise) or v.owner.op.name != "switch":
            continue
        condition, *branches = v.owner.inputs
        zeros = [number_of(b) == 0 for b in branches]
        if zeros not in ([True, False], [False, True]):
            continue
        quotient = factors(branches[zeros.index(False)], graph)
        if any(f in product.over and is_positive(f) for f in quotient.under):
            whole = (quotient * product.without(v)).cancelled().variable(out.dtype)
            return ew.switch(
                condition, *(b if zero else whole for b, zero in zip(branches, zeros, strict=True))
            )
    return None


def sum_of(products: list[Product], dtype: str) -> Variable:
    first, second = products
    if second.coefficient < 0:
        return ew.sub(first.variable(dtype), (-second).variable(dtype))
    return ew.add(first.variable(dtype), second.variable(dtype))


# The binary cross-entropy of a sigmoid, and its gradient: sums weighted by t and 1 - t


@rule("t * softplus(-x) + (1 - t) * softplus(x) is softplus(x) - t * x", P.add(), P.sub())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """-(t * log(p) + (1 - t) * log(1 - p)) with p = sigmoid(x)."""

    def together(weight: Variable, f: Variable, g: Variable) -> Variable | None:
        minus, x = argument(f, "softplus"), argument(g, "softplus")
        if minus is None or x is None or not _opposite(minus, x):
            return None
        return ew.sub(g, ew.mul(weight, x))

    return _weighted(node, graph, together, 1)


@rule("t * (1 - p) - (1 - t) * p is t - p", P.add(), P.sub())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """The gradient of the binary cross-entropy by x, with p = sigmoid(x)."""

    def together(weight: Variable, f: Variable, g: Variable) -> Variable | None:
        x = argument(g, "sigmoid")
        if x is None:
            return None
        minus = argument(f, "sigmoid")
        if complement(f) is not g and (minus is None or not _opposite(minus, x)):
            return None
        return ew.sub(weight, g)

    return _weighted(node, graph, together, -1)


@rule("w * sigmoid(x) - w * t is w * (sigmoid(x) - t)", P.add(), P.sub())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """The gradient of w * (softplus(x) - t * x)."""
    out = node.outputs[0]
    terms = two_terms(out, graph)
    if terms is None:
        return None
    for first, second in (terms, terms[::-1]):
        for p in first.over:
            if argument(p, "sigmoid") is None or len(first.over) + len(first.under) == 1:
                continue
            weight = first.without(p)
            for t in second.over:
                if weight == -second.without(t):
                    return (weight * ew.sub(p, t)).variable(out.dtype)
    return None


def _opposite(a: Variable, b: Variable) -> bool:
    return argument(a, "neg") is b or argument(b, "neg") is a


def _weighted(node: Apply, graph: Sweep, together: Together, sign: int) -> Variable | None:
    """a * (w * f + sign * (1 - w) * g) as a * together(w, f, g), where that is not None."""
    out = node.outputs[0]
    terms = two_terms(out, graph)
    if terms is None:
        return None
    for first, second in (terms, terms[::-1]):
        for v, w in itertools.product(first.over, second.over):
            if complement(w) is not v and complement(v) is not w:
                continue
            one, two = first.without(v), second.without(w)
            for f, g in itertools.product(one.over, two.over):
                a, b = one.without(f), two.without(g)
                whole = together(v, f, g) if a == Product(sign) * b else None
                if whole is not None:
                    return (a * whole).variable(out.dtype)
    return None
