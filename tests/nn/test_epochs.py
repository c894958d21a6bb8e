"""The order of examples: another one in each epoch, and the same again where a run goes on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphlib.nn.epochs import Epochs


def shuffled(seed: int, n: int = 30) -> Epochs:
    return Epochs(lambda rng: rng.permutation(n), seed)


def test_every_epoch_has_all_examples_in_an_order_of_its_own():
    epochs = shuffled(1)
    assert len(epochs) == 30
    orders = [[int(epochs[index]) for index in range(30)] for _ in range(3)]
    assert all(sorted(order) == list(range(30)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    others = shuffled(2)
    assert [int(others[index]) for index in range(30)] != orders[0]


@given(seed=st.integers(0, 2**32 - 1), stop=st.integers(0, 89))
def test_order_goes_on_where_it_stopped(seed, stop):
    alone, stopped = shuffled(seed), shuffled(seed)
    order = [int(alone[index % 30]) for index in range(90)]
    assert [int(stopped[index % 30]) for index in range(stop)] == order[:stop]
    again = shuffled(seed)
    again.set_value(np.array(stopped.get_value()))
    assert [int(again[index % 30]) for index in range(stop, 90)] == order[stop:]
