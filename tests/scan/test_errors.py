"""Mistakes are told with the variable's name and the user's line: while the graph is built where lengths are
known, else at the call."""

import inspect
import re

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import DTypeError, InputError, ShapeError

from .modes import compiled, on_each_mode

HERE = re.escape("test_errors.py")


def line() -> str:
    """The line this is called from, as messages write it."""
    return f'File "{__file__}", line {inspect.currentframe().f_back.f_lineno}'


def test_outputs_and_infos_must_be_as_many():
    x = T.vector("x")
    with pytest.raises(InputError, match=r"fn returns 1 outputs?, outputs_info has 2"):
        graphlib.scan(lambda v: v, x, outputs_info=[None, None])
    with pytest.raises(InputError, match=r"scan chain: fn returns 2 outputs, outputs_info has 1"):
        graphlib.scan(lambda v: [v, v], x, outputs_info=[None], name="chain")


def test_a_state_may_not_change_its_dimensions():
    h = T.vector("start")
    with pytest.raises((ShapeError, DTypeError, InputError), match=rf"output 0.*start.*{HERE}"):
        graphlib.scan(lambda v: v.sum(), outputs_info=h, n_steps=2)
    known = T.vector("start", shape=(3,))
    with pytest.raises(ShapeError, match=rf"start.*{HERE}"):
        graphlib.scan(lambda v: T.concatenate([v, v]), outputs_info=known, n_steps=2)


@on_each_mode
def test_a_state_may_not_change_its_length_at_a_call(mode):
    h = T.vector("start")
    out, _ = graphlib.scan(lambda v: T.concatenate([v, v]), outputs_info=h, n_steps=2)
    f = compiled(mode, [h], out)
    with pytest.raises(ShapeError, match=HERE):
        f([1, 2])
    assert f(np.zeros(0, "float32")).shape == (2, 0)


def test_a_state_may_not_change_its_dtype():
    h = T.vector("start", dtype="float32")
    with pytest.raises(DTypeError, match=rf"start.*{HERE}"):
        graphlib.scan(lambda v: v.astype("float64"), outputs_info=h, n_steps=2)
    count = T.lscalar("count")
    with pytest.raises(DTypeError, match=rf"count.*{HERE}"):
        graphlib.scan(lambda k: k / 2, outputs_info=count, n_steps=2)
    with pytest.raises(DTypeError, match=r"or begin with a value of dtype float32$"):
        graphlib.scan(lambda k: k + T.scalar(), outputs_info=np.zeros((), int), n_steps=2)


def test_an_update_may_not_change_the_dtype():
    count = graphlib.shared(np.int64(0), "count")
    with pytest.raises(DTypeError, match="count"):
        graphlib.scan(lambda: {count: count + 0.5}, n_steps=2)


def test_without_sequences_n_steps_is_needed():
    with pytest.raises(InputError, match="n_steps must be given"):
        graphlib.scan(lambda v: v, outputs_info=T.scalar())


def test_n_steps_is_a_number():
    with pytest.raises((DTypeError, ShapeError, InputError), match=rf"n_steps.*{HERE}"):
        graphlib.scan(lambda v: v, outputs_info=T.scalar(), n_steps=T.vector("n"))
    with pytest.raises((DTypeError, InputError), match=rf"n_steps.*n.*{HERE}"):
        graphlib.scan(lambda v: v, outputs_info=T.scalar(), n_steps=T.scalar("n"))
    with pytest.raises(InputError, match="go_backwards=True"):
        graphlib.scan(lambda v: v, outputs_info=T.scalar(), n_steps=-1)


def test_a_sequence_is_no_scalar():
    with pytest.raises(ShapeError, match=rf"s .*{HERE}.* is a scalar"):
        graphlib.scan(lambda v: v, T.scalar("s"))


@pytest.mark.parametrize("item", [{"taps": [0]}, {"input": None}])
def test_a_sequence_without_a_variable(item):
    with pytest.raises(InputError, match="sequence is a variable or dict"):
        graphlib.scan(lambda v: v, item)


def test_a_sequence_with_a_misspelt_word():
    with pytest.raises(InputError, match="tabs"):
        graphlib.scan(lambda v: v, {"input": T.vector(), "tabs": [0, 1]})


@pytest.mark.parametrize("taps", [[0], [-1, 1], []])
def test_taps_of_outputs_are_negative(taps):
    with pytest.raises(InputError, match="taps of an output are negative"):
        graphlib.scan(lambda *v: v[0], outputs_info={"initial": T.vector(), "taps": taps}, n_steps=2)


