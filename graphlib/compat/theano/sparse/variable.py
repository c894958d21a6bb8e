"""A sparse matrix as a variable: its type, its parts, and where each kept element lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ....errors import DTypeError
from ....graph import Constant, TensorType, Variable
from ....graph.types import DTYPES, dtype_name, is_complex
from ....ops.along_axis import cumsum
from ....ops.complex_numbers import real
from ....ops.create import zeros
from ....ops.elementwise import cast
from ....ops.op import as_variable
from ....ops.shape import shape_i
from ....ops.write import inc_subtensor


class SparseType:
    """``SparseType('csr', 'float64')``; called with a name it makes a variable."""

    dtype_set: ClassVar[set[str]] = set(DTYPES) - {"float16"}  # which SciPy has not
    ndim = 2
    broadcastable = (False, False)

    def __init__(self, format: str, dtype: Any) -> None:
        if format not in ("csr", "csc"):
            raise NotImplementedError(f"unsupported format {format!r}: graphlib has 'csr' and 'csc'")
        self.format, self.dtype = format, dtype_name(dtype)

    def __call__(self, name: str | None = None) -> SparseVariable:
        def part(what: str, dtype: str, ndim: int) -> Variable:
            return TensorType(dtype, (None,) * ndim)(f"{name or 'sparse'}_{what}")

        lengths = part("rows", "int64", 0), part("columns", "int64", 0)
        vectors = part("data", self.dtype, 1), part("indices", "int32", 1), part("indptr", "int32", 1)
        return SparseVariable(self.format, *vectors, *lengths, name=name)

    make_variable = __call__

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """The matrix in this format and dtype. Errors: TypeError where it is another or none."""
        if is_sparse(value) and value.format == self.format and value.dtype == self.dtype:
            return value
        if strict or not is_sparse(value):
            raise DTypeError(f"takes {self}, not {getattr(value, 'format', type(value).__name__)}")
        if not allow_downcast and not np.can_cast(value.dtype, self.dtype, "safe"):
            raise DTypeError(f"takes {self}, not {value.dtype}")
        return value.asformat(self.format).astype(self.dtype)

    def is_valid_value(self, value: Any) -> bool:
        """Whether it is one of SciPy's matrices of exactly this type."""
        return is_sparse(value) and value.format == self.format and value.dtype == self.dtype

    @staticmethod
    def values_eq(a: Any, b: Any) -> bool:
        """Whether two of SciPy's matrices have the same elements."""
        both = is_sparse(a) and is_sparse(b)
        same = both and (a.shape, a.dtype, a.format) == (b.shape, b.dtype, b.format)
        return bool(same and abs(a - b).max() == 0)

    @staticmethod
    def values_eq_approx(a: Any, b: Any, eps: float = 1e-6) -> bool:
        """Whether two of SciPy's matrices are close."""
        same = is_sparse(a) and is_sparse(b) and a.shape == b.shape
        return bool(same and abs(a - b).max() < eps)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SparseType) and (self.format, self.dtype) == (other.format, other.dtype)

    def __hash__(self) -> int:
        return hash((self.format, self.dtype))

    def __repr__(self) -> str:
        return f"Sparse[{self.dtype}, {self.format}]"


