"""``python -m tests``: every check there is, one after the other; ``make test`` calls this.

Name steps to run only those: ``python -m tests lint unit``; ``python -m tests --list`` tells what there is.
The exit code is 0 when all of them passed. The closing lines count what was skipped, and why.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chromium import install_chromium
from tests.line_coverage import ENGINE_WANTED, Lines, measure, measuring, read_lines, told
from tests.report import REPORT_VARIABLE, Tally, read_tallies, summary

__all__ = ["STEPS", "Outcome", "Step", "close", "main", "run"]

ROOT = Path(__file__).parents[1]
_SCRIPTS = Path(sys.executable).parent
_TOO_LONG = 124
"""Exit code of a step that was ended, as ``timeout`` of the GNU core utilities gives it."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One check: a command that ends with 0 when it holds."""

    name: str
    what: str
    command: tuple[str, ...]
    by_default: bool = True
    measured: bool = False
    """Whether the lines that it runs are noted."""
    limit: float | None = 2400.0
    """Seconds after which it is ended and has failed: what hangs must not keep the rest from being told."""

    @property
    def counts_itself(self) -> bool:
        """Whether it runs tests that are counted one by one."""
        return "pytest" in self.command


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _pytest(marks: str, *arguments: str) -> tuple[str, ...]:
    return _python("pytest", "-m", marks, *arguments)


_IN_THREE = ("-n", "3", "--dist", "loadfile")

# To find the tests of a step in all files takes each of its processes as long as a dozen tests.
_WITH_KERNELS = ("tests/kernel", "tests/test_planted_token.py")
_WITH_BROWSERS = (
    "tests/browser",
    "tests/benchmarks/test_chart_benchmark.py",
    "tests/widgets/chart/test_chart_files.py",
)

# Python 3.11 has no cheap way to tell which lines run: it takes twice the time there, for those who ask.
_MEASURES_LINES = sys.version_info >= (3, 12) or bool(os.environ.get("MDNB_MEASURE_LINES"))

STEPS = (
    Step("format", "the source is formatted", _python("ruff", "format", "--check", ".")),
    Step("lint", "no known mistake", _python("ruff", "check", ".")),
    Step("types", "types fit, mypy --strict", _python("mypy")),
    Step("imports", "imports go one way", (str(_SCRIPTS / "lint-imports"),)),
    Step("js-lint", "no known mistake in the JavaScript", _python("tests.frontend", "lint")),
    Step("js-types", "its types fit, tsc --checkJs", _python("tests.frontend", "types")),
    Step("js-unit", "its unit tests, without a browser", _python("tests.frontend", "unit")),
    Step(
        "docs",
        "the documentation builds, and nothing in it leads nowhere",
        _python("sphinx", "-E", "-W", "--keep-going", "-q", "-j", "auto", ".docs", "build/docs"),
    ),
    Step("doctest", "examples in docstrings are true", _python("pytest", "--doctest-modules", "mdnb")),
    Step(
        "unit",
        "unit and property tests",
        # A file as a whole in one of three processes, which wait for a third of the time.
        # In the order of tests/line_coverage.py, not the files of most tests first.
        _pytest("not (kernel or browser or notebook or slow)", "tests", *_IN_THREE, "--no-loadscope-reorder"),
        measured=_MEASURES_LINES,
    ),
    Step(
        "kernel",
        "in a real kernel",
        # Each of the three waits for kernels of its own.
        _pytest("kernel and not (browser or notebook or slow)", *_WITH_KERNELS, *_IN_THREE),
    ),
    Step(
        "notebooks",
        "every notebook, top to bottom",
        _python("pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300", "notebooks"),
    ),
    Step(
        "browser",
        "in a real browser",
        # Each of the three has a browser and a JupyterLab of its own; mostly they wait for them.
        _pytest("browser and not slow", *_WITH_BROWSERS, *_IN_THREE),
    ),
    Step(
        "soak",
        "the slow tests",
        _pytest("slow", "tests", "-o", "faulthandler_timeout=7200"),
        by_default=False,
        limit=None,
    ),
)

