"""``python -m tests.fuzz --graphs 5000 --seed 0 --against torch``: see README.md."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from .compare import MODES, Finding, Tally
from .program import Program
from .shrink import shrunk
from .stand_alone import text_of
from .workers import Worker, quick_compiler


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    for name, default, text in [
        ("graphs", 1000, "how many programs"),
        ("seed", 0, "programs SEED:FIRST, SEED:FIRST+1, ..."),
        ("first", 0, "the number of the first program"),
        ("batch", 20, "programs in one compiled function"),
        ("workers", 2, "processes"),
        ("limit", 60, "seconds that a program may take"),
        ("shrink", 30, "findings that are made smaller"),
    ]:
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} (default: %(default)s)")
    parser.add_argument("--against", choices=["torch", "reference"], default="torch", help="who is right")
    parser.add_argument("--modes", default=",".join(MODES), help="of them (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("fuzz-results"), help="folder of what is found")
    parser.add_argument("--quick", action="store_true", help="C without optimisation, compiled much faster")
    options = parser.parse_args(arguments)
    modes = options.modes.split(",")
    for mode in modes:
        if mode not in MODES:
            parser.error(f"no mode is called {mode!r}; there are {', '.join(MODES)}")
    return Run(options, modes).run()


class Run:
    def __init__(self, options: argparse.Namespace, modes: list[str]) -> None:
        self.options, self.modes = options, modes
        self.tally = Tally()
        self.findings: list[Finding] = []
        self.seen: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.local = threading.local()
        self.workers: list[Worker] = []

    def run(self) -> int:
        options = self.options
        options.out.mkdir(parents=True, exist_ok=True)
        if options.quick:
            flags = os.environ.get("GRAPHLIB_FLAGS", "")
            os.environ["GRAPHLIB_FLAGS"] = ",".join(
                filter(None, [flags, f"cc={quick_compiler(options.out)}"])
            )
        self.log = open(options.out / "findings.jsonl", "w")  # noqa: SIM115
        numbers = range(options.first, options.first + options.graphs)
        batches = [list(numbers[k : k + options.batch]) for k in range(0, len(numbers), options.batch)]
        start = time.monotonic()
        bar = tqdm(total=len(numbers), unit="graph", disable=not sys.stderr.isatty())
        try:
            with ThreadPoolExecutor(options.workers) as threads:
                waiting = {threads.submit(self.batch, batch): batch for batch in batches}
                for done, future in enumerate(as_completed(waiting), 1):
                    future.result()
                    bar.update(len(waiting[future]))
                    bar.set_postfix(found=len(self.findings))
                    if bar.disable and (done % 5 == 0 or done == len(batches)):
                        print(
                            f"{self.tally.programs} graphs, {self.tally.results} results, "
                            f"{len(self.findings)} findings, {time.monotonic() - start:.0f} s", flush=True,
                        )  # fmt: skip
        finally:
            bar.close()
            for worker in self.workers:
                worker.stop()
            self.log.close()
        report = self.report(time.monotonic() - start)
        (options.out / "report.txt").write_text(report)
        print(report)
        return bool(self.findings)

    def worker(self) -> Worker:
        if not hasattr(self.local, "worker"):
            self.local.worker = Worker(self.modes, self.options.against, self.options.limit)
            self.workers.append(self.local.worker)
        return self.local.worker

    def batch(self, numbers: list[int]) -> None:
        worker = self.worker()
        findings, tally = worker.check([(self.options.seed, n) for n in numbers])
        with self.lock:
            self.tally.add(asdict(tally))
        for finding in findings:
            self.take(finding, worker)

    def take(self, finding: Finding, worker: Worker) -> None:
        """Keeps a finding, made small, as a line of the log and as a program."""
        kind = signature(finding)
        with self.lock:
            self.findings.append(finding)
            self.seen[kind] += 1
            few = self.seen[kind] <= 3 and sum(min(n, 3) for n in self.seen.values()) <= self.options.shrink
        modes = finding.mode.split(",") if finding.mode.split(",")[0] in MODES else self.modes

        def again(program: Program) -> Finding | None:
            found, _ = worker.check([program.to_json()], modes)
            return next((f for f in found if f.kind == finding.kind and f.mode == finding.mode), None)

        if few and len(finding.programs) == 1:
            # what only goes wrong beside others is kept as it is
            alone = again(Program.from_json(finding.programs[0]))
            if alone is not None:
                finding = shrunk(alone, again)
            else:
                finding.message += "\n(not seen when the program runs alone)"
        name = f"{finding.label.replace(':', '-')}-{finding.mode.replace(',', '+')}-{finding.kind}.py"
        (self.options.out / name).write_text(text_of(finding, self.options.against))
        with self.lock:
            self.log.write(json.dumps({"signature": kind, **asdict(finding)}) + "\n")
            self.log.flush()

    def report(self, seconds: float) -> str:
        t = self.tally
        lines = [
            f"{t.programs} programs of seed {self.options.seed} from {self.options.first} on, "
            f"modes {', '.join(self.modes)}, against {self.options.against}, {seconds:.0f} s",
            f"{len(t.operations)} kinds of operation; {t.results} results compared ({t.exact} exactly); "
            f"parts of {t.ill_conditioned} not compared as rounding alone may change them; {t.not_finite} "
            f"not finite; {t.without_gradient} derivatives that do not exist; "
            f"{t.refused} programs refused for loops whose steps need not give the same shape",
            f"{len(self.findings)} findings",
        ]  # fmt: skip
        lines += [f"{count:5} {kind}" for kind, count in self.seen.most_common()]
        lines += ["operations: " + ", ".join(f"{k} {n}" for k, n in sorted(t.operations.items()))]
        return "\n".join(lines) + "\n"


def signature(finding: Finding) -> str:
    """Findings of one kind, as far as can be seen from outside."""
    last = finding.message.strip().splitlines()[-1] if finding.message.strip() else ""
    text = re.sub(r"<[^>]*>|'[^']*'|\"[^\"]*\"|[-\d.e]+", "_", last) if finding.kind != "value" else ""
    what = re.sub(r"\d+", "", finding.result.split("[")[0])
    return f"{finding.mode} {finding.kind} {what} {text}"[:160].strip()


if __name__ == "__main__":
    sys.exit(main())
