"""Our matrix products against the BLAS's, shape by shape on one thread.

`python -m tests.benchmarks.products` calls both in turn from one loop in C; the fastest of the rounds counts.
The sizes at which products.c prefers one form of the product or the BLAS come from this table.
"""

from __future__ import annotations

import argparse
import ctypes

import numpy as np

from graphlib.run.c import runtime
from graphlib.run.c.toolchain import shared_object

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112  # CBLAS_LAYOUT, CBLAS_TRANSPOSE

# a transposed, b transposed, m, n, k, beta
SHAPES = (
    # MLP, minibatches of 20
    (0, 0, 20, 500, 784, 0.0),
    (0, 0, 20, 10, 500, 0.0),
    (0, 1, 20, 500, 10, 0.0),
    (1, 0, 784, 500, 20, 0.9),
    (1, 0, 500, 10, 20, 0.9),
    # logistic regression, minibatches of 600
    (0, 0, 600, 10, 784, 0.0),
    (1, 0, 784, 10, 600, 0.9),
    # denoising autoencoder and RBM
    (0, 1, 20, 784, 500, 0.0),
    # recurrent networks
    (0, 0, 16, 512, 128, 0.0),
    (0, 0, 1, 200, 200, 0.0),
    (0, 0, 12, 200, 700, 0.0),
    (0, 0, 100, 150, 88, 0.0),
    (0, 1, 100, 88, 150, 0.0),
    # a matrix and a vector
    (0, 0, 32, 1, 32, 0.0),
    (0, 0, 64, 1, 64, 0.0),
    (0, 0, 256, 1, 256, 0.0),
    (0, 0, 1024, 1, 1024, 0.0),
    (0, 0, 784, 1, 500, 0.0),
    (1, 0, 784, 1, 500, 0.0),
    (0, 0, 1, 500, 784, 0.0),
    (0, 1, 1, 500, 784, 0.0),
    # the Jacobian of a net for a batch, and a net of 512 units with batches of 128
    (0, 1, 2048, 256, 256, 0.0),
    (0, 0, 128, 512, 784, 0.0),
    (0, 1, 128, 512, 512, 0.0),
    (1, 0, 784, 512, 128, 0.9),
    # no short side
    *((ta, tb, n, n, n, 0.0) for n in (32, 64, 128, 256, 512, 1024) for ta in (0, 1) for tb in (0, 1)),
)

TIMER = """
#include "graphlib_clock.h"
#include "graphlib_runtime.h"
typedef void (*own_t)(int, int, int64_t, int64_t, int64_t, REAL, const REAL *, int64_t, const REAL *, int64_t,
                      REAL, REAL *, int64_t);
typedef void (*blas_t)(int, int, int, int, int, int, REAL, const REAL *, int, const REAL *, int,
                       REAL, REAL *, int);

double own(own_t call, int ta, int tb, int m, int n, int k, REAL beta, const REAL *a, const REAL *b, REAL *c,
           int times) {
    double began = gl_seconds();
    for (int t = 0; t < times; t++) call(ta, tb, m, n, k, 0.01, a, ta ? m : k, b, tb ? k : n, beta, c, n);
    return (gl_seconds() - began) / times;
}

double blas(blas_t call, int ta, int tb, int m, int n, int k, REAL beta, const REAL *a, const REAL *b,
            REAL *c, int times) {
    double began = gl_seconds();
    for (int t = 0; t < times; t++)
        call(ROW_MAJOR, ta ? TRANSPOSED : PLAIN, tb ? TRANSPOSED : PLAIN, m, n, k, 0.01, a, ta ? m : k,
             b, tb ? k : n, beta, c, n);
    return (gl_seconds() - began) / times;
}
"""


def measure(dtype: str, rounds: int) -> list[tuple[str, float, float]]:
    """For each shape its description and the GFLOP/s of our product and of the BLAS's."""
    single = dtype == "float32"
    found = runtime.blas()
    if found is None:
        raise SystemExit("there is no BLAS to compare with: pip install scipy-openblas32")
    table = runtime.library("team").gl_start(1)
    runtime.library(dtype).gl_products(table, 1, None, 0)
    call = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[
        1 if single else 2
    ]  # gl_runtime: parallel, sgemm, dgemm
    c_type = "float" if single else "double"
    names = {"REAL": c_type, "ROW_MAJOR": ROW_MAJOR, "PLAIN": PLAIN, "TRANSPOSED": TRANSPOSED}
    timer = shared_object(TIMER, tuple(f"-D{name}={value}" for name, value in names.items()))
    scalar = ctypes.c_float if single else ctypes.c_double
    arguments = [ctypes.c_void_p, *[ctypes.c_int] * 5, scalar, *[ctypes.c_void_p] * 3, ctypes.c_int]
    for function in (timer.own, timer.blas):
        function.restype, function.argtypes = ctypes.c_double, arguments
    rng = np.random.default_rng(0)
    rows = []
    for ta, tb, m, n, k, beta in SHAPES:
        a, b, c = (rng.standard_normal(size).astype(dtype) for size in (m * k, k * n, m * n))
        times = int(4e6 / (m * n * k)) + 1
        operands = (ta, tb, m, n, k, beta, a.ctypes.data, b.ctypes.data, c.ctypes.data, times)
        addresses = (call, found.sgemm if single else found.dgemm)
        seconds = np.array(
            [[timer.own(addresses[0], *operands), timer.blas(addresses[1], *operands)] for _ in range(rounds)]
        )
        own, blas = (2e-9 * m * n * k / fastest for fastest in seconds.min(0))
        rows.append((f"{'nt'[ta]}{'nt'[tb]} {m:5d} {n:5d} {k:5d}", own, blas))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description="matrix products of our own against the BLAS's, in GFLOP/s on one thread"
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument(
        "--rounds", type=int, default=40, help="how often each is measured; the fastest counts (40)"
    )
    options = parser.parse_args()
    print(f"{options.dtype}\n       m     n     k      own     BLAS  own/BLAS")
    for shape, own, blas in measure(options.dtype, options.rounds):
        print(f"{shape} {own:8.1f} {blas:8.1f} {own / blas:9.2f}")


if __name__ == "__main__":
    main()
