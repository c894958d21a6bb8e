r"""Computes formulas that are written in TeX, so that a test can hold them against numbers.

A formula is read as a reader does: letters are values, letters side by side are a product, a function without
parentheses takes the factor behind it, a sum all that is multiplied behind it. In ``y_{ij} = \sum_k x_{ik}``
the letters i and j run over the whole array y, and k over the axes of x in which it stands; what is beyond an
array's ends is 0. ``\text{with } a_i = \dots`` defines a letter. What is behind ``\quad (`` is a remark.
Numbers are mpmath's, of 30 digits; matrices without indices are arrays.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import mpmath
import numpy as np

mpmath.mp.dps = 30

_TOKEN = re.compile(
    r"\\(?:begin|end)\{\w+\}|\\text\{[^}]*\}|\\(?:operatorname|mathrm)\{[^}]*\}|\\[A-Za-z]+|\\\\|\\.|\d+\.?\d*|\S"
)
#: what only makes a formula look better
_LOOKS = {"\\,", "\\;", "\\!", "\\ ", "\\quad", "\\allowbreak", "\\left", "\\right", "\\Bigl", "\\Bigr"}
_RELATIONS = {"=": "==", "<": "<", ">": ">", "\\ne": "!=", "\\le": "<=", "\\ge": ">="}
_COMPARE = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
_FUNCTIONS = {
    **{f"\\{name}": getattr(mpmath, name) for name in "ln sin cos tan sinh cosh tanh exp".split()},
    **{f"\\arc{name}": getattr(mpmath, f"a{name}") for name in ("sin", "cos", "tan")},
    "\\operatorname{sgn}": mpmath.sign,
    "\\operatorname{erf}": mpmath.erf,
    "\\operatorname{erfc}": mpmath.erfc,
    "\\operatorname{atan2}": mpmath.atan2,
    "\\Gamma": mpmath.gamma,
    "\\sigma": lambda x: 1 / (1 + mpmath.exp(-x)),
    "\\max": max,
    "\\min": min,
    "\\det": np.linalg.det,
    "\\operatorname{diag}": np.diag,
    "\\operatorname{Re}": mpmath.re,
    "\\operatorname{Im}": mpmath.im,
    "\\bar": mpmath.conj,
    "\\arg": mpmath.arg,
    "\\lnot": lambda x: not x if isinstance(x, bool) else ~x,
}
_LOGICAL = {"\\land": lambda a, b: a & b, "\\lor": lambda a, b: a | b, "\\oplus": lambda a, b: a ^ b}
_OVER = {
    "\\sum": sum,
    "\\prod": mpmath.fprod,
    "\\max": max,
    "\\min": min,
    "\\bigwedge": all,
    "\\bigvee": any,
    "\\operatorname{arg\\,max}": lambda values: values.index(max(values)),
    "\\operatorname{arg\\,min}": lambda values: values.index(min(values)),
}
_CONSTANTS = {"\\pi": mpmath.pi, "\\infty": mpmath.inf, "\\mathrm{i}": mpmath.j}
_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil"}

Node = tuple


class TexError(ValueError):
    """Something in a formula that this does not understand."""


class _Reader:
    """A formula as a tree of tuples: what it is, and of what."""

    def __init__(self, text: str):
        self.tokens = [token for token in _TOKEN.findall(text) if token not in _LOOKS]
        self.place = 0

    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.next()
        if not token or (wanted and token not in wanted):
            raise TexError(f"{token or 'the end'} where {' or '.join(wanted) or 'more'} is expected")
        self.place += 1
        return token

    def found(self, *tokens: str) -> str:
        return self.take() if self.next() in tokens and self.next() else ""

    def statement(self) -> Node:
        """An equation, or a value."""
        left = self.relation()
        while relation := self.found(*_RELATIONS):
            left = (_RELATIONS[relation], left, self.relation())
        return left

    def relation(self) -> Node:
        left = self.sum()
        while operator := self.found(*_LOGICAL):
            left = ("logical", operator, left, self.sum())
        if self.found("\\text{ is NaN}"):
            return ("nan", left)
        return left

    def sum(self) -> Node:
        sign = self.found("-", "+", "\\pm")
        left = self.product()
        left = {"-": ("*", ("number", -1), left), "\\pm": ("pm", left)}.get(sign, left)
        while operator := self.found("+", "-"):
            left = (operator, left, self.product())
        return left

    def product(self) -> Node:
        left = self.factor()
        while self._begins_factor() or self.next() == "/":
            left = ("/" if self.found("/") else "*", left, self.factor())
        return left

    def _begins_factor(self) -> bool:
        token = self.next()
        if token in ("(", "[", "{", "\\frac", "\\sqrt", "\\int", "\\lfloor", "\\lceil", "\\begin{cases}"):
            return True
        if token in _FUNCTIONS or token in _OVER or token in _CONSTANTS:
            return True
        return self._is_name(token) or token[:1].isdigit()

    @staticmethod
    def _is_name(token: str) -> bool:
        greek = re.fullmatch(r"\\(alpha|beta|gamma|varepsilon|mu|phi|psi)", token)
        return token.isalpha() or greek is not None or token.startswith("\\mathrm")

    def factor(self) -> Node:
        value = self.base()
        while mark := self.found("^", "!", "'"):
            if mark == "!":
                value = ("call", "!", value)
            elif mark == "'":
                value = ("prime", value)
            elif self.found("\\top"):
                value = ("transpose", value)
            else:
                value = ("^", value, self.group())
        return value

    def group(self) -> Node:
        """What is in braces, or one token."""
        if self.next() == "{":
            return self.between()
        token = self.take()
        if token[0].isdigit():
            self.tokens.insert(self.place, token[1:]) if len(token) > 1 else None
            return ("number", int(token[0]))
        return ("number", _CONSTANTS[token]) if token in _CONSTANTS else ("name", token)

    def between(self) -> Node:
        """What is in brackets of some kind; several things with commas between them are a list."""
        closing = _CLOSING[self.take()]
        inside = [self.statement()]
        while self.found(","):
            inside.append(self.statement())
        self.take(closing)
        return inside[0] if len(inside) == 1 else ("list", *inside)

    def base(self) -> Node:
        token = self.next()
        if token in ("(", "{"):
            return self.between()
        if token == "[":
            return ("indicator", self.between())
        if token in ("|", "\\lfloor", "\\lceil"):
            return ("call", token, self.between())
        self.take()
        if token[0].isdigit():
            return ("number", mpmath.mpf(token))
        if token == "\\begin{cases}":
            return self.cases()
        if token == "\\frac":
            return self.fraction()
        if token == "\\sqrt":
            return ("call", token, self.group())
        if token == "\\int":
            return self.integral()
        if token == "\\log":
            self.take("_")
            base = self.group()
            return ("/", ("call", "\\ln", self.argument()), ("call", "\\ln", base))
        if token in _OVER and self.next() == "_":
            return self.over(token)
        if token in _FUNCTIONS:
            return ("call", token, self.argument())
        if token in _CONSTANTS:
            return ("number", _CONSTANTS[token])
        if self._is_name(token):
            name = re.sub(r"\\mathrm\{([^}]*)\}|\\", r"\1", token).replace("\\_", "_")
            return ("at", name, *self.subscripts()) if self.found("_") else ("name", name)
        raise TexError(f"what is {token}?")

    def argument(self) -> Node:
        """Of a function: what is in parentheses, or the factor behind it."""
        return self.between() if self.next() == "(" else self.factor()

    def fraction(self) -> Node:
        start = self.place
        if self.tokens[start + 1] == "d":  # d/dx or d²/dx², of the product behind it
            order = int(self.tokens[start + 3]) if self.tokens[start + 2] == "^" else 1
            self.place = self.tokens.index("}", start)
            self.take("}")
            self.take("{")
            self.take("d")
            variable = self.take()
            if order > 1:
                self.take("^")
                self.take(str(order))
            self.take("}")
            return ("derivative", variable, order, self.product())
        return ("/", self.group(), self.group())

    def integral(self) -> Node:
        self.take("_")
        low = self.group()
        self.take("^")
        high = self.group()
        inside = self.place
        end = max(i for i, token in enumerate(self.tokens) if token == "d" and i > inside)
        variable = self.tokens[end + 1]
        rest, self.tokens = self.tokens[end + 2 :], self.tokens[:end]
        body = self.sum()
        self.tokens, self.place = [*self.tokens, *rest], end
        return ("integral", variable, low, high, body)

    def over(self, operation: str) -> Node:
        self.take("_")
        if self.next() != "{":
            letters, condition, upper = [self.take()], None, None
        else:
            self.take("{")
            condition = self.statement()
            letters = [condition[1] if condition[0] == "name" else condition[1][1]]
            while self.found(","):
                letters.append(self.take())
            self.take("}")
            condition = None if condition[0] == "name" else condition
            upper = self.group() if self.found("^") else None
        return ("over", operation, letters, condition, upper, self.product())

    def cases(self) -> Node:
        rows = []
        while not self.found("\\end{cases}"):
            value = self.statement()
            self.take("&")
            words = self.next()
            rows.append((value, ("words", self.take()) if words.startswith("\\text") else self.statement()))
            self.found("\\\\")
        return ("cases", *rows)

    def subscripts(self) -> list[Node]:
        """Indices: letters side by side are an index each."""
        if self.next() != "{":
            return [self.group()]
        self.take("{")
        found: list[Node] = []
        while True:
            start = self.place
            while self._is_name(self.next()) and self.next() != "_":
                self.place += 1
            letters = self.tokens[start : self.place]
            if letters and self.next() in (",", "}"):
                found += [("name", letter) for letter in letters]
            else:
                self.place = start
                found.append(self.statement())
            if self.take(",", "}") == "}":
                return found


def _nodes(tree: Any) -> Iterator[Node]:
    if isinstance(tree, (tuple, list)):
        if tree and isinstance(tree, tuple):
            yield tree
        for each in tree:
            yield from _nodes(each)


class _Values:
    """Trees' values, where letters have those of `known`."""

    def __init__(self, known: Mapping[str, Any], trees: list[Node]):
        self.known = dict(known)
        self.defined: dict[str, tuple[list[str], Node]] = {}
        self.lengths: dict[str, int] = {}
        for node in _nodes(trees):
            if node[0] == "at" and isinstance(self.known.get(node[1]), np.ndarray):
                for axis, index in enumerate(node[2:]):
                    if index[0] == "name" and index[1] not in self.known:
                        self.lengths.setdefault(index[1], self.known[node[1]].shape[axis])

    def of(self, node: Node, **local: Any) -> Any:
        kind, *parts = node
        if kind in _COMPARE:
            left, right = (self.of(each, **local) for each in parts)
            if isinstance(right, set):
                return left in right
            return _COMPARE[kind](left, right)
        if kind in ("+", "-", "*", "/"):
            left, right = (self.of(each, **local) for each in parts)
            if kind == "*":
                arrays = isinstance(left, np.ndarray) and isinstance(right, np.ndarray)
                return left @ right if arrays else left * right
            if kind == "/":
                return left / right if isinstance(left, np.ndarray) else mpmath.mpf(left) / right
            return left + right if kind == "+" else left - right
        return getattr(self, f"_{_METHODS.get(kind, kind)}")(parts, local)

    def _number(self, parts: list, local: dict) -> Any:
        return parts[0]

    def _name(self, parts: list, local: dict) -> Any:
        name = parts[0]
        if name in local:
            return local[name]
        if name == "e":
            return mpmath.e
        if name not in self.known:
            raise TexError(f"nobody says what {name} is")
        return self.known[name]

    def _at(self, parts: list, local: dict) -> Any:
        name = parts[0]
        indices = [int(self.of(each, **local)) for each in parts[1:]]
        if name in self.defined:
            letters, body = self.defined[name]
            return self.of(body, **{**local, **dict(zip(letters, indices, strict=True))})
        array = self._name([name], local)
        if array.ndim != len(indices):
            raise TexError(f"{name} has {array.ndim} axes, and is written with {len(indices)} indices")
        inside = all(0 <= i < n for i, n in zip(indices, array.shape, strict=True))
        value = array[tuple(indices)] if inside else 0
        return value if isinstance(value, int) else _exact(value)

    def _call(self, parts: list, local: dict) -> Any:
        name, argument = parts
        value = self.of(argument, **local)
        if name in ("\\max", "\\min") or isinstance(value, list):
            return _FUNCTIONS[name](*value)
        if name in ("|", "\\sqrt", "!", "\\lfloor", "\\lceil"):
            return {
                "|": abs,
                "\\sqrt": mpmath.sqrt,
                "!": mpmath.factorial,
                "\\lfloor": mpmath.floor,
                "\\lceil": mpmath.ceil,
            }[name](value)
        return _FUNCTIONS[name](value)

    def _power(self, parts: list, local: dict) -> Any:
        base, exponent = (self.of(each, **local) for each in parts)
        if isinstance(base, np.ndarray):
            return np.linalg.matrix_power(base, int(exponent))
        return mpmath.mpf(base) ** exponent if isinstance(base, int) else base**exponent

    def _transpose(self, parts: list, local: dict) -> Any:
        return self.of(parts[0], **local).T

    def _list(self, parts: list, local: dict) -> list:
        return [self.of(each, **local) for each in parts]

    def _pm(self, parts: list, local: dict) -> set:
        value = self.of(parts[0], **local)
        return {value, -value}

    def _nan(self, parts: list, local: dict) -> bool:
        return bool(mpmath.isnan(self.of(parts[0], **local)))

    def _indicator(self, parts: list, local: dict) -> int:
        return int(self.of(parts[0], **local))

    def _logical(self, parts: list, local: dict) -> Any:
        return _LOGICAL[parts[0]](*(self.of(each, **local) for each in parts[1:]))

    def _words(self, parts: list, local: dict) -> bool:
        words = re.fullmatch(r"\\text\{(.*)\}", parts[0])[1]
        return True if words == "else" else bool(self._name([words], local))

    def _cases(self, parts: list, local: dict) -> Any:
        for value, condition in parts:
            if self.of(condition, **local):
                return self.of(value, **local)
        raise TexError("none of the cases holds")

    def _derivative(self, parts: list, local: dict) -> Any:
        variable, order, body = parts
        at = self._name([variable], local)
        return mpmath.diff(lambda x: self.of(body, **{**local, variable: x}), at, order)

    def _integral(self, parts: list, local: dict) -> Any:
        variable, low, high, body = parts
        ends = [self.of(low, **local), self.of(high, **local)]
        return mpmath.quad(lambda t: self.of(body, **{**local, variable: t}), ends)

    def _over(self, parts: list, local: dict) -> Any:
        operation, letters, condition, upper, body = parts
        if upper is not None:
            return self._series(letters[0], self.of(condition[2], **local), body, local)
        values = []
        if condition and condition[0] == "<" and letters[0] not in self.lengths:
            ranges = [range(int(self.of(condition[2], **local)))]
        else:
            ranges = [range(self.lengths[letter]) for letter in letters]
        for indices in itertools.product(*ranges):
            inner = {**local, **dict(zip(letters, indices, strict=True))}
            if condition is None or self.of(condition, **inner):
                values.append(self.of(body, **inner))
        return _OVER[operation](values)

    def _series(self, letter: str, first: Any, body: Node, local: dict) -> Any:
        """Until its terms no longer count."""
        total, small = self.of(body, **{**local, letter: first}), 0
        for k in range(int(first) + 1, 400):
            term = self.of(body, **{**local, letter: mpmath.mpf(k)})
            total = total + term
            small = small + 1 if np.max(abs(term)) <= 1e-28 * np.max(abs(total)) else 0
            if small > 5:
                return total
        raise TexError("a series does not converge")


