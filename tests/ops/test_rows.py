"""What a row must say of an operation: a column that is missing is an error at once, none when something
runs."""

import numpy as np
import pytest

from graphlib.ops import REGISTRY
from graphlib.ops.elementwise import ARITHMETIC, elementwise
from graphlib.scalar.functions import CHEAP, FUNCTIONS, Text


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "nothing: give text=, which C and CUDA C share, or c= and cuda="),
        ({"c": "{0}"}, "nothing has no text in cuda"),
        ({"cuda": "{0}"}, "nothing has no text in c"),
        ({"text": "{0}", "c": "{0}"}, "give text="),
        ({"text": Text("{0}")}, "nothing has no text in c for operands of integer dtypes"),
        ({"c": "{0}", "cuda": Text(integer="{0}")}, "no text in cuda for operands of floating dtypes"),
        ({"text": "1"}, r"must have the operands \['0'\]"),
        ({"text": "{0} + {1}"}, r"but has \['0', '1'\]"),
        ({"text": "{fabs}({0})"}, r"but has \['0', 'fabs'\]"),
    ],
)
def test_a_row_without_its_texts_is_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        elementwise("nothing", np.copy, None, ARITHMETIC, cost=CHEAP, **columns)
    assert "nothing" not in REGISTRY
    assert "nothing" not in FUNCTIONS


def test_a_row_without_its_cost_is_refused():
    with pytest.raises(TypeError, match="cost"):
        elementwise("nothing", np.copy, None, text="{0}")


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="called exp"):
        elementwise("exp", np.exp, None, text="{0}", cost=CHEAP)
