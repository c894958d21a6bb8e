"""Runs the functions of the C library in arrays that have just the elements that their contracts say
(``graphlib/scalar/contracts.py``), between pages that nobody may touch.

Functions are compiled as always, but linked to what puts each array of a call of the library at the end of
its pages, then at the beginning: the process ends at the first element beyond, read or written.

    python -m tests.backend.guarded [CONTRACT]

prints the contracts whose functions were called; that of the name CONTRACT is taken to say one element less
of the first array of each call.
"""

import ctypes
import mmap
import re
import sys
from typing import ClassVar

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.ops.fourier import rfft
from graphlib.render.c_scalar import C_TYPES
from graphlib.render.units import Unit
from graphlib.run.c import executor, units
from graphlib.scalar import contracts
from graphlib.scalar.integer import Poly

from ..ops.test_registry import cases

#: operations of the registry that call the library's functions
NAMES = (
    "argsort cholesky conv2d conv2d_grad_wrt_inputs conv2d_grad_wrt_weights conv3d conv3d_grad_wrt_inputs "
    "conv3d_grad_wrt_weights cumprod cumsum eig eigh expm matrix_inverse max_pool_2d_same_size mersenne "
    "mersenne_choice mersenne_multinomial mersenne_permutation mrg nonzero pool_2d pool_3d qr rfft "
    "separable_conv2d solve solve_triangular sort svd"
).split()
ITEM_SIZES = {C_TYPES[dtype]: np.dtype(dtype).itemsize for dtype in C_TYPES}
PAGE = mmap.PAGESIZE
NOBODY, LIBC = 0, ctypes.CDLL(None, use_errno=True)


class Guarded:
    """Memory of so many bytes, at the end of its pages or at their beginning, between two that nobody may
    touch."""

    def __init__(self, size: int, at_end: bool) -> None:
        pages = -(-size // PAGE) * PAGE
        self.memory = mmap.mmap(-1, pages + 2 * PAGE)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for page in (begin, begin + PAGE + pages):
            if LIBC.mprotect(ctypes.c_void_p(page), PAGE, NOBODY):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.address = begin + PAGE + (pages - size if at_end else 0)


class Library:
    """A function of the library that is called in guarded memory; ``seen`` are the contracts looked at."""

    seen: ClassVar[set[str]] = set()
    less = ""

    def __init__(self, unit: Unit, address: int) -> None:
        self.types = re.fullmatch(r"int \(\*\)\((.*)\)", unit.type)[1].split(", ")
        kinds = [ctypes.c_int64 if t == "int64_t" else ctypes.c_void_p for t in self.types]
        prototype = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)
        self.function = prototype(address)
        names = [name for name in contracts._contracts if unit.symbol.startswith(f"{name}_")]
        self.name = max(names, key=len)
        self.callback = prototype(self.call)

    def call(self, *given: int | None) -> int:
        arrays = [k for k, t in enumerate(self.types) if t.endswith("*") and "gl_runtime" not in t]
        integers = [Poly.of(n) for n, t in zip(given, self.types, strict=True) if t == "int64_t"]
        extents = [Poly.of(n).constant for n in contracts.contract_of(self.name).extents(*integers)]
        if self.name == self.less:
            extents[0] -= 1
        if self.name not in self.seen:
            print(self.name, flush=True)
            self.seen.add(self.name)
        made = {}
        for at_end in (True, False):
            places: dict[int, tuple[Guarded, int]] = {}
            arguments = list(given)
            for k, extent in zip(arrays, extents, strict=True):
                item = ITEM_SIZES[self.types[k].removeprefix("const ").removesuffix(" *")]
                if given[k] not in places:  # what is in place is one array
                    places[given[k]] = (Guarded(extent * item, at_end), extent * item)
                    ctypes.memmove(places[given[k]][0].address, given[k] or 0, extent * item)
                arguments[k] = places[given[k]][0].address
            code = self.function(*arguments)
            made = places if code == 0 else {}
        for address, (memory, size) in made.items():
            ctypes.memmove(address, memory.address, size)
        return code


_kept: list[Library] = []


def guarded_link(driver: ctypes.CDLL, keys: dict) -> None:
    addresses = []
    for key, unit in keys.items():
        address = units._loaded[key].address
        if unit.type:
            _kept.append(Library(unit, address))
            address = ctypes.cast(_kept[-1].callback, ctypes.c_void_p).value
        addresses.append(address)
    driver.gl_link((ctypes.c_void_p * max(len(addresses), 1))(*addresses))


def larger() -> list[tuple]:
    """Shapes for which the library has other ways than for samples, and gradients: inputs, outputs, and
    arrays."""
    x, y, w = T.fmatrix("x"), T.fmatrix("y"), T.ftensor4("w")
    i = T.ftensor4("i")
    images, filters = np.ones((2, 8, 21, 34), "float32"), np.ones((5, 8, 3, 3), "float32")
    lines = np.random.RandomState(0).randn(11, 300).astype("float32")
    convolved = T.nnet.conv2d(i, w, border_mode="half")
    pooled = T.signal.pool.pool_2d(i, (2, 2), ignore_border=True)
    summed = T.signal.pool.pool_2d(i, (3, 2), ignore_border=True, mode="sum", stride=(5, 3))
    product = graphlib.grad((T.cumprod(y, 1) ** 2).sum(), y)
    picked = graphlib.grad(T.exp(pooled).sum(), i)
    return [
        ([x], [T.sort(x, 0), T.argsort(x, 1), T.cumsum(x, 1), T.cumsum(x, 0), T.sort(x, 1)[:, :3]], [lines]),
        ([y], [product, graphlib.grad((product**2).sum(), y)], [lines]),
        ([y], [rfft(y[:, :n]) for n in (1, 97, 128, 300)], [lines]),
        ([y], [T.nlinalg.matrix_inverse(y[:, :11]), *T.nlinalg.svd(y[:, :70])], [lines]),
        ([i, w], [convolved, *graphlib.grad((convolved**2).sum(), [i, w])], [images, filters]),
        ([i], [pooled, picked, graphlib.grad((picked**2).sum(), i)], [images]),
        ([i], [graphlib.grad((summed**2).sum(), i)], [images]),
    ]


def main() -> None:
    Library.less = sys.argv[1] if len(sys.argv) > 1 else ""
    units._link = guarded_link
    executor.linked_again = lambda driver, units, functions: None
    groups = [
        (case.inputs, case.outputs, case.arrays)
        for name in NAMES
        for case in cases(name, ("float32", "int64", "int32"), (False,))
    ]
    for inputs, outputs, arrays in larger():
        graphlib.function(inputs, outputs, mode="fast_run")(*arrays)
    inputs = [v for group in groups for v in group[0]]
    outputs = [v for group in groups for v in group[1]]
    function = graphlib.function(inputs, outputs, mode="fast_run")
    function(*(a for group in groups for a in group[2]))


if __name__ == "__main__":
    main()
