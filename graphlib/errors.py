"""The exceptions that graphlib raises at its users, and how a message points at the user's own line.  Imports
nothing but, for ``LinAlgError``, NumPy when it is first asked for."""

from __future__ import annotations

from typing import Any


class GraphError(Exception):
    """Any mistake in a graph, a call or a compilation that graphlib itself detects."""


class ShapeError(GraphError, ValueError):
    """Shapes that do not fit together, while a graph is built or at a call."""


class Resized(ShapeError):
    """A function that was compiled for the present lengths of shared variables was called with others, or
    computed others; within graphlib only: the function is compiled for any lengths then.

    done, results: of several calls, how many came to their end before it, and what they gave.
    """

    done = 0
    results: Any = ()


class RankError(ShapeError, TypeError):
    """A wrong number of dimensions, which is a matter of types: they have a number of dimensions."""


class BorderError(ShapeError, NotImplementedError):
    """A border around windows that pooling does not take: as long as the window, or where no window may
    be left out."""


class VouchedError(ShapeError, AssertionError):
    """A shape that the program has vouched for (``specify_shape``), and that is another."""


class WindowError(ShapeError, TypeError):
    """Windows that must end where their axis does, and do not."""


class AxisError(ShapeError, IndexError):
    """An axis that a tensor has not, or more indices than it has axes."""


class DTypeError(GraphError, TypeError):
    """A dtype that an operation or an input does not take."""


class ComplexError(DTypeError, NotImplementedError):
    """A complex number where none is taken."""


class InputError(GraphError, TypeError, ValueError):
    """Wrong arguments to ``function`` or to a compiled function: missing, unknown, unused or of a wrong
    kind."""


class MissingInputError(InputError):
    """A graph depends on a variable that is no input and has no value."""


class UnusedInputError(InputError):
    """A function has an input that nothing needs."""


class KeysError(InputError, AssertionError):
    """Outputs by names that are no text."""


class GivensError(InputError, RuntimeError):
    """A replacement of what is an input of the same function."""


class DomainError(GraphError, ValueError):
    """A value for which an operation has no result: an integer to the power of a negative one."""


class LabelError(GraphError, IndexError, ValueError):
    """A label that is none of the classes: negative, or too large."""


class GradientError(GraphError, TypeError):
    """A gradient that does not exist: through an operation that has none, or of a cost that is no float
    scalar."""


class DisconnectedInputError(GradientError, ValueError):
    """The cost does not depend on a variable whose gradient was asked for."""


class RewriteError(GraphError):
    """A rewrite rule failed or rewriting did not come to an end; graphlib never goes on silently after
    that."""


class NanError(GraphError, ArithmeticError):
    """Mode ``check_nan`` found a NaN; the message names the node and the user's line."""


class BackendMismatch(GraphError, AssertionError):
    """Mode ``check`` found that the compiled function and the reference differ."""


class CompileError(GraphError, RuntimeError):
    """The C compiler refused a generated file: a bug of graphlib's; the message has the compiler's words."""


class ScheduleError(GraphError, RuntimeError):
    """The steps of a compiled function do not follow each other as they must: a bug of graphlib's, found
    before anything runs."""


class ExportError(GraphError, ValueError):
    """A function, or what is said of it, that cannot become a library, or a block of state that is none of
    its; the message names the variable or operation and says what to do."""


class DeviceError(GraphError, RuntimeError):
    """A device that was asked for does not work here; the message says what is missing and how to get it."""


class DistributedError(GraphError, RuntimeError):
    """The processes of an MPI run do not fit together, have lost one of them, or cannot find each other; the
    message says which rank, and what to do."""


class OnnxError(GraphError, ValueError):
    """A graph that ONNX cannot express, a file that is no ONNX model, or one with an operator that graphlib
    has not; the message names it."""


def __getattr__(name: str) -> Any:
    """``LinAlgError``, which is NumPy's own, too."""
    if name != "LinAlgError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from numpy.linalg import LinAlgError as numpys

    class LinAlgError(DomainError, numpys):
        """A matrix that has no such inverse, factors or eigenvalues: it is singular, not positive definite or
        not finite."""

    LinAlgError.__module__, LinAlgError.__qualname__ = __name__, "LinAlgError"
    globals()["LinAlgError"] = LinAlgError
    return LinAlgError
