"""Matrix products for libraries of C: those of ``run/c/products.c``, where the compiler has vectors, else
plain loops."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from ..run.c.toolchain import HERE
from .excerpt import definitions, header, renamed

_REAL = {"sgemm": ("float", 0, "f32"), "dgemm": ("double", 1, "f64")}
#: what a library has in place of the state of ``products.c``: as many threads and no BLAS
_ALONE = {
    "static const gl_runtime *team;": "static const gl_runtime alone = {.parallel = gl_alone};\n"
    "static const gl_runtime *const team = &alone;",
    "static int threads;": "enum { threads = THREADS };",
    "static cblas_gemm blas;": "static const cblas_gemm blas = 0;",
}
#: where kernels pay: where the processor has vector registers, and the user does not want a small program
VECTORS = (
    "defined(__GNUC__) && !defined(GRAPHLIB_SMALL) && (defined(__SSE2__) || defined(__ARM_NEON) || "
    "defined(__wasm_simd128__) || defined(__VSX__) || defined(__riscv_v))"
)


#: how a definition that begins a line says its name
_DEFINES = (
    r"^static\b[^(;={]*?(\w+)\s*[(=;[]",  # functions, variables, arrays
    r"^static\b[^(;={]*\(\*const (\w+)\[",  # arrays of functions
    r"^typedef\b[^;{(]*?(\w+)(?:\s+__attribute__[^;]*)?;",
    r"^typedef\b[^;{]*?\(\*(\w+)\)",
    r"^\}\s*(\w+)\s*;",  # structures
    r"^enum (\w+)",
)


def _defined(kernels: str) -> set[str]:
    """The names that ``products.c`` defines, without those of macros: other ones in each precision."""
    code = re.sub(r"/\*.*?\*/", " ", kernels, flags=re.DOTALL)
    found = {name for one in _DEFINES for name in re.findall(one, code, re.MULTILINE)}
    for inside in re.findall(r"^(?:static const )?enum\b[^{;]*\{([^}]*)\}", code, re.MULTILINE):
        found |= {one.partition("=")[0].strip() for one in inside.split(",")}
    return found - {"void"}


@lru_cache(maxsize=4)
def text(product: str, threads: int = 1, batch: bool = False) -> str:
    """The definition of ``gl_sgemm`` or ``gl_dgemm``, for so many threads, and with ``batch`` of
    ``gl_sgemm_batch`` or ``gl_dgemm_batch``."""
    _, is_double, suffix = _REAL[product]
    kernels = (HERE / "products.c").read_text()
    end = "/* Puts the product into the table." if batch else "/* Products of a batch"
    kernels = kernels[: kernels.index(end)]
    comment, _, kernels = kernels.partition('#include "graphlib_runtime.h"\n')
    for old, new in _ALONE.items():
        if old not in kernels:
            raise ValueError(f"products.c has no line {old!r}")
        kernels = kernels.replace(old, new.replace("THREADS", str(threads)))
    macros = {m for m in re.findall(r"#define (\w+)", kernels) if not m.startswith("LOG2_")}
    exchange = {name: f"gl_gemm_{name}_{suffix}" for name in {*_defined(kernels), *macros}}
    exchange |= {"outer_": f"gl_gemm_outer_{suffix}_", "dot_": f"gl_gemm_dot_{suffix}_"}
    kernels = renamed(kernels, exchange)
    wanted = [f"gl_{product}", *([f"gl_{product}_batch"] if batch else [])]
    for name in wanted:
        own = name.removeprefix("gl_").replace(product, "gemm")
        kernels = kernels.replace(f"gl_gemm_{own}_{suffix}(", f"{name}(")
    plain = "\n\n".join(
        one.text
        for one in definitions([header("products.h", [Path(__file__).parent / "c"], set())])
        if one.name in wanted
    )
    return "\n".join(
        [
            f"#if {VECTORS}",
            "/* Matrix products by kernels for vector registers.",
            "",
            f"   {comment[comment.index('Products of') :].strip()}",
            f"#define GL_DOUBLE {is_double}",
            "#define GL_FEW 0",
            kernels.strip(),
            "#undef GL_DOUBLE",
            "#undef GL_FEW",
            "#else",
            "/* Matrix products in plain loops: c = alpha * op(a) op(b) + beta * c, row-major. */",
            plain,
            "#endif",
        ]
    )
