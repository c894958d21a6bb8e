"""What is told about the names of run files."""

import pytest

import graphlib.nn
from graphlib.nn import listing
from graphlib.nn.storage import UserError


def test_kinds_names_and_parameters_are_told():
    assert "optimizer: adadelta, adagrad, adam" in listing.kinds()
    assert "metric: accuracy, error" in listing.kinds()
    assert any(line.startswith("early_stopping ") for line in listing.kind("monitor").splitlines())
    told = listing.name("dense").splitlines()
    assert told[0] == "layer dense"
    for line in (
        "  units: a whole number, at least 1; needed",
        "  activation: an activation or null; default null",
        "  learning_rate_multiplier: a number or names, each with a number; default 1.0",
    ):
        assert line in told
    assert "  learning_rate: a number, at least 0 or a schedule; default 0.01" in listing.name("sgd")
    assert "  split: 'random' or 'end'; default 'random'" in listing.name("csv")
    # a name of two kinds: both are told
    assert [each in listing.name("constant") for each in ("initializer constant", "schedule constant")] == [
        True
    ] * 2
    with pytest.raises(UserError, match="there is no 'dens'; did you mean dense"):
        listing.name("dens")


def test_every_public_name_is_there():
    for name in graphlib.nn.__all__:
        assert getattr(graphlib.nn, name) is not None
