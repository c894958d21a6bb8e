"""One batch of programs as one compiled function, its results held against what they should be.

What they should be says PyTorch in float64, or graphlib's reference backend. How far a result may be from it
is measured, not guessed: the same program is run with every intermediate result disturbed (PyTorch), or with
its inputs disturbed (reference), and a difference is excused by a small multiple of what rounding errors
would do at that rate.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.errors import GradientError, ShapeError

from . import in_numpy
from .grow import evaluate
from .program import Program, body_text, result_names

#: name -> settings of graphlib.config
MODES = {
    "fast_run": {"mode": "fast_run", "device": "cpu"},
    "reference": {"mode": "reference", "device": "cpu"},
    "cuda-emulated": {"mode": "fast_run", "device": "cuda-emulated", "cublas": False},
}

#: unit roundoff, and the size of the disturbance that measures what it does
ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}
NOISE = {"float64": 1e-10, "float32": 2.0**-23}
#: how much more than the measured effect of rounding errors is excused
EXCUSE = {"float64": 1024, "float32": 256}
#: how a loop is refused whose steps need not give the same shape, such as those that count what they found
SAME_SHAPE = "all steps must give the same shape"
#: in float64 this is what is left where values around 1 cancel; another order leaves another rest, or none
NOTHING = 32 * 2.0**-53
#: a result that rounding may change by more than this part of it is not compared
LOOSE = {"float64": 1e-4, "float32": 5e-2}


@dataclass
class Finding:
    """A program that went wrong: in which mode, how, and what was seen."""

    label: str
    mode: str
    kind: str
    message: str
    result: str = ""
    call: int = 0
    programs: list = field(default_factory=list)


@dataclass
class Wanted:
    """Of one program: for each call (names of shared variables included) arrays, bounds of their errors."""

    names: list[str]
    calls: list[list[tuple[np.ndarray, np.ndarray]]]


@dataclass
class Tally:
    """What was compared, and what could not be."""

    programs: int = 0
    results: int = 0
    exact: int = 0
    ill_conditioned: int = 0
    not_finite: int = 0
    without_gradient: int = 0
    refused: int = 0
    operations: dict[str, int] = field(default_factory=dict)

    def add(self, other: dict) -> None:
        for name, value in other.items():
            if name == "operations":
                for key, count in value.items():
                    self.operations[key] = self.operations.get(key, 0) + count
            else:
                setattr(self, name, getattr(self, name) + value)


def float_outputs(program: Program) -> list[str]:
    """The outputs that are floats: those that a cost is made of."""
    space = evaluate(program)[0]
    return [name for name in program.outputs if space[name].dtype.kind == "f"]


# graphlib


@dataclass
class Built:
    inputs: list
    shared: list
    results: list
    updates: list
    names: list[str]


def built(program: Program, floats: list[str]) -> Built:
    """The program's text executed by graphlib, with its derivatives."""
    with graphlib.config.change(floatX=program.floatX):
        space: dict[str, Any] = {
            "graphlib": graphlib, "T": T, "np": np, "rng": T.shared_randomstreams.RandomStreams(program.seed),
        }  # fmt: skip
        for i in program.inputs:
            if i.shared:
                space[i.name] = graphlib.shared(i.array(0), name=i.name)
            else:
                space[i.name] = T.TensorType(i.dtype, i.static)(i.name)
        exec(compile(body_text(program, floats, True), f"<program {program.label}>", "exec"), space)
    shared = [space[i.name] for i in program.inputs if i.shared]
    given = [space[i.name] for i in program.inputs if not i.shared]
    updates = list(zip((space[s] for s in program.updates), space["updated"], strict=True))
    return Built(given, shared, space["results"], updates, result_names(program, floats))


def laid_out(array: np.ndarray, how: int) -> np.ndarray:
    """The array in one of several layouts of memory."""
    if how == 1:
        array = np.array(array, order="F")
    elif how == 2 and array.ndim:
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif how == 3 and array.ndim:
        array = array[::-1].copy()[::-1]
    return array


class Compiled:
    """Programs as one function in a mode."""

    def __init__(self, programs: Sequence[Program], floats: Sequence[list[str]], mode: str) -> None:
        self.programs = programs
        with graphlib.config.change(**MODES[mode]):
            self.parts = [built(p, f) for p, f in zip(programs, floats, strict=True)]
            self.function = graphlib.function(
                [v for b in self.parts for v in b.inputs], [v for b in self.parts for v in b.results],
                updates=[u for b in self.parts for u in b.updates], on_unused_input="ignore",
            )  # fmt: skip

    def reset(self) -> None:
        for program, part in zip(self.programs, self.parts, strict=True):
            initial = [i.array(0) for i in program.inputs if i.shared]
            for variable, array in zip(part.shared, initial, strict=True):
                variable.set_value(array)

    def call(self, call: int, disturb: Any = lambda a: a) -> list[list[np.ndarray]]:
        """For each program its results, and its shared variables after the call."""
        arguments = []
        for k, program in enumerate(self.programs):
            given = [i.array(call) for i in program.inputs if not i.shared]
            arguments += [disturb(laid_out(a, (k + j + call) % 5)) for j, a in enumerate(given)]
        flat = iter(self.function(*arguments))
        return [
            [np.asarray(next(flat)) for _ in part.results] + [np.array(s.get_value()) for s in part.shared]
            for part in self.parts
        ]