def test_taps_need_as_many_initial_values():
    with pytest.raises(ShapeError, match=rf"need 3 initial values, got start .*{HERE}"):
        graphlib.scan(
            lambda v: v, outputs_info={"initial": T.vector("start", shape=(2,)), "taps": [-3]}, n_steps=2
        )
    with pytest.raises(ShapeError, match=rf"need 2 initial values, got start .*{HERE}"):
        graphlib.scan(lambda v: v, outputs_info={"initial": T.scalar("start"), "taps": [-2]}, n_steps=2)
    with pytest.raises(InputError, match="needs an initial value"):
        graphlib.scan(lambda v: v, outputs_info={"taps": [-1]}, n_steps=2)


@on_each_mode
def test_taps_need_as_many_initial_values_at_a_call(mode):
    h = T.vector("start")
    out, _ = graphlib.scan(lambda v: v + 1, outputs_info={"initial": h, "taps": [-3]}, n_steps=4)
    f = compiled(mode, [h], out)
    assert f([1, 2, 3]).tolist() == [2, 3, 4, 3]
    with pytest.raises(ShapeError, match=HERE):
        f([1, 2])


def test_an_info_with_a_misspelt_word():
    with pytest.raises(InputError, match="no inital; there are initial and taps"):
        graphlib.scan(lambda v: v, outputs_info={"inital": T.vector()}, n_steps=2)


def test_a_step_with_other_parameters():
    with pytest.raises(
        InputError, match=r"scan pair: .* 2 rows of sequences, .* too many positional argument"
    ):
        graphlib.scan(lambda v: v, [T.vector(), T.vector()], name="pair")
    with pytest.raises(InputError, match=r"1 rows .*, 0 last values .*missing a required argument: 'h'"):
        graphlib.scan(lambda row, h: row + h, T.vector())
    with pytest.raises(InputError, match="not a callable"):
        graphlib.scan(T.vector(), T.vector())


def test_a_mistake_in_a_step_is_no_mistake_of_its_parameters():
    def step(row):
        return max(row, 1, 2, key="no function")

    with pytest.raises(TypeError, match="'str' object is not callable"):
        graphlib.scan(step, T.vector())


def test_outputs_that_were_not_taken_apart():
    """What scan returns are outputs and updates."""
    h = graphlib.scan(lambda v: v + 1, T.vector())
    for part in (h, h[-1]):
        with pytest.raises(DTypeError, match=r"updates.*outputs, updates = graphlib\.scan\(\.\.\.\)"):
            T.exp(part)


def test_only_shared_variables_are_updated():
    x = T.vector("x")
    with pytest.raises(InputError, match=r"only shared variables can be updated in a step, not x"):
        graphlib.scan(lambda v: {x: v}, x)


def test_until_needs_one_truth_value_and_comes_last():
    x = T.matrix("x")
    with pytest.raises(ShapeError, match=rf"scalar condition, not .*{HERE}"):
        graphlib.scan(lambda row: (row, graphlib.until(row > 0)), x)
    with pytest.raises(InputError, match="comes last"):
        graphlib.scan(lambda row: [row, [graphlib.until(row[0] > 0)]], x)


def test_rows_must_have_a_shape_that_is_known_before_the_loop():
    n = T.ivector("lengths")
    with pytest.raises(ShapeError, match=rf"all steps must give the same shape|{HERE}"):
        graphlib.scan(lambda k: T.arange(k), n)


@on_each_mode
def test_a_mistake_inside_a_step_names_its_line(mode):
    x, w = T.matrix("x"), T.matrix("w")
    out, _ = graphlib.scan(lambda row: T.dot(row, w), x)
    f = compiled(mode, [x, w], out)
    with pytest.raises(ShapeError, match=HERE):
        f(np.ones((2, 3), "float32"), np.ones((2, 2), "float32"))


@on_each_mode
@pytest.mark.parametrize("form", ["shared", "given", "computed"])
def test_what_a_step_takes_from_outside_is_named_with_its_own_line(mode, form):
    x, start, given = T.matrix("x"), T.vector("start"), T.matrix("given")
    if form == "shared":
        u, here = graphlib.shared(np.ones((2, 2), "float32"), "shared"), line()
    elif form == "given":
        u, here = T.matrix("given"), line()
    else:
        u, here = T.tanh(given), line()
    out, _ = graphlib.scan(lambda row, h: row + T.dot(h, u), x, start)
    inputs = [x, start] + {"shared": [], "given": [u], "computed": [given]}[form]
    f = compiled(mode, inputs, out)
    values = [np.ones((4, 2)), np.ones(3), np.ones((2, 2))][: len(inputs)]
    with pytest.raises(ShapeError) as error:
        f(*[value.astype("float32") for value in values])
    assert here in str(error.value)


