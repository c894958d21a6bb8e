"""What Theano computed of Python's objects: lists, slices, files, texts; and graphs mapped and copied.

Expected values are Python's and NumPy's own; errors are of the classes that Theano 1.0.5's tests name.
"""

import numpy as np
import pytest


@pytest.fixture
def T(theano):
    return theano.tensor


def test_typed_lists(theano, T):
    """Each operation against what a Python list does."""
    from theano.typed_list import TypedListType, make_list

    x, item, place = TypedListType(T.dmatrix)("x"), T.dmatrix("item"), T.lscalar("place")
    a, b = np.arange(6.0).reshape(2, 3), np.ones((1, 2))
    for made, wanted in (
        (x.append(item), [a, b, b]),
        (x.extend(make_list((item, item))), [a, b, b, b]),
        (x.insert(place, item), [a, b, b]),
        (x.remove(item), [a]),
        (x.reverse(), [b, a]),
        (x[place], b),
        (x[1:], [b]),
        (x.count(item), 1),
        (x.ind(item), 1),
        (x.__len__(), 2),
    ):
        found = theano.function([x, item, place], made, on_unused_input="ignore")([a, b], b, 1)
        pairs = zip(found, wanted, strict=True) if isinstance(wanted, list) else [(found, wanted)]
        assert all(np.array_equal(one, other) for one, other in pairs)
    given = [a]
    theano.function([x, item], x.append(item))(given, b)
    assert len(given) == 1
    nested = TypedListType(T.dmatrix, 2)
    assert nested.get_depth() == 2 and nested == TypedListType(TypedListType(TypedListType(T.dmatrix)))
    with pytest.raises(TypeError, match="does not hold"):
        x.append(T.dvector())
    with pytest.raises(TypeError, match="a scalar of int64"):
        x[T.dscalar()]
    with pytest.raises(TypeError, match="of one type"):
        make_list((T.dvector(), T.dmatrix()))
    with pytest.raises(ValueError, match="none of the 1"):
        theano.function([x, item], x.remove(item))([a], b)
    with pytest.raises(TypeError, match="takes the type"):
        TypedListType(None)


def test_slices(theano, T):
    x, s, n = T.matrix("x"), T.type_other.slicetype("s"), T.iscalar("n")
    values = np.arange(12.0).reshape(4, 3)
    f = theano.function([x, s], x[s, 1])
    assert np.array_equal(f(values, slice(1, 3)), values[1:3, 1])
    g = theano.function([x, n], x[T.type_other.make_slice(n, None)])
    assert np.array_equal(g(values, 2), values[2:])
    with pytest.raises(TypeError, match="takes a slice"):
        f(values, 2)
    with pytest.raises(TypeError, match="scalars of integers"):
        T.type_other.make_slice(T.dscalar())


def test_arrays_of_files(theano, T, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5, dtype="int32"))
    path = theano.generic("path")
    f = theano.function([path], T.load(path, "int32", (False,)) * 2)
    assert f(str(tmp_path / "a.npy")).tolist() == [0, 2, 4, 6, 8]
    mapped = theano.function([], T.load(str(tmp_path / "a.npy"), "int32", (False,), "c"))()
    assert isinstance(mapped, np.memmap)
    with pytest.raises(TypeError, match="holds int32"):
        theano.function([path], T.load(path, "int64", (False,)))(str(tmp_path / "a.npy"))
    with pytest.raises(ValueError, match="no file is written to"):
        T.load(path, "int32", (False,), "r+")


def test_shared_objects_and_choices(theano, T):
    from theano.ifelse import ifelse

    text, c = theano.shared("a text", "text"), T.iscalar("c")
    other = theano.generic("other")
    f = theano.function([c, other], ifelse(c, text, other))
    assert f(1, [1]) == "a text" and f(0, [1]) == [1]
    text.set_value([2])
    assert (
        f(1, None or "") == [2] and text.type == theano.generic and theano.shared([]).type == theano.generic
    )
    with pytest.raises(TypeError, match="different dtypes"):
        ifelse(c, T.dvector(), T.bvector())


def test_values_of_shared_variables_are_as_strict_as_they_were_made(theano):
    loose, strict = theano.shared(np.int64(7), allow_downcast=True), theano.shared(np.int64(7), strict=True)
    loose.set_value(8.25)
    assert loose.get_value() == 8 and loose.container.storage[0] == 8
    with pytest.raises(TypeError, match="strict=True"):
        strict.set_value(8)
    with pytest.raises(ValueError, match="set_value"):
        loose.set_value("adsf")
    loose.container.data = np.int64(3)
    assert loose.get_value() == 3


def test_what_inputs_take(theano, T):
    """Theano's rule: numbers are rounded for a scalar of floatX alone, arrays are not cast down."""
    with theano.config.change_flags(floatX="float64"):
        scalar = theano.function([x := T.fscalar()], x)
        vector = theano.function([v := T.fvector()], v)
        numbers = theano.function([i := T.bvector()], i)
    assert scalar(0.5) == 0.5 and vector([0.5, 1]).tolist() == [0.5, 1] and numbers([3]).tolist() == [3]
    for f, value in ((scalar, 0.1), (vector, [0.1]), (numbers, np.array([6], "int16")), (numbers, [312])):
        with pytest.raises(TypeError):
            f(value)
    assert theano.function([v], v, allow_input_downcast=True)([0.1]) == np.float32(0.1)