# what the results should be


def _bounded(arrays: list[np.ndarray], disturbed: list[list[np.ndarray]], floatX: str, ratio: float) -> list:
    """(array, bound) of each result, from its values in runs that were disturbed."""
    found = []
    for k, array in enumerate(arrays):
        if array.dtype.kind != "f":
            moved = np.zeros(array.shape, bool)
            for run in disturbed:
                moved = moved | (run[k] != array if run[k].shape == array.shape else True)
            found.append((array, np.where(moved, np.inf, 0.0)))
            continue
        moved = np.zeros(array.shape)
        with np.errstate(all="ignore"):
            for run in disturbed:
                if run[k].shape != array.shape:
                    moved = moved + np.inf
                else:
                    moved = np.fmax(moved, np.abs(run[k] - array)) + 0 * run[k]
            moved = np.where(np.isnan(moved), np.inf, moved)
            least = np.max(moved[np.isfinite(moved)], initial=0.0) * 1e-2
            bound = (
                EXCUSE[floatX] * (np.maximum(moved, least) * ratio + ROUNDOFF[floatX] * np.abs(array))
                + 1e-300
            )
            rest = np.where(np.abs(array) <= NOTHING, EXCUSE[floatX] * ROUNDOFF[floatX], 0)
            bound = np.maximum(bound, rest)
        found.append((array, bound))
    return found


def by_torch(program: Program, floats: list[str], runs: int = 4) -> Wanted:
    """By PyTorch in float64."""
    from . import in_torch

    text = compile(body_text(program, floats, False), "program in PyTorch", "exec")

    def run(noise: float, seed: int) -> list[list[np.ndarray]]:
        rng = in_torch.Streams(program.seed, program.floatX)
        state = {i.name: in_torch.tensor(i.array(0)) for i in program.inputs if i.shared}
        results = []
        note = in_torch.Noise(noise, seed)
        for call in range(program.calls):
            space: dict[str, Any] = {**in_torch.names(note), "rng": rng}
            space.update(state)
            space.update({i.name: in_torch.tensor(i.array(call)) for i in program.inputs if not i.shared})
            for name in program.wrt:
                space[name] = note(space[name]).requires_grad_()
            exec(text, space)
            state = {name: v.detach() for name, v in state.items()}
            state.update({name: space[new].detach() for name, new in program.updates.items()})
            values = *space["results"], *state.values()
            results.append([v.detach().numpy(force=True).copy() for v in values])
        return results

    plain = run(0.0, 0)
    disturbed = [run(NOISE[program.floatX], k + 1) for k in range(runs)]
    ratio = ROUNDOFF[program.floatX] / NOISE[program.floatX]
    names = result_names(program, floats) + [i.name for i in program.inputs if i.shared]
    return Wanted(names, [
        _bounded(plain[c], [d[c] for d in disturbed], program.floatX, ratio) for c in range(program.calls)
    ])  # fmt: skip


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0))


def by_reference(programs: Sequence[Program], floats: Sequence[list[str]]) -> list[Wanted]:
    """Outputs and updates by NumPy, derivatives by graphlib's reference backend."""
    compiled = Compiled(programs, floats, "reference")
    random = np.random.RandomState(0)

    def disturb(array: np.ndarray) -> np.ndarray:
        if array.dtype.kind != "f":
            return array
        change = size[array.dtype.name] * random.choice([-1, 1], array.shape)
        return (array * (1 + change)).astype(array.dtype)

    size = {"float64": 1e-9, "float32": 1e-5}
    plain = [compiled.call(c) for c in range(programs[0].calls)]
    compiled = Compiled(programs, floats, "reference")
    moved = [compiled.call(c, disturb) for c in range(programs[0].calls)]
    result = []
    for k, (program, part) in enumerate(zip(programs, compiled.parts, strict=True)):
        # inputs alone are disturbed, so much more is excused than where every row is
        ratio = 64 * ROUNDOFF[program.floatX] / size[program.floatX]
        calls = [_bounded(plain[c][k], [moved[c][k]], program.floatX, ratio) for c in range(program.calls)]
        for call in calls:
            # what cancels in a derivative is as large as the program's other results, or 1
            whole = max((_largest(array) for array, _ in call if array.dtype.kind == "f"), default=0.0)
            for j, (array, bound) in enumerate(call):
                if array.dtype.kind == "f":
                    more = 1e4 * _largest(array) + 64 * max(whole, 1.0)
                    call[j] = array, bound + ROUNDOFF[program.floatX] * more
        for call, space in zip(calls, evaluate(program), strict=True):
            for j, name in enumerate(program.outputs):
                call[j] = np.asarray(space[name]), call[j][1]
            shared = [i.name for i in program.inputs if i.shared]
            for j, name in enumerate(shared, len(call) - len(shared)):
                call[j] = np.asarray(space[program.updates.get(name, name)]), call[j][1]
        result.append(Wanted(part.names + [s.name for s in part.shared], calls))
    return result


