"""onnx's own tests of its operators, on graphs that ``graphlib.onnx.load`` reads; what of them passes.

python -m tests.onnx.backend             a table
python -m tests.onnx.backend NAME…       what becomes of tests whose names hold one of these
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test.loader import load_node_model_tests

import graphlib
from graphlib.errors import GraphError, OnnxError

#: floats that are no inputs of a graph but say what it is
_SETTINGS = ("scales", "roi", "ratio", "depth", "lower_edge_hertz", "upper_edge_hertz")


def cases():
    """onnx's tests by name, once each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in load_node_model_tests() if case.model is not None}


def array(value):
    """One of a test's arrays; None for a sequence or another thing that is none."""
    if isinstance(value, (list, dict, tuple)) or value is None:
        return None
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def settings_of(case):
    """The inputs that only a graph of fixed lengths can take: axes, sizes, numbers of elements."""
    found = {}
    for value, given in zip(case.model.graph.input, case.data_sets[0][0], strict=False):
        a = array(given)
        if a is not None and ((a.dtype.kind in "iub" and a.ndim <= 1) or value.name in _SETTINGS):
            found[value.name] = a
    return found


def outcome(case, path):
    """'passes', 'with values' (for its settings), or why not: 'refused: …', 'differs: …'."""
    onnx.save(case.model, path)
    try:
        run(case, path, {})
        return "passes"
    except (GraphError, AssertionError, IndexError, ZeroDivisionError) as error:
        first = error
    settings = settings_of(case)
    if settings:
        try:
            run(case, path, settings)
            return "with values"
        except (GraphError, AssertionError, IndexError, ZeroDivisionError) as error:
            first = error
    kind = "refused" if isinstance(first, OnnxError) else "differs"
    return f"{kind}: {str(first).replace(str(path), 'it')}"


def flat(given):
    """Arrays, those of a sequence one by one; None, an optional value that is left out, is none."""
    return [
        array(a) for one in given for a in (one if isinstance(one, (list, tuple)) else [one]) if a is not None
    ]


def run(case, path, values):
    given = list(zip(case.model.graph.input, case.data_sets[0][0], strict=False))
    counts = {v.name: len(a) for v, a in given if isinstance(a, (list, tuple))}
    values = {**values, **{v.name: None for v, a in given if a is None}}
    model = graphlib.onnx.load(path, values=values, dims=counts)
    outputs = list(model.outputs.values())
    f = graphlib.function(model.inputs, outputs, mode="reference", on_unused_input="ignore")
    names = [v.name for v in case.model.graph.input]
    for inputs, wanted in case.data_sets:
        got = f(*flat(a for name, a in zip(names, inputs, strict=False) if name not in values))
        for a, b in zip(got, flat(wanted), strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape, (a.dtype, a.shape, b.dtype, b.shape)
            half = b.dtype.name == "float16"
            np.testing.assert_allclose(
                a.astype("float64"),
                b.astype("float64"),
                max(case.rtol or 1e-3, 2e-3 * half),
                max(case.atol or 0, 1e-6, 2e-3 * half),
            )


def reason(text):
    """What is missing, in a word: an operator, a dtype, another kind of value."""
    if "graphlib has no dtype" in text or " casts to " in text:
        return "dtypes that graphlib has not (bfloat16, float8, 4 and 2 bits, text)"
    if "Dropout" in text or "Random" in text or "Bernoulli" in text:
        return "random numbers"
    if " is of the domain " in text:
        return "operators outside of ONNX's main domain"
    if "differs" in text:
        return "graphs that load, and fail or differ"
    return "operators without counterpart, and forms of others"


def main(names):
    every = cases()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if names:
            for title, case in every.items():
                if any(name in title for name in names):
                    print(f"{title}: {outcome(case, path)}")
            return
        found = Counter()
        for case in every.values():
            text = outcome(case, path)
            found[text if text in ("passes", "with values") else reason(text)] += 1
    print(f"| of onnx {onnx.__version__}'s {len(every)} tests of operators | |\n|---|---|")
    print(f"| load, and give what they should | {found.pop('passes')} |")
    print(f"| the same, with values for axes, sizes and the like | {found.pop('with values')} |")
    for text, count in found.most_common():
        print(f"| {text} | {count} |")


if __name__ == "__main__":
    main(sys.argv[1:])