def test_variables_mapped_in_loops_too(theano, T):
    from theano.scan_module.scan_utils import map_variables

    x, y, z = T.vector("x"), T.scalar("y"), T.scalar("z")
    y.tag.replacement = z
    rows, _ = theano.scan(lambda row: row * y, sequences=x)
    (mapped,) = map_variables(lambda v: getattr(v.tag, "replacement", v), [rows])
    f = theano.function([x, y, z], [rows, mapped])
    assert np.array_equal(f([1.0, 2.0], 1.0, 2.0), [[1, 2], [2, 4]])
    counter = theano.shared(0.0, "counter")
    counter.update = counter + 1

    def step(row):
        made = row * 2
        made.tag.replacement = counter * row
        return made

    rows, _ = theano.scan(step, sequences=x)
    with pytest.raises(NotImplementedError, match="counter"):
        map_variables(lambda v: getattr(v.tag, "replacement", v), [rows])


def test_graphs_as_text(theano, T):
    from theano.gof.graph import as_string, clone

    x, y = T.scalar("x"), T.scalar("y")

    def node(n, parts):
        return f"{type(n.op).__name__}({' '.join(parts)})"

    z = T.exp(x)
    assert as_string([x, y], [z * z], node_formatter=node) == ["Elementwise(*1 -> Elementwise(x) *1)"]
    assert as_string([z], [z * y], str, node) == [f"Elementwise({z} y)"]
    (i,), (o,) = clone([x], [z * y])
    assert i is not x and theano.gof.graph.inputs([o])[0] is i and y not in theano.gof.graph.inputs([o])
    (i,), (o,) = clone([x], [z * y], False)
    assert i is x and y in theano.gof.graph.inputs([o]) and o is not z * y


def test_what_does_not_fit_is_an_error_at_the_call(theano, T):
    """As in Theano, where a graph may hold what nobody runs; ShapeErrors are ValueErrors."""
    a, b = T.constant(np.ones((2, 3))), T.constant(np.ones((4, 5)))
    with pytest.raises(ValueError):
        theano.function([], T.dot(a, b))()
    image, filters = T.constant(np.ones((1, 1, 3, 3))), T.constant(np.ones((1, 1, 5, 5)))
    made = T.nnet.conv2d(image, filters)
    with pytest.raises(ValueError):
        theano.function([], made)()
    x = T.dtensor4()
    made = T.nnet.conv2d(x, filters, input_shape=(None, 1, 3, 3), filter_shape=(1, 1, 5, 5))
    f = theano.function([x], made, mode="FAST_COMPILE")
    for length, kind in ((3, ValueError), (9, AssertionError)):
        with pytest.raises(kind):
            f(np.ones((2, 1, length, length)))
    f = theano.function([x], T.nnet.conv2d(x, filters, (1, 1, 8, 8), (1, 1, 5, 5)))
    with pytest.raises(AssertionError):
        f(np.ones((1, 1, 9, 9)))
    with pytest.raises(TypeError, match="window ends"):
        theano.function([x], T.nnet.neighbours.images2neibs(x, (2, 2)))(np.ones((1, 1, 5, 5)))
    with pytest.raises(AssertionError, match="no such length"):
        n = T.iscalars(4)
        theano.function(n, T.nnet.abstract_conv.assert_conv_shape(n))(3, 3, 0, 3)


def test_star_imports_bring_what_theano_had(theano):
    names: dict = {}
    exec("from theano import *\nfrom theano.tensor import *", names)
    assert names["np"] is np and names["theano"] is theano and {"basic", "dvector", "shared"} <= names.keys()


def test_what_theano_refuses_at_the_call_or_by_another_class(theano, T):
    """As Theano 1.0.5's tests have it."""
    x, n = T.dvector("x"), T.iscalar("n")
    f = theano.function([x], T.nlinalg.lstsq()(x, x, 1.0)[0])
    with pytest.raises(np.linalg.LinAlgError, match="takes a matrix"):
        f([1, 2])
    with pytest.raises(theano.gradient.NullTypeGradError):
        T.grad(T.elemwise.ProdWithoutZeros(axis=0)(x), x)
    assert T.elemwise.ProdWithoutZeros()(T.TensorType("uint8", (False,))()).dtype == "uint64"
    from theano.tensor.nnet.conv import conv2d

    image, filters = T.dtensor4("image"), T.dtensor4("filters")
    with pytest.raises(T.basic.NotScalarConstantError, match="neither a known number"):
        conv2d(image, filters, (1, 1, 8, n), (1, 1, 3, 3))
    with pytest.raises(AssertionError, match="channels"):
        conv2d(image, filters, (3, 2, 8, 8), (4, 3, 5, 5))
    for wrong in (2.5, T.fscalar()):
        with pytest.raises(ValueError, match="number of repeats"):
            T.tile(x, wrong)
    assert T.transpose(x).name == "x.T" and x.name == "x"
    s = T.lscalar("s")
    cut, turn = T.subtensor.get_canonical_form_slice(slice(None, None, s), x.shape[0])
    g = theano.function([x, s], x[cut][::turn])
    for step in (2, -1, -2):
        assert np.array_equal(g(np.arange(5.0), step), np.arange(5.0)[::step])