_LINES = Step("lines", "the tests run the engine's lines", ())


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    step: Step
    code: int
    seconds: float
    tally: Tally

    @property
    def passed(self) -> bool:
        return self.code == 0

    def total(self) -> Tally:
        """Return its counts; a step without counts of its own is one check, as is one that broke off."""
        if self.passed:
            return self.tally if self.step.counts_itself else Tally(passed=1)
        return self.tally if self.tally.failed else self.tally + Tally(failed=1)

    def line(self) -> str:
        tally = self.tally
        counts = {"passed": tally.passed, "failed": tally.failed, "skipped": tally.skipped.total()}
        words = [f"{count} {name}" for name, count in counts.items() if count]
        if not self.passed and not tally.failed:
            words.append(f"FAILED ({self._why()})")
        return f"{self.step.name:10} {', '.join(words or ['passed']):40} {self.seconds:6.0f} s"

    def _why(self) -> str:
        return "no test was found" if self.step.counts_itself and self.code == 5 else f"exit code {self.code}"


def run(step: Step, folder: Path) -> Outcome:
    """Run a check; its counts, and the lines it ran, go through files in a folder."""
    report = folder / f"{step.name}.jsonl"
    print(f"\n== {step.name}: {step.what}", flush=True)
    start = time.monotonic()
    command, environment = measuring(step.command, folder) if step.measured else (step.command, {})
    # Else each of some hundred processes compiles the package, and each that runs tests these, too.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        code = subprocess.run(
            command,
            cwd=ROOT,
            # lint-imports draws boxes, which the code page of a Windows pipe may not have.
            env=inherited | {REPORT_VARIABLE: str(report), "PYTHONIOENCODING": "utf-8"} | environment,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=step.limit,
        ).returncode
    except subprocess.TimeoutExpired:
        code = _TOO_LONG
        print(f"ended: it took longer than {step.limit:.0f} s", flush=True)
    return Outcome(step, code, time.monotonic() - start, read_tallies(report))


def _chosen(names: Sequence[str]) -> list[Step]:
    known = {step.name: step for step in STEPS}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"no step {unknown[0]!r}; there are {', '.join(known)}")
    return [known[name] for name in names] or [step for step in STEPS if step.by_default]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps named, all but the slow ones by default; return 0 when all passed."""
    parser = argparse.ArgumentParser("python -m tests", description="Check everything.")
    parser.add_argument("steps", nargs="*", metavar="step", help="run only these")
    parser.add_argument("--list", action="store_true", help="show the steps and their commands")
    given = parser.parse_args(arguments)
    steps = _chosen(given.steps)
    if given.list:
        for step in STEPS:
            print(f"{step.name:10} {step.what}: {' '.join(step.command)}")
        return 0
    if any(step.name in ("browser", "soak") for step in steps):
        install_chromium()
    with tempfile.TemporaryDirectory(prefix="mdnb-tests-") as folder:
        outcomes = [run(step, Path(folder)) for step in steps]
        measured = [outcome for outcome in outcomes if outcome.step.measured]
        files = read_lines(Path(folder)) if measured else []
    if files:
        # Tests that failed did not run all their lines: they are what is wrong then.
        enough = measure(files) >= ENGINE_WANTED or not all(outcome.passed for outcome in measured)
        outcomes.append(Outcome(_LINES, 0 if enough else 1, 0.0, Tally()))
    return close(outcomes, files)


def close(outcomes: Sequence[Outcome], files: Sequence[Lines] = ()) -> int:
    """Print the summary; return the exit code."""
    total = sum((outcome.total() for outcome in outcomes), Tally())
    print("\n== summary")
    for outcome in outcomes:
        print(outcome.line())
    for line in summary(total):
        print(line)
    for line in told(files) if files else ():
        print(line)
    if not _MEASURES_LINES and any(outcome.step.name == "unit" for outcome in outcomes):
        print("lines that ran are not measured on this Python; with MDNB_MEASURE_LINES=1 they are")
    failed = [outcome.step.name for outcome in outcomes if not outcome.passed]
    print(f"FAILED: {', '.join(failed)}" if failed else "everything that ran passed")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped.total()} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