_METHODS = {"^": "power"}


def _exact(value: Any) -> Any:
    """A number of NumPy's as one of mpmath's, or a whole one."""
    kind = np.asarray(value).dtype.kind
    if kind == "c":
        return mpmath.mpc(complex(value))
    return int(value) if kind in "iub" else mpmath.mpf(float(value))


def _split(formula: str) -> tuple[str, list[str]]:
    """The formula, and the definitions behind "with"."""
    formula = re.sub(r"\\quad \(.*\)$", "", formula)
    main, _, definitions = formula.partition("\\quad\\text{with }")
    return main.strip(), [each.strip() for each in definitions.split("\\quad") if each.strip()]


def value(formula: str, known: Mapping[str, Any]) -> Any:
    """What a formula of numbers, or of matrices without indices, comes to; of an equation its right side."""
    whole = formula.startswith(("[", "\\begin{cases}"))
    tree = _parsed(formula if whole else formula.rpartition(" = ")[2])
    given = {name: each if isinstance(each, np.ndarray) else _as_given(each) for name, each in known.items()}
    return _Values(given, [tree]).of(tree)


def _as_given(number: Any) -> Any:
    return bool(number) if isinstance(number, (bool, np.bool_)) else _exact(number)


def sides(formula: str, known: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    r"""Of ``y_{ij} = \dots``, of the array y in `known`: what stands in y, and what the right side is,
    for all i and j; ``\frac{\partial}{\partial x_{ij}} = \dots`` is of the array "d", by x's indices.
    """
    main, definitions = _split(formula)
    for equation in main.split("\\quad"):
        yield from _sides(equation, definitions, known)


def _sides(equation: str, definitions: list[str], known: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    left, right = equation.strip().split(" = ", 1)
    if left.startswith("\\frac{\\partial}"):
        left = "d" + re.search(r"_\{.*\}(?=\})", left)[0]
    trees = [_parsed(left), _parsed(right)]
    defined = [[_parsed(side) for side in each.split(" = ", 1)] for each in definitions]
    values = _Values(known, [trees, defined])
    for name, body in defined:
        values.defined[name[1]] = [index[1] for index in name[2:]], body
    letters = {node[1] for node in _nodes(trees[0]) if node[0] == "name"} - set(known)
    letters = sorted(letters)
    for indices in itertools.product(*(range(values.lengths[letter]) for letter in letters)):
        local = dict(zip(letters, indices, strict=True))
        yield values.of(trees[0], **local), values.of(trees[1], **local)


def holds(formula: str, known: Mapping[str, Any]) -> bool:
    r"""Whether an equation of matrices holds, as ``y \text{ with } a y = b`` says it."""
    equation = formula.partition("\\text{ with } ")[2]
    tree = _parsed(equation)
    values = _Values(known, [tree])
    return np.allclose(*(np.asarray(values.of(side), float) for side in tree[1:]), atol=1e-12)


def _parsed(text: str) -> Node:
    reader = _Reader(text)
    tree = reader.statement()
    if reader.next():
        raise TexError(f"{text}: cannot be read from {reader.next()} on")
    return tree