class SparseVariable:
    """Kept elements ``data``, with the columns (CSR) or rows (CSC) ``indices`` that they are in; of row (or
    column) i they are those from ``indptr[i]`` to ``indptr[i + 1]``. ``rows``, ``columns``: the lengths.

    ``whole``: the matrix whose elements that are not 0 these are, where it was made of one.
    """

    ndim = 2
    broadcastable = (False, False)
    owner = None
    #: numpy leaves operators with arrays to this class
    __array_ufunc__ = None

    def __init__(
        self,
        format: str,
        data: Variable,
        indices: Variable,
        indptr: Variable,
        rows: Variable,
        columns: Variable,
        name: str | None = None,
        whole: Variable | None = None,
    ) -> None:
        self.type = SparseType(format, data.dtype)
        self.data, self.indices, self.indptr = data, indices, indptr
        self.rows, self.columns = rows, columns
        self.name, self.whole = name, whole

    @property
    def parts(self) -> tuple[Variable, ...]:
        """All that it is made of, as a function's inputs or outputs."""
        return self.data, self.indices, self.indptr, self.rows, self.columns

    @property
    def format(self) -> str:
        return self.type.format

    @property
    def dtype(self) -> str:
        return self.data.dtype

    @property
    def shape(self) -> Variable:
        return as_variable([self.rows, self.columns])

    @property
    def T(self) -> SparseVariable:
        """The transpose: the same parts, read the other way."""
        other = {"csr": "csc", "csc": "csr"}[self.format]
        turned = None if self.whole is None else self.whole.T
        parts = self.data, self.indices, self.indptr, self.columns, self.rows
        return SparseVariable(other, *parts, whole=turned)

    transpose = property(lambda self: lambda: self.T)

    @property
    def size(self) -> Variable:
        """How many elements are kept."""
        return shape_i(self.data, 0)

    def with_data(self, data: Variable, whole: Variable | None = None) -> SparseVariable:
        """Other values at the same places."""
        parts = data, self.indices, self.indptr, self.rows, self.columns
        return SparseVariable(self.format, *parts, whole=whole)

    def changed(self, function: Callable[[Variable], Variable]) -> SparseVariable:
        """A function of the elements that is 0 at 0 and has a slope there."""
        return self.with_data(function(self.data), None if self.whole is None else function(self.whole))

    def places(self) -> tuple[Variable, Variable]:
        """The row and the column of each kept element."""
        count = shape_i(self.data, 0)
        # how many rows have ended before each element
        ended = inc_subtensor(zeros((count + 1,), "int64")[self.indptr[1:-1]], np.int64(1))
        outer, inner = cumsum(ended)[:count], cast(self.indices, "int64")
        return (outer, inner) if self.format == "csr" else (inner, outer)

    def toarray(self) -> Variable:
        """All elements, as a matrix; gradients are by kept elements."""
        return inc_subtensor(zeros((self.rows, self.columns), self.dtype)[self.places()], self.data)

    todense = toarray

    def elements(self) -> Variable:
        """All elements, as a matrix; gradients by what was made of a matrix are by all of its elements."""
        return self.toarray() if self.whole is None else self.whole

    def describe(self) -> str:
        return f"{self.name or 'a sparse matrix'} {self.type}"

    __repr__ = __str__ = lambda self: self.name or repr(self.type)

    def __graphlib_variable__(self) -> Variable:
        raise DTypeError(
            f"{self.describe()} is no tensor: use theano.sparse's functions (theano.sparse.dot), or its "
            "elements, theano.sparse.dense_from_sparse(x)"
        )

    def _by(name: str, turned: bool = False) -> Callable:
        def method(self: SparseVariable, other: Any) -> Any:
            from . import operations

            function = getattr(operations, name)
            return function(other, self) if turned else function(self, other)

        return method

    __add__, __radd__ = _by("add"), _by("add", True)
    __sub__, __rsub__ = _by("sub"), _by("sub", True)
    __mul__, __rmul__ = _by("mul"), _by("mul", True)
    __dot__ = dot = _by("dot")
    __rdot__ = _by("dot", True)
    __lt__, __le__, __gt__, __ge__ = _by("lt"), _by("le"), _by("gt"), _by("ge")
    del _by

    def __neg__(self) -> SparseVariable:
        return self.changed(lambda x: -x)

    def __getitem__(self, key: Any) -> Any:
        """One element, a tensor; rows and columns by slices, a sparse matrix."""
        from .operations import from_dense

        found = self.toarray()[key]
        return from_dense(found, self.format) if found.ndim == 2 else found

    def sum(self, axis: int | None = None, sparse_grad: bool = False) -> Variable:
        from .operations import sp_sum

        return sp_sum(self, axis, sparse_grad)

    def astype(self, dtype: Any) -> SparseVariable:
        return self.changed(lambda x: as_dtype(x, dtype))

    def zeros_like(self) -> SparseVariable:
        return self.with_data(self.data * 0)


def as_dtype(x: Variable, dtype: Any) -> Variable:
    """``x`` in a dtype; of complex numbers in a real one their real parts, as SciPy has it."""
    return cast(real(x) if x.type.is_complex and not is_complex(dtype_name(dtype)) else x, dtype)


def is_sparse(x: Any) -> bool:
    """Whether a value is one of SciPy's sparse matrices."""
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


def is_sparse_variable(x: Any) -> bool:
    """Whether x is a sparse variable. Errors: NotImplementedError for what is no variable."""
    if isinstance(x, SparseVariable):
        return True
    if isinstance(x, Variable):
        return False
    raise NotImplementedError(f"this function should only be called on variables, not {type(x).__name__}")


