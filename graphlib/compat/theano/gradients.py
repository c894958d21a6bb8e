"""``theano.gradient``: what the gradient of a program's own operation may say besides an expression, and the
names of what steers gradients."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...errors import DisconnectedInputError, GradientError
from ...ops.barriers import (
    GradientBarrier,
    consider_constant,
    disconnected_grad,
    grad_clip,
    grad_scale,
    undefined_grad,
    zero_grad,
)
from ...ops.op import NoGradient
from .sparse.calls import grad as _grad

__all__ = [
    "DisconnectedInputError",
    "DisconnectedType",
    "GradClip",
    "GradScale",
    "GradientError",
    "NullType",
    "NullTypeGradError",
    "consider_constant_",
    "disconnected_grad_",
    "disconnected_type",
    "format_as",
    "grad",
    "grad_not_implemented",
    "grad_undefined",
    "null_type",
    "undefined_grad",
    "zero_grad_",
]

NullTypeGradError = GradientError
consider_constant_, disconnected_grad_, zero_grad_ = consider_constant, disconnected_grad, zero_grad


class Disconnected:
    """What stands in place of the gradient by an input that an output does not depend on."""

    @property
    def type(self) -> DisconnectedType:
        return disconnected_type


class Undefined(NoGradient):
    """What stands in place of a gradient that there is not."""

    @property
    def type(self) -> NullType:
        return NullType(self.why)


class DisconnectedType:
    """``DisconnectedType()()`` as a gradient: the output does not depend on this input."""

    def __call__(self, name: str | None = None) -> Disconnected:
        return Disconnected()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DisconnectedType)

    def __hash__(self) -> int:
        return hash(DisconnectedType)

    def __str__(self) -> str:
        return "DisconnectedType"


disconnected_type = DisconnectedType()


class NullType:
    """``NullType("why")()`` as a gradient: there is none, and to ask for it is an error."""

    def __init__(self, why_null: str = "it is not defined") -> None:
        self.why_null = why_null

    def __call__(self, name: str | None = None) -> Undefined:
        return Undefined(self.why_null)

    def __str__(self) -> str:
        return "NullType"


null_type = NullType()


def grad_undefined(op: Any, x_pos: int, x: Any, comment: str = "") -> Undefined:
    """The gradient by input ``x_pos``, which is mathematically not defined."""
    return Undefined(f"that by its input {x_pos}, {x}, is not defined. {comment}".rstrip())


def grad_not_implemented(op: Any, x_pos: int, x: Any, comment: str = "") -> Undefined:
    """The gradient by input ``x_pos``, which nobody has written."""
    return Undefined(f"that by its input {x_pos}, {x}, is not implemented. {comment}".rstrip())


def GradClip(clip_lower_bound: float, clip_upper_bound: float) -> Any:
    """``grad_clip`` with its bounds."""
    return lambda x: grad_clip(x, clip_lower_bound, clip_upper_bound)


def GradScale(multiplier: float) -> Any:
    """``grad_scale`` with its factor."""
    return lambda x: grad_scale(x, multiplier)


undefined_grad_ = undefined_grad


class _Barriers(type):
    kind: str
    function: Any

    def __call__(cls) -> Any:
        return cls.function

    def __instancecheck__(cls, candidate: Any) -> bool:
        return isinstance(candidate, GradientBarrier) and candidate.kind == cls.kind


class ConsiderConstant(metaclass=_Barriers):
    """``ConsiderConstant()`` is ``consider_constant``; nodes' operations of its kind are instances."""

    kind, function = "stop", staticmethod(consider_constant)


class ZeroGrad(ConsiderConstant):
    """``zero_grad``."""


class DisconnectedGrad(metaclass=_Barriers):
    """``disconnected_grad``."""

    kind, function = "disconnect", staticmethod(disconnected_grad)


class UndefinedGrad(metaclass=_Barriers):
    """``undefined_grad``."""

    kind, function = "undefined", staticmethod(undefined_grad)