# the comparison


def disagreement(got: np.ndarray, wanted: np.ndarray, bound: np.ndarray, floatX: str, tally: Tally) -> str:
    """'' or what is wrong with a result."""
    if got.shape != wanted.shape:
        return f"shape {got.shape} instead of {wanted.shape}"
    if (got.dtype.kind == "f") != (wanted.dtype.kind == "f"):
        return f"dtype {got.dtype} instead of {wanted.dtype}"
    if got.dtype.kind == "f" and got.dtype.name != floatX:
        return f"dtype {got.dtype} in a program of {floatX}"
    tally.results += 1
    if wanted.dtype.kind != "f":
        tally.exact += 1
        wrong = (got != wanted) & (bound == 0)
    else:
        tally.not_finite += int(not np.all(np.isfinite(wanted)))
        scale = np.maximum(np.abs(wanted), _largest(wanted))
        loose = ~(bound < LOOSE[floatX] * scale + 1e-30) & (wanted != 0)
        tally.ill_conditioned += int(np.any(loose & np.isfinite(wanted)))
        with np.errstate(invalid="ignore"):
            near = np.abs(got.astype("float64") - wanted) <= bound
        wrong = ~near & np.isfinite(wanted) & ~np.isinf(bound)
    if not np.any(wrong):
        return ""
    place = tuple(int(n) for n in np.argwhere(wrong)[0])
    limit = f", {float(bound[place]):.1e} is excused" if wanted.dtype.kind == "f" else ""
    values = f"got {got[place].item()!r}, wanted {wanted[place].item()!r}{limit}"
    return f"at {place}: {values}; {int(wrong.sum())} of {wrong.size} wrong"


def check(programs: Sequence[Program], modes: Sequence[str], against: str) -> tuple[list[Finding], Tally]:
    """Everything that goes wrong with a batch; an error of a batch is looked for in one program after the
    other."""
    tally = Tally(programs=len(programs))
    programs = [p.copy() for p in programs]
    floats = [float_outputs(p) for p in programs]
    findings: list[Finding] = []

    def error(where: str, program: Program | None, problem: BaseException) -> None:
        lines = traceback.format_exception(type(problem), problem, problem.__traceback__)
        own = [program] if program is not None else programs
        message = "".join(lines[-4:])[-1500:]
        findings.append(
            Finding(own[0].label, where, type(problem).__name__, message, programs=[asdict(p) for p in own])
        )

    # what has no gradient is tried without one
    keep = []
    for k, program in enumerate(programs):
        try:
            for _ in range(3):
                with contextlib.suppress(GradientError):
                    built(program, floats[k])
                    break
                tally.without_gradient += 1
                program.order -= 1
            keep.append(k)
        except Exception as problem:
            if isinstance(problem, ShapeError) and SAME_SHAPE in str(problem):
                tally.refused += 1
            else:
                error("building", program, problem)
    programs, floats = [programs[k] for k in keep], [floats[k] for k in keep]
    for program in programs:
        for name in program.operations():
            tally.operations[name] = tally.operations.get(name, 0) + 1
    if not programs:
        return findings, tally
    if against == "torch":
        wanted = []
        keep = []
        for k, program in enumerate(programs):
            try:
                wanted.append(by_torch(program, floats[k]))
                keep.append(k)
            except Exception as problem:
                error("PyTorch", program, problem)
        programs, floats = [programs[k] for k in keep], [floats[k] for k in keep]
    else:
        try:
            wanted = by_reference(programs, floats)
        except Exception as problem:
            if len(programs) == 1:
                error("reference", programs[0], problem)
                return findings, tally
            return _one_by_one(programs, modes, against, findings, tally)
    for mode in modes:
        try:
            compiled = Compiled(programs, floats, mode)
            calls = [compiled.call(c) for c in range(programs[0].calls)]
        except Exception as problem:
            if len(programs) == 1:
                error(mode, programs[0], problem)
                continue
            return _one_by_one(programs, modes, against, findings, tally)
        for k, program in enumerate(programs):
            for c, results in enumerate(calls):
                wrong = _first_wrong(program, wanted[k], results[k], c, tally)
                if wrong:
                    name, message = wrong
                    findings.append(
                        Finding(program.label, mode, "value", message, name, c, [asdict(program)])
                    )
                    break
    return findings, tally


def _first_wrong(program: Program, wanted: Wanted, results: list, call: int, tally: Tally) -> tuple | None:
    for name, got, (want, bound) in zip(wanted.names, results, wanted.calls[call], strict=True):
        message = disagreement(got, want, bound, program.floatX, tally)
        if message:
            return name, message
    return None


def _one_by_one(programs, modes, against, findings, tally):
    for program in programs:
        more, counted = check([program], modes, against)
        findings += more
        tally.add({**asdict(counted), "programs": 0, "operations": {}})
    return findings, tally


__all__ = ["MODES", "Finding", "Tally", "check", "in_numpy"]
