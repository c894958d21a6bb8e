"""``T.extra_ops``: what Theano keeps there."""

from ..ops.along_axis import cumprod, cumsum
from ..ops.nnet import to_one_hot
from ..ops.repeats import repeat
from ..ops.shape import squeeze

__all__ = ["cumprod", "cumsum", "repeat", "squeeze", "to_one_hot"]