def format_as(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """``outputs`` as a list, a tuple or, of one, itself."""
    if use_list and use_tuple:
        raise ValueError("format_as: a list or a tuple, not both")
    several = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if use_list or use_tuple:
        return several if use_list else tuple(several)
    if len(several) != 1:
        raise ValueError(f"format_as: {len(several)} outputs are a list or a tuple")
    return several[0]


def grad(cost: Any, wrt: Any, *settings: Any, **named: Any) -> Any:
    """``graphlib.grad``, by sparse variables too, as a tuple where ``wrt`` is one.

    return_disconnected may be 'Disconnected', and null_gradients 'return': objects whose ``type`` is a
    DisconnectedType or NullType stand for such gradients.
    Errors: NullTypeGradError and ValueError where the cost itself is such an object.
    """
    if isinstance(cost, Undefined):
        raise NullTypeGradError(
            f"grad: the cost is no variable, but a gradient that there is not: {cost.why}"
        )
    if isinstance(cost, Disconnected):
        raise ValueError("grad: the cost is no variable, but the gradient of what depends on nothing")
    for v, g in list((named.get("known_grads") or {}).items()):
        if isinstance(g, Undefined):
            raise NullTypeGradError(f"grad: that of {v.describe()} is said not to be: {g.why}")
        if isinstance(g, Disconnected):
            named["known_grads"] = {u: h for u, h in named["known_grads"].items() if u is not v}
            if not named["known_grads"] and v is cost:
                raise DisconnectedInputError(f"grad: {v.describe()} is said to depend on nothing")
    marks = named.get("return_disconnected") == "Disconnected"
    if marks:
        named["return_disconnected"] = "None"
    found = _grad(cost, wrt, *settings, **named)
    several = isinstance(found, (list, tuple))
    made = [_of_theano(g, marks) for g in (found if several else [found])]
    if not several:
        return made[0]
    return tuple(made) if isinstance(wrt, tuple) else made


def _of_theano(g: Any, marks: bool) -> Any:
    if isinstance(g, NoGradient):
        return Undefined(g.why)
    return Disconnected() if g is None and marks else g


class numeric_grad:
    """Finite differences of a function of arrays: ``numeric_grad(f, [x, y]).gf`` has an array for each.

    eps: the step; by default 1e-7 in float64, 3e-4 where a float32 occurs.
    """

    type_eps: ClassVar[dict[str, float]] = {"float64": 1e-7, "float32": 3e-4}

    def __init__(self, f: Any, pt: Any, eps: float | None = None, out_type: Any = None) -> None:
        self.gx: Any
        single = not isinstance(pt, (list, tuple))
        points = [np.array(p) for p in ([pt] if single else pt)]
        narrow = any(p.dtype == np.float32 for p in points) or out_type == "float32"
        step = eps if eps is not None else self.type_eps["float32" if narrow else "float64"]
        start = np.asarray(f(*points), "float64")
        found = []
        for k, p in enumerate(points):
            slopes = np.zeros(p.shape, p.dtype)
            for place in np.ndindex(p.shape):
                moved = [q.copy() for q in points]
                moved[k][place] += step
                taken = float(moved[k][place]) - float(p[place])
                slopes[place] = (np.asarray(f(*moved), "float64") - start).sum() / taken
            found.append(slopes)
        self.gf = found[0] if single else found

    @staticmethod
    def abs_rel_err(a: Any, b: Any) -> tuple[Any, Any]:
        """Absolute and relative errors of two arrays; the relative ones of the sum of their sizes."""
        difference = abs(a - b)
        return difference, difference / np.maximum(abs(a) + abs(b), [1e-8])

    def abs_rel_errors(self, g_pt: Any) -> list:
        """Those of the finite differences and of gradients."""
        given = g_pt if isinstance(g_pt, (list, tuple)) else [g_pt]
        own = self.gf if isinstance(self.gf, list) else [self.gf]
        if len(given) != len(own):
            raise ValueError(f"{len(own)} gradients are wanted, not {len(given)}")
        return [self.abs_rel_err(a, b) for a, b in zip(given, own, strict=True)]

    def max_err(self, g_pt: Any, abs_tol: float, rel_tol: float) -> tuple:
        """Which gradient is off most, at which element, and by how much, absolutely and relatively."""
        worst = []
        for absolute, relative in self.abs_rel_errors(g_pt):
            size = np.minimum(absolute / abs_tol, relative / rel_tol)
            place = int(np.argmax(size))
            worst.append((size.flat[place], place, absolute.flat[place], relative.flat[place]))
        number = int(np.argmax([w[0] for w in worst]))
        return (number, *worst[number][1:])
