"""Generated kernels compile for real GPUs, and products keep their tiles in registers.

All kernels of the registry's samples are in kernels.md, which ``python -m tests.cuda.kernel_table`` writes;
here are the models' kernels for every architecture and an operation of each kind.
"""

import pytest

from . import kernel_table

#: an operation for each way in which kernels are written
KINDS = (
    *("exp", "sum", "argmax", "softmax", "dot", "cumsum", "sort", "nonzero", "psi", "mod", "concatenate"),
    *("conv2d", "pool_2d"),
)


def test_kernels_compile_and_products_do_not_spill():
    texts = kernel_table.sources([k for k in KINDS if k in kernel_table.ENTRIES], ("float32",), models=False)
    models = {title: text for title, text in texts.items() if " " in title and "gradient" not in title}
    others = {title: text for title, text in texts.items() if title not in models}
    rows = kernel_table.compiled(models) + kernel_table.compiled(others, ["sm_80"])
    products = [row for row in rows if row["gemm"]]
    assert {row["arch"] for row in products} == set(kernel_table.ARCHITECTURES)
    for row in products:
        assert row["spills"] == 0, row
        assert row["registers"] <= 128, row  # two blocks of 256 threads fit on a multiprocessor
    assert len(models) == 2 and {row["title"] for row in rows} == set(texts)


def test_what_does_not_compile_is_an_error_with_the_compilers_words():
    with pytest.raises(RuntimeError, match="undefined_name"):
        kernel_table.compiled({"wrong": 'extern "C" __global__ void f() { undefined_name; }'}, ["sm_80"])
