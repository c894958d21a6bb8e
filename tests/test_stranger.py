"""Somebody who has docs/add-an-op.md alone adds to graphlib what it shows, each block in the one file it
names.

A copy of the checkout gets an elementwise operation, a reduction, an operation of a class, a rule with its
case, and an optimizer; the tests that are there already then try the operations, on every backend and with
their gradients, and a model is trained by the optimizer's name.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .documents import blocks_of

ROOT = Path(__file__).resolve().parent.parent
#: what each block begins with, and the file it goes to: one for an operation or a reduction
FILES = {
    "import numpy as np\n\nfrom graphlib.ops.elementwise.row": "graphlib/ops/elementwise/arithmetic.py",
    "from graphlib.ops.elementwise import exp\nfrom graphlib.ops.reduce": "graphlib/ops/reduce.py",
    "from graphlib.ops.elementwise import inv\nfrom graphlib.rewrite": "graphlib/rewrite/canonical.py",
    "from graphlib.graph import Apply, TensorType": "graphlib/ops/index.py",
    "def cycle(": "graphlib/ops/index.py",
    "from typing import Any\n\nfrom graphlib.nn.optimizers": "graphlib/nn/optimizers.py",
}
#: a rule goes to two: this is the other one, and where its case goes there
CASES, CASES_BEGIN = "tests/rewrite/test_rules.py", "CASES: dict[str, list[Case]] = {\n"


def test_a_page_is_enough_to_add_operations_and_a_rule(tmp_path):
    for part in ("pyproject.toml", "conftest.py", "graphlib", "tests", "tutorials/_checkout.py"):
        source, target = ROOT / part, tmp_path / part
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    page = (ROOT / "docs" / "add-an-op.md").read_text(encoding="utf-8")
    blocks = [block.code for block in blocks_of(page)]
    for beginning, name in FILES.items():
        (code,) = (block for block in blocks if block.startswith(beginning))
        with open(tmp_path / name, "a", encoding="utf-8") as file:
            file.write("\n\n" + code)
    (case,) = (line.strip() for line in page.splitlines() if line.startswith("    ") and "[Case(" in line)
    cases = (tmp_path / CASES).read_text(encoding="utf-8")
    (tmp_path / CASES).write_text(cases.replace(CASES_BEGIN, f"{CASES_BEGIN}    {case}\n"), encoding="utf-8")

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--numprocesses=0", "-p", "no:cacheprovider"),
            *("-k", "rsqrt or log_sum or cycle or every_rule_has_a_case or names_are_unique"),
            *("tests/ops/test_registry.py", "tests/rewrite/test_rules.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "passed" in run.stdout and "skipped" not in run.stdout
    train = subprocess.run(
        [sys.executable, "-c", TRAINED_BY_NAME],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert train.returncode == 0, train.stderr


TRAINED_BY_NAME = """
import numpy as np
from graphlib.nn import Dense, Model

x = np.random.RandomState(0).normal(size=(200, 3)).astype("float32")
model = Model([Dense(1)], "squared_error", {"signum": {"learning_rate": 0.01, "momentum": 0.5}})
losses = model.fit(x, x[:, :1] - x[:, 1:2], epochs=20, verbose=False)["loss"]
assert losses[-1] < 0.1 * losses[0], losses
"""
