"""From the rendered text of a program to its native code."""

from __future__ import annotations

import ctypes
from typing import Any

from ...schedule.plan import Call, Plan, Product
from .native import SIGNATURES, Native, Output
from .units import linked


def native_code(stages: Any) -> tuple[Native, ctypes.CDLL]:
    """The native code of a program that has gone through all ``stages`` (see compile/pipeline.py), and its
    driver.

    Errors: CompileError.
    """
    plan, program, rendered = stages.plan, stages.final, stages.rendered
    found = linked(rendered.driver, rendered.units, tuple(SIGNATURES), rendered.computes)
    shapes = [tuple(n.constant for n in shape) for shape in plan.shapes]
    outputs = [
        Output(v.dtype, shape, k in plan.data_dependent)
        for k, (v, shape) in enumerate(zip(program.outputs, shapes, strict=True))
    ]
    updated = list(stages.rewritten.updates)
    native = Native(
        found.driver,
        found.units,
        tuple(_needs(plan)),
        tuple(c.array for c in plan.constants),
        tuple(s.type.shape for s in program.shareds),
        tuple(outputs),
        tuple(updated.index(s) for s in stages.resized),
    )
    return native, found.library


def _needs(plan: Plan) -> list[str]:
    """The dtypes of products that are needed, and "lapack" or "mpi" if that is called."""
    actions = [a for part in plan.all() for step in part.steps for a in step.actions]
    calls = [a for a in actions if isinstance(a, Call)]
    found = {a.target.dtype for a in actions if isinstance(a, Product)}
    found |= {a.operands[0].dtype for a in calls if a.team}
    found |= {a.needs for a in calls}
    return sorted(found & {"float32", "float64", "lapack", "mpi"})
