"""Python 2 as Python 3, by fissix, which carries on lib2to3; and what that does not see: quotients of whole
numbers, and pickles of the other Python."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable

#: what is no syntax of Python 2 and still only its own
NAMES = {"xrange", "unicode", "raw_input", "basestring", "iteritems", "itervalues", "has_key", "cPickle"}
_FIXERS = (
    "apply basestring buffer dict except exec execfile exitfunc filter funcattrs getcwdu has_key "
    "import imports imports2 input intern itertools itertools_imports long map metaclass methodattrs "
    "ne next nonzero numliterals operator paren print raise raw_input reduce reload renames repr "
    "standarderror sys_exc throw tuple_params types unicode urllib xrange xreadlines zip"
).split()


def is_python3(text: str) -> bool:
    """Whether a text is Python 3, and uses nothing that only Python 2 had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError:
        return False
    nodes = list(ast.walk(tree))
    tried = {inner for node in nodes if isinstance(node, ast.Try) for inner in ast.walk(node)}
    imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom)) and n not in tried]
    if any(isinstance(n, ast.Import) and alias.name in NAMES for n in imports for alias in n.names):
        return False
    # names that a program has from elsewhere, as six.moves, or gives itself where Python has them not
    defined = {
        alias.asname or alias.name
        for n in nodes
        if isinstance(n, (ast.Import, ast.ImportFrom))
        for alias in n.names
    }
    defined |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    used = {n.id for n in nodes if isinstance(n, ast.Name)}
    used |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    return not (used & NAMES - defined)


def as_python3(text: str, notes: list[str], path: str = "program") -> str:
    """A text in Python 2 as Python 3; ``path`` tells which modules beside it Python 2 imported.

    Errors: SyntaxError where it is neither; ImportError without fissix.
    """
    try:
        from fissix.pgen2.parse import ParseError
        from fissix.refactor import RefactoringTool
    except ImportError as error:
        raise ImportError(
            "a program in Python 2 needs fissix: pip install 'graphlib-autodiff[port]'"
        ) from error
    division = "division" in _future(text)
    tool = RefactoringTool(
        [f"fissix.fixes.fix_{name}" for name in _FIXERS], {"print_function": _has_print(text)}
    )
    try:
        tree = tool.refactor_string(text.rstrip() + "\n", path)
    except ParseError as error:
        raise SyntaxError(f"neither Python 3 nor Python 2: {error}") from None
    notes.append("it is Python 2; brought to Python 3 by fissix")
    made = str(tree)
    if not division:
        made = _whole_quotients(made, notes)
    return _old_pickles(made, notes)


def _future(text: str) -> str:
    found = re.search(r"^from __future__ import (.*)$", text, re.M)
    return found.group(1) if found else ""


def _has_print(text: str) -> bool:
    return "print_function" in _future(text)


def _whole_quotients(text: str, notes: list[str]) -> str:
    """``/`` as ``//`` where an operand is seen to be a whole number and none to be a fraction: a length, a
    number without a point. Others are named."""
    tree = ast.parse(text)
    lengths = _names_of_lengths(tree)
    places, doubtful = [], []
    for node in ast.walk(tree):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            left, right = (
                (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            )
            kinds = {_kind(left, lengths), _kind(right, lengths)}
            if "fraction" in kinds:
                continue
            if kinds == {"whole"}:
                places.append((left.end_lineno, left.end_col_offset, node.lineno))
            else:
                doubtful.append(node.lineno)
    lines = text.splitlines(keepends=True)
    for line, column, _ in sorted(places, reverse=True):
        head, tail = lines[line - 1].encode()[:column].decode(), lines[line - 1].encode()[column:].decode()
        if "/" in tail:
            lines[line - 1] = head + tail.replace("/", "//", 1)
    if places:
        notes.append(f"quotients of whole numbers are // now: lines {_listed(p[2] for p in places)}")
    if doubtful:
        notes.append(f"/ of whole numbers rounded down in Python 2; look at lines {_listed(doubtful)}")
    return "".join(lines)


def _names_of_lengths(tree: ast.AST) -> set[str]:
    """Names to which nothing but whole numbers is assigned, as arguments' defaults too."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            assigned.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, (ast.FunctionDef, ast.Lambda)):
            given = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            for argument, default in zip(given, node.args.defaults, strict=True):
                assigned.setdefault(argument.arg, []).append(default)
    found: set[str] = set()
    while True:
        new = {name for name, values in assigned.items() if all(_kind(v, found) == "whole" for v in values)}
        if new == found:
            return found
        found = new


def _kind(node: ast.expr, lengths: set[str]) -> str:
    """'whole', 'fraction' or '': what a number is seen to be."""
    if isinstance(node, ast.Constant):
        return {int: "whole", float: "fraction"}.get(type(node.value), "")
    if isinstance(node, ast.Name):
        return "whole" if node.id in lengths else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return {"len": "whole", "int": "whole", "float": "fraction"}.get(node.func.id, "")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return "whole" if node.func.attr in ("prod",) and "shape" in ast.dump(node) else ""
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "shape"
    ):
        return "whole"
    if isinstance(node, ast.BinOp):
        kinds = {_kind(node.left, lengths), _kind(node.right, lengths)}
        return "fraction" if "fraction" in kinds else "whole" if kinds == {"whole"} else ""
    return ""


def _old_pickles(text: str, notes: list[str]) -> str:
    """``pickle.load(file)`` reads what Python 2 has written, too."""
    tree = ast.parse(text)
    places = [
        (node.end_lineno, node.end_col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("load", "loads")
        and isinstance(node.func.value, ast.Name)
        and "pickle" in node.func.value.id.lower()
        and not node.keywords
    ]
    lines = text.splitlines(keepends=True)
    for line, column in sorted(places, reverse=True):
        raw = lines[line - 1].encode()
        lines[line - 1] = (raw[: column - 1] + b', encoding="latin1"' + raw[column - 1 :]).decode()
    if places:
        notes.append(f"pickles of Python 2 are read as latin1: lines {_listed(p[0] for p in places)}")
    return "".join(lines)


def _listed(lines: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(lines))))
