"""Names that mean something else in C, its headers, CUDA or the generated file, or are no names there."""

import warnings

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

from ..ops.backends import BACKENDS, compiled

NAMES = """
    auto break case char const continue default do double else enum extern float for goto if inline int
    long register restrict return short signed sizeof static struct switch typedef union unsigned void
    volatile while asm typeof _Bool _Complex _Generic __attribute__ __LINE__ __func__ __GNUC__ defined
    true false bool nullptr class template M_PI M_E HUGE_VAL HUGE_VALF INFINITY NAN I NULL EOF errno
    stdin stdout stderr environ linux unix EXIT_SUCCESS RAND_MAX BUFSIZ CLOCKS_PER_SEC CLOCK_MONOTONIC
    FP_NAN MATH_ERRNO math_errhandling INT64_MAX INT64_C UINT8_C PRId64 DBL_MAX assert offsetof isnan
    signbit y0 j1 gamma exp expf sqrt floor div index memcpy malloc free calloc main size_t int64_t
    uint8_t float32 gl_array gl_index gl_run gl_prepare GL_DATA GL_LENGTH GL_INLINE GL_MAX_CHUNKS
    GL_MAX_AXES State s args rt inner arrays lengths0 done moves run turns tile step0 loop context chunk
    begin end state place code out k arena capacity wrong bad bad_index seconds calls allocated
    allocated_count batch clock now row0 size0 shape0 out0 t0 i0 i1 r3 n0 n_0 u b2 b3 v_x v_ x_0 x_1 loops_0
    loops_1_part0 push_0 leaf constant failed blockIdx threadIdx gridDim warpSize __global__ __shared__
    half float4 dim3 GL_EACH_THREAD atomicExch
""".split() + [
    "", " ", "x y", "1a", "a-b", "α", "x²", "名前", "🙂", "*/", "/*", "a*/ int x; /*", "//", "\\", "x\\",
    "\n#error no\n", '"', "'", "{0}", "%s", "a\0b", "\udc80", "??/", "x" * 5000, "x" * 5001,
]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_name(backend):
    """All at once, and each twice: of an input and of a shared variable, of an output, of a function and a
    loop."""
    inputs = [T.vector(name) for name in NAMES]
    shareds = [graphlib.shared(np.full(3, k, "float32"), name=name) for k, name in enumerate(NAMES)]
    outputs = []
    for x, s in zip(inputs, shareds, strict=True):
        y = x * s
        y.name = s.name
        outputs.append(y)
    total, _ = graphlib.scan(
        lambda a, b: a + b, sequences=inputs[:1], outputs_info=[inputs[1][0]], name=NAMES[-16]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = compiled(
            backend,
            inputs,
            [*outputs, total],
            updates=[(s, s + 1) for s in shareds],
            name="a */ name\n\0\udc80",
        )
    values = [np.arange(3, dtype="float32") + k for k in range(len(NAMES))]
    *results, total = f(*values)
    for k, result in enumerate(results):
        np.testing.assert_array_equal(result, values[k] * k, err_msg=repr(NAMES[k]))
        np.testing.assert_array_equal(shareds[k].get_value(), np.full(3, k + 1), err_msg=repr(NAMES[k]))
    np.testing.assert_array_equal(total, np.cumsum(values[0]) + values[1][0])