def parts_of(value: Any, type: SparseType) -> list[np.ndarray]:
    """What a function is given for one of SciPy's matrices. Errors: TypeError for another dtype."""
    if not is_sparse(value):
        raise DTypeError(f"takes a sparse matrix of {type}, not {value.__class__.__name__}")
    if value.format != type.format or value.dtype != type.dtype:
        if not np.can_cast(value.dtype, type.dtype, "safe"):
            raise DTypeError(f"is sparse of dtype {value.dtype}, expected {type.dtype}")
        value = value.asformat(type.format).astype(type.dtype)
    lengths = (np.int64(n) for n in value.shape)
    return [value.data, value.indices.astype("int32"), value.indptr.astype("int32"), *lengths]


def assembled(format: str, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, *shape: Any) -> Any:
    """SciPy's matrix of what a function has returned."""
    import scipy.sparse

    make = scipy.sparse.csr_matrix if format == "csr" else scipy.sparse.csc_matrix
    return make((data, indices, indptr), tuple(int(n) for n in shape))


def as_sparse_variable(x: Any, name: str | None = None) -> SparseVariable:
    """A sparse variable as it is, SciPy's matrix as a constant. Errors: TypeError for anything else."""
    if isinstance(x, SparseVariable):
        return x
    if not is_sparse(x):
        raise DTypeError(f"cannot make a sparse variable of {type(x).__name__}")
    found = SparseType(x.format if x.format in ("csr", "csc") else "csr", x.dtype)
    parts = [Constant(np.asarray(part)) for part in parts_of(x, found)]
    return SparseVariable(found.format, *parts, name=name)


as_sparse = constant = as_sparse_variable


def as_sparse_or_tensor_variable(x: Any, name: str | None = None) -> Any:
    """A sparse variable of what is sparse, a tensor of all else."""
    if isinstance(x, SparseVariable) or is_sparse(x):
        return as_sparse_variable(x, name)
    return as_variable(x, name)


def matrix(format: str, name: str | None = None, dtype: Any = None) -> SparseVariable:
    """A sparse variable of a format; of floatX unless ``dtype`` is given."""
    return SparseType(format, dtype or "floatX")(name)


def csr_matrix(name: str | None = None, dtype: Any = None) -> SparseVariable:
    """A sparse variable that is kept by rows."""
    return matrix("csr", name, dtype)


def csc_matrix(name: str | None = None, dtype: Any = None) -> SparseVariable:
    """A sparse variable that is kept by columns."""
    return matrix("csc", name, dtype)


csr_dmatrix, csc_dmatrix = SparseType("csr", "float64"), SparseType("csc", "float64")
csr_fmatrix, csc_fmatrix = SparseType("csr", "float32"), SparseType("csc", "float32")


class CSM:
    """``CSM('csr')(data, indices, indptr, shape)``: the sparse matrix of these parts."""

    def __init__(self, format: str) -> None:
        self.format = SparseType(format, "float64").format

    def __call__(self, data: Any, indices: Any, indptr: Any, shape: Any) -> SparseVariable:
        data, shape = as_variable(data), as_variable(shape)
        if data.ndim != 1 or shape.ndim != 1:
            raise DTypeError(f"data and shape must be vectors: {data.describe()}, {shape.describe()}")
        indices, indptr = (cast(as_variable(v), "int32") for v in (indices, indptr))
        rows, columns = (cast(shape[k], "int64") for k in (0, 1))
        return SparseVariable(self.format, data, indices, indptr, rows, columns)


CSR, CSC = CSM("csr"), CSM("csc")


def csm_properties(csm: Any) -> list[Variable]:
    """(data, indices, indptr, shape) of a sparse matrix."""
    x = as_sparse_variable(csm)
    return [x.data, x.indices, x.indptr, cast(x.shape, "int32")]


def csm_data(csm: Any) -> Variable:
    """The kept elements."""
    return csm_properties(csm)[0]


def csm_indices(csm: Any) -> Variable:
    """The column (CSR) or row (CSC) of each."""
    return csm_properties(csm)[1]


def csm_indptr(csm: Any) -> Variable:
    """Where each row (CSR) or column (CSC) begins."""
    return csm_properties(csm)[2]


def csm_shape(csm: Any) -> Variable:
    """Rows and columns."""
    return csm_properties(csm)[3]
