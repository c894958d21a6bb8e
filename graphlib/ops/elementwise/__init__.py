# ruff: noqa: F401  (the names that others take from here)
"""Elementwise operations, a row each in the tables of ``arithmetic``, ``comparison`` (with logic and
choices), ``exponential``, ``trigonometric`` and ``special``; ``row`` says what a row is, ``casts`` changes
dtypes."""

from __future__ import annotations

from ..op import ALL
from .arithmetic import (
    abs_,
    add,
    ceil,
    clip,
    floor,
    floor_div,
    identity,
    inv,
    leaky_rectify,
    maximum,
    minimum,
    mod,
    mul,
    neg,
    rectify,
    round_half_away_from_zero,
    round_half_to_even,
    sgn,
    sqr,
    sqrt,
    sub,
    true_div,
    trunc,
)
from .casts import Cast, cast
from .comparison import and_, eq, ge, gt, invert, isinf, isnan, le, lt, neq, or_, switch, xor
from .exponential import (
    exp,
    exp2,
    exp_up_to_0,
    expm1,
    log,
    log1mexp,
    log1p,
    log2,
    log10,
    logaddexp,
    pow_,
    sigmoid,
    softplus,
    xlogx,
    xlogy0,
)
from .row import (
    ARITHMETIC,
    CHOICE,
    COMPARISON,
    FLOATING,
    LOGICAL,
    ROWS,
    Elementwise,
    Failure,
    broadcast_at,
    elementwise,
    may_fail,
    sum_to_shape_of,
)
from .special import (
    erf,
    erfc,
    erfcx,
    gammainc,
    gammaincc,
    gammaln,
    i0,
    i1,
    iv,
    j0,
    j1,
    jv,
    log_erfc,
    psi,
    tri_gamma,
)
from .trigonometric import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    hypot,
    sin,
    sinh,
    tan,
    tanh,
)