@on_each_mode
def test_an_index_out_of_range_inside_a_step(mode):
    x, i = T.vector("x"), T.ivector("i")
    out, _ = graphlib.scan(lambda k: x[k], i)
    f = compiled(mode, [x, i], out)
    assert f([1, 2], np.array([1, 0], "int32")).tolist() == [2, 1]
    with pytest.raises(IndexError, match=HERE):
        f([1, 2], np.array([1, 2], "int32"))
    # a function goes on after a failed call
    assert f([1, 2], np.array([1, 0], "int32")).tolist() == [2, 1]


@on_each_mode
def test_an_index_out_of_range_in_a_step_that_is_not_made(mode):
    x, i, n = T.vector("x"), T.ivector("i"), T.iscalar("n")
    out, _ = graphlib.scan(lambda k: x[k], i, n_steps=n)
    f = compiled(mode, [x, i, n], out)
    assert f([1, 2], np.array([1, 7], "int32"), 1).tolist() == [2]
    assert f([1, 2], np.array([7], "int32"), 0).tolist() == []


@on_each_mode
@pytest.mark.parametrize("form", ["state", "sequence", "gradient"])
def test_a_negative_number_of_steps_at_a_call(mode, form):
    x, n = T.matrix("x"), T.lscalar("n")
    if form == "sequence":
        out, _ = graphlib.scan(lambda row: T.tanh(row), x, n_steps=n)
    else:
        out, _ = graphlib.scan(lambda h: T.tanh(h), outputs_info=x, n_steps=n)
    f = compiled(mode, [x, n], T.grad(out.sum(), x) if form == "gradient" else out)
    a = np.ones((2, 3), "float32")
    assert f(a, 0).shape == {"state": (0, 2, 3), "sequence": (0, 3), "gradient": (2, 3)}[form]
    with pytest.raises(ShapeError, match=rf"steps.* n .*{HERE}.* is -1; .*go_backwards"):
        f(a, -1)


@on_each_mode
@pytest.mark.parametrize("form", ["state", "index", "length"])
def test_a_call_that_fails_leaves_shared_variables_as_they_were(mode, form):
    """Also where what fails is computed from the new value."""
    x = T.vector("x")
    w = graphlib.shared(np.ones(3, "float32"), "w")
    new = T.tanh(w) * x
    if form == "state":
        out, _ = graphlib.scan(lambda h: T.concatenate([h, h])[1:] * new.sum(), outputs_info=x, n_steps=2)
    elif form == "index":
        out, _ = graphlib.scan(lambda k: new[k], T.arange(5))
    else:
        out = T.arange(5)[: T.cast(new.sum(), "int64")] + x
    f = compiled(mode, [x], out, updates=[(w, new)])
    with pytest.raises((ShapeError, IndexError)):
        f(np.ones(3, "float32"))
    assert w.get_value().tolist() == [1, 1, 1]


@on_each_mode
def test_the_last_value_of_a_loop_that_makes_no_step(mode):
    x, s0 = T.matrix("x"), T.vector("s0")
    (s, y), _ = graphlib.scan(lambda row, s: (s + row, s * row), x, [s0, None])
    f = compiled(mode, [x, s0], s[-1])
    g = compiled(mode, [x, s0], y[-1])
    for function in (f, g):
        assert function([[1, 2]], [3, 4]).shape == (2,)
        with pytest.raises((ShapeError, IndexError)):
            function(np.zeros((0, 2), "float32"), [3, 4])


def test_a_strict_loop_uses_only_the_shared_variables_that_are_given():
    w, b = graphlib.shared(np.float32(2), "w"), graphlib.shared(np.float32(1), "b")
    x = T.fvector("x")
    with pytest.raises(InputError, match=r"scan decay is strict, and fn uses b .*non_sequences"):
        graphlib.scan(
            lambda row, h, w: w * h + row + b, x, T.zeros((), "float32"), w, name="decay", strict=True
        )
    outputs, _ = graphlib.scan(
        lambda row, h, twice, b: twice * h + row + b, x, T.zeros((), "float32"), [2 * w, b], strict=True
    )
    assert graphlib.function([x], outputs)([1, 2]).tolist() == [2, 11]
    draws = T.shared_randomstreams.RandomStreams(1)
    noisy, _ = graphlib.scan(lambda row: row + draws.uniform(()), x, strict=True)
    assert graphlib.function([x], noisy)([0, 0]).shape == (2,)
