"""Nothing is skipped silently, and the last line is true."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.__main__ import STEPS, Outcome, Step, close, run
from tests.limits import LIMIT_SECONDS
from tests.report import REPORT_VARIABLE, Tally, read_tallies, summary

ROOT = Path(__file__).parents[1]

_TESTS = """
import pytest

def test_one(): pass
def test_two(): pass
def test_broken(): assert False
@pytest.fixture
def broken(): raise ValueError
def test_never_reached(broken): pass
@pytest.mark.skip
def test_without_a_reason(): pass
@pytest.mark.skipif(True, reason="no moon")
def test_moon(): pass
def test_sun(): pytest.skip("no sun")
def test_stars(): pytest.skip("no sun")
@pytest.mark.xfail(reason="known")
def test_known(): assert False
@pytest.mark.slow
def test_slow(): pass
"""


def _run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.report",
        "-c",
        str(folder / "pytest.ini"),
        *options,
    ]
    return subprocess.run(
        [*command, str(folder)],
        cwd=ROOT,
        env=os.environ | {REPORT_VARIABLE: str(folder / "report.jsonl")},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((), id="one process"),
        pytest.param(("-n", "2"), id="two processes", marks=pytest.mark.slow),
    ],
)
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a folder with tests of every outcome, which were run twice, in two parts."""
    folder = tmp_path_factory.mktemp("outcomes")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\n", encoding="utf-8")
    (folder / "test_outcomes.py").write_text(_TESTS, encoding="utf-8")
    (folder / "test_whole.py").write_text(
        "import pytest\npytest.skip('no file', allow_module_level=True)\n", encoding="utf-8"
    )
    first = _run_pytest(folder, *request.param, "-m", "not slow", "-k", "not two")
    assert first.returncode == 1
    (folder / "output.txt").write_text(first.stdout, encoding="utf-8")
    assert _run_pytest(folder, *request.param, "-m", "not slow", "-k", "two").returncode == 0
    return folder


def test_each_outcome_is_counted_once_over_the_runs(folder: Path) -> None:
    tally = read_tallies(folder / "report.jsonl")
    assert (tally.passed, tally.failed, tally.expected_failures) == (2, 2, 1)
    whole = next(reason for reason in tally.skipped if reason.startswith("no file"))
    assert tally.skipped == {"no sun": 2, "no moon": 1, "unconditional skip": 1, whole: 2}
    assert len(tally.slow) == 1


def test_a_run_by_itself_tells_its_skips_too(folder: Path) -> None:
    lines = (folder / "output.txt").read_text(encoding="utf-8").splitlines()
    assert "     2 x no sun" in lines
    assert "left out 1 slow test: make soak runs them" in lines


def test_what_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert read_tallies(tmp_path / "no such file") == Tally()
    assert list(summary(Tally(passed=3))) == []


def test_reasons_that_differ_in_a_file_name_are_one_line() -> None:
    reasons = {"ws/a.txt.gz is not here": 2, "bars/b.zip is not here": 1, "x.csv is empty": 4}
    lines = list(summary(Tally(skipped=collections.Counter(reasons))))
    assert lines[1:] == ["     4 x x.csv is empty", "     3 x (a file) is not here"]


def _outcome(name: str, code: int, tally: Tally | None = None) -> Outcome:
    (step,) = [step for step in STEPS if step.name == name]
    return Outcome(step, code, 1.0, tally or Tally())


@pytest.mark.parametrize(
    ("outcomes", "code", "last"),
    [
        ([_outcome("lint", 0), _outcome("unit", 0, Tally(passed=3))], 0, "4 passed, 0 failed, 0 skipped"),
        ([_outcome("lint", 1), _outcome("unit", 0, Tally(passed=3))], 1, "3 passed, 1 failed, 0 skipped"),
        ([_outcome("unit", 1, Tally(passed=3, failed=2))], 1, "3 passed, 2 failed, 0 skipped"),
        ([_outcome("unit", -11)], 1, "0 passed, 1 failed, 0 skipped"),
        ([_outcome("kernel", 5)], 1, "0 passed, 1 failed, 0 skipped"),
        (
            [_outcome("browser", 0, Tally(passed=1, skipped=collections.Counter({"no sun": 2})))],
            0,
            "1 passed, 0 failed, 2 skipped",
        ),
    ],
)
def test_the_last_line_and_the_exit_code_agree(
    outcomes: list[Outcome], code: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert close(outcomes) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == last
    assert lines[-2].startswith("FAILED: ") == bool(code)
    assert any("2 x no sun" in line for line in lines) == last.endswith("2 skipped")


def test_an_unknown_step_is_refused_with_the_known_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests", "lnt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "no step 'lnt'" in done.stderr
    assert "lint" in done.stderr


def test_a_step_that_hangs_is_ended_and_has_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = Step(
        "endless", "never over", (sys.executable, "-c", "import time; time.sleep(3600)"), limit=0.5
    )
    outcome = run(endless, tmp_path)
    assert (outcome.passed, outcome.code) == (False, 124)
    assert "took longer than" in capsys.readouterr().out
