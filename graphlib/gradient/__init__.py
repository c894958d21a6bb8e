"""Differentiation: gradients as ordinary expressions, and what steers them.

``backward`` goes through a graph from its results to its leaves, ``branches`` keeps what was not chosen from
making NaN, ``cuts`` says where gradients end inside loops, ``scan`` is the gradient of a loop, which is a
loop, ``jacobian`` has the matrices.
"""

from ..ops.barriers import consider_constant, disconnected_grad, grad_clip, grad_scale, zero_grad
from . import scan
from .backward import Lop, Rop, grad, subgraph_grad
from .jacobian import hessian, jacobian

__all__ = [
    "Lop",
    "Rop",
    "consider_constant",
    "disconnected_grad",
    "grad",
    "grad_clip",
    "grad_scale",
    "hessian",
    "jacobian",
    "scan",
    "subgraph_grad",
    "zero_grad",
]
