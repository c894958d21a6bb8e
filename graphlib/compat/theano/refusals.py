"""Names of Theano's that graphlib has not: they can be imported, and say what to use as soon as they are
used."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from .catalogue import names

_REWRITES = (
    "graphlib chooses its rewrites itself: leave it out, results do not depend on it "
    "(docs/how-it-works.md says what is rewritten)"
)
_LINKERS = "graphlib compiles a function as a whole: leave it out, `mode` says how it runs"
_C_CODE = "operations of a program's own are Python: write `perform` (docs/theano.md)"
_COMPLEX = "complex numbers are variables of complex64 and complex128 (docs/inputs.md)"
#: of names that its documentation does not explain
MACHINERY = "it was of Theano's own machinery; docs/theano-names.md lists what there is"
#: what to use in place of a name, by a pattern of it: the first that fits
_ADVICE: tuple[tuple[str, str], ...] = (
    (r"theano\.gof\.(cc|cmodule|callcache|compilelock|params_type)\b", _C_CODE),
    (r"C(Linker|LinkerOp|LinkerObject|LinkerType|EnumType|DataType\w*|Op)$|Enum\w+$|Params(Type)?$", _C_CODE),
    (r"c_code|OpenMPOp|\.cpu_contiguous$|CpuContiguous$", _C_CODE),
    (r"Linker|theano\.gof\.(link|vm|sched)\b|predefined_linkers|register_linker", _LINKERS),
    (r"local_\w+|\w*[oO]pt(imizer|imization)?s?$|\w*optdb|(Seq|Local|Equil)\w+|\w+DB$|Query$", _REWRITES),
    (r"register_(mode|canonicalize|specialize|stabilize|uncanonicalize|useless)|OPT_\w+$", _REWRITES),
    (
        r"theano\.tensor\.(opt|opt_uncanonicalize)\.|theano\.sparse\.opt\.|theano\.scan_module\.scan_opt",
        _REWRITES,
    ),
    (r"theano\.gof\.(opt|toolbox|destroyhandler|unify)\.", _REWRITES),
    (r"theano\.tensor\.blas(_c|_scipy)?\.|Ge(mm|mv|r)\b|Dot22", "write T.dot: BLAS is called for it"),
    (r"MPI|mpi|\.i?(send|recv)$", "graphlib does not speak MPI: call mpi4py between functions"),
    (r"complex|ComplexFromPolar|[cz](scalar|vector|matrix|row|col|tensor\d)$", _COMPLEX),
    (r"[Gg]eneric$", "a variable is a tensor: keep other objects in Python, outside the graph"),
    (r"scan_checkpoints", "use theano.scan, with checkpoint_every=N where memory is short"),
    (r"theano\.tensor\.nnet\.ctc|ctc", "there is no CTC cost yet: write it with theano.scan"),
    (r"\.(chi2sf|gamma(inc|incc|l|u)|[ij][01]|[ij]v)(_inplace)?$", "take SciPy's, by theano.as_op"),
    (r"BadDestroyMap|Bad\w+|DebugModeError|StochasticOrder|InvalidValueError", "mode='check' raises its own"),
    (r"theano\.sparse\.", "write it by sparse.csm_properties and CSM, or on dense matrices"),
    (r"pkl_utils|load_shared_variable", "pickle, copy and unpickle as usual"),
    (r"scan_utils", "theano.scan is one operation here, and its own machinery another"),
    (r"rng_mrg", "MRG_RandomStreams draws the numbers"),
    (r"configparser", "theano.config has the flags, and THEANO_FLAGS is read"),
    (r"autocast|NumpyAutocaster", "numbers take the dtype of what they meet (docs/inputs.md)"),
    (r"ProfileStats|profil", "pass profile=True to theano.function, and print f.profile"),
    (r"pickl|unpickl|[Pp]kl", "pickle, copy and unpickle as usual"),
    (r"pprint|Printer|PPrinter", "theano.printing.pp and debugprint print an expression"),
    (r"FunctionGraph|fgraph|FunctionMaker|Supervisor", "f.maker.fgraph has the graph of a function"),
)


def _advice(name: str, kind: str) -> str:
    for pattern, advice in _ADVICE:
        if re.search(pattern, name):
            return advice
    if kind == "class" and name.startswith(("theano.tensor", "theano.scalar", "theano.sparse")):
        return "it was the class of an operation: call the function that makes it"
    return MACHINERY


def advice(module: str, name: str) -> str:
    """What to use in place of a name of Theano's."""
    return _advice(f"{module}.{name}", names().get(module, {}).get(name, "function"))


class _NoAttribute(NotImplementedError, AttributeError):
    """An attribute of what there is not: ``hasattr`` says no."""


class _Refusing:
    """What stands for a name that there is not: importing it is no error, using it is."""

    def __init__(self, name: str, kind: str) -> None:
        self.__dict__.update(_name=name, _kind=kind, __name__=name.rpartition(".")[2])

    def _refuse(self) -> NoReturn:
        raise NotImplementedError(f"graphlib has no {self._name}: {_advice(self._name, self._kind)}")

    def __call__(self, *arguments: Any, **keywords: Any) -> NoReturn:
        self._refuse()

    def __getattr__(self, attribute: str) -> Any:
        try:
            self._refuse()
        except NotImplementedError as error:
            raise _NoAttribute(str(error)) from None

    def __repr__(self) -> str:
        return f"<{self._name}, which graphlib has not>"


class _RefusingClass(type):
    """The same for a class: nothing is an instance of it, and what is derived from it cannot be made."""

    def __call__(cls, *arguments: Any, **keywords: Any) -> NoReturn:
        raise NotImplementedError(f"graphlib has no {cls.refused}: {_advice(cls.refused, 'class')}")

    def __instancecheck__(cls, candidate: Any) -> bool:
        return False

    def __repr__(cls) -> str:
        return f"<{cls.refused}, which graphlib has not>"


_made: dict[str, Any] = {}


def refusal(module: str, name: str) -> Any:
    """What stands for a name of Theano's; None where Theano had no such name either."""
    kind = names().get(module, {}).get(name)
    full = f"{module}.{name}"
    if kind is None:
        return None
    if full not in _made:
        if kind == "class":
            _made[full] = _RefusingClass(name, (), {"refused": full, "__module__": module})
        elif kind == "error":
            # an `except` clause names it, and nothing raises it
            _made[full] = type(name, (Exception,), {"__module__": module, "refused": full})
        else:
            _made[full] = _Refusing(full, kind)
    return _made[full]


def is_refusal(found: Any) -> bool:
    """Whether it stands for a name that graphlib has not."""
    return isinstance(found, _Refusing) or any(found is made for made in _made.values())
