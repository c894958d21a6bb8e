"""A finding as a Python program that a person can run: it needs graphlib and NumPy only."""

from __future__ import annotations

import numpy as np

from .compare import MODES, Finding, by_reference, by_torch, float_outputs
from .program import Program, array_text, body_text, packed


def text_of(finding: Finding, against: str) -> str:
    """The source, with the results that are wanted where they are known."""
    program = Program.from_json(finding.programs[0])
    floats = float_outputs(program)
    wanted = None
    if finding.kind == "value":
        wanted = by_torch(program, floats) if against == "torch" else by_reference([program], [floats])[0]
    mode = finding.mode if finding.mode in MODES else "fast_run"
    settings = MODES[mode]
    title = f"{finding.label}, {finding.mode}: {finding.kind} {finding.result} {finding.message}".strip()
    lines = [f"# {line}" for line in title.splitlines()]
    lines += [
        "import sys",
        "",
        "import numpy as np",
        "",
        "import graphlib",
        "import graphlib.tensor as T",
        "",
    ]
    lines += [
        f"graphlib.config.{name} = {value!r}"
        for name, value in {"floatX": program.floatX, **settings}.items()
    ]
    given = [i for i in program.inputs if not i.shared]
    shared = [i for i in program.inputs if i.shared]
    lines += [f'{i.name} = T.TensorType("{i.dtype}", {tuple(i.static)})("{i.name}")' for i in given]
    lines += [f'{i.name} = graphlib.shared({array_text(i.values[0])}, name="{i.name}")' for i in shared]
    text = body_text(program, floats, True)
    if "rng." in text:
        lines.append(f"rng = T.shared_randomstreams.RandomStreams({program.seed})")
    lines += [text.rstrip()]
    updates = ", ".join(f"({s}, {v})" for s, v in program.updates.items())
    variables = ", ".join(i.name for i in given)
    options = f"updates=[{updates}], on_unused_input='ignore'"
    lines.append(f"f = graphlib.function([{variables}], results, {options})")
    lines += ["", "calls = ["]
    lines += [f"    [{', '.join(array_text(i.values[c]) for i in given)}]," for c in range(program.calls)]
    lines.append("]")
    if wanted is None:
        lines += ["for arguments in calls:", "    print(*f(*arguments), sep='\\n')"]
        return "\n".join(lines) + "\n"
    source = "PyTorch in float64" if against == "torch" else "the reference backend"
    lines.append(f"wanted = [  # by {source}, and how far off is excused")
    for call in wanted.calls:
        lines.append("    [")
        for array, bound in call[: len(wanted.names) - len(shared)]:
            limit = packed(np.minimum(np.asarray(bound, float), 1e300))
            lines.append(f"        ({array_text(packed(array))}, {array_text(limit)}),")
        lines.append("    ],")
    lines += [
        "]", f"names = {wanted.names}", "wrong = False",
        "for arguments, values in zip(calls, wanted):",
        "    for name, got, (value, bound) in zip(names, f(*arguments), values):",
        "        if got.shape != value.shape or not np.all(np.abs(got.astype(float) - value) <= bound):",
        "            wrong = True",
        "            print(f'{name}: wanted\\n{value}\\ngot\\n{got}')",
        "sys.exit(wrong)",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
