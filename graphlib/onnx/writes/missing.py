"""What ONNX has no form of, and why."""

from __future__ import annotations

from typing import NoReturn

from ...graph import Apply
from ...ops.factorizations import Lapack
from ...ops.generators import Generator
from ...ops.host import HostOp
from ...ops.random import Draw
from ..writer import Writer, refused, writes


@writes(Draw, Generator)
def _draw(w: Writer, node: Apply) -> NoReturn:
    raise refused(node, "its random numbers are none that a seed determines")


@writes(Lapack)
def _linear_algebra(w: Writer, node: Apply) -> NoReturn:
    raise refused(node, "it has no linear algebra but products and the determinant")


@writes(HostOp)
def _python(w: Writer, node: Apply) -> NoReturn:
    raise refused(node, "it calls back into Python")
