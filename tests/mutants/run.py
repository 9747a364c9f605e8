"""Runs mutmut over one room, in a folder of its own under ``.mutants``, and reads what became of the mutants.

The folder keeps verdicts: a mutant that was noticed is not tried again while its function stays as it is.
Those that were not are tried again each time, since the tests may have changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.equivalent import Change
from tests.mutants.quick_first import FAILED_FILE, SECONDS_FILE
from tests.mutants.rooms import Room, room_of
from tests.mutants.sample import EVERY, Sample

__all__ = ["CACHE", "Mutant", "change_of", "failed_without_a_fault", "read_mutants", "run_room"]

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".mutants"
_SCRIPT = Path(sys.executable).parent / "mutmut"
# Tests start threads, which a process forked while they run would lack: hence the server that forks.
# The wall time a mutant has is that of its tests without a fault, of which it runs a part, and the constant.
_SETTINGS = """
[tool.mutmut]
source_paths = ["mdnb"]
only_mutate = {files}
do_not_mutate = {others}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = [
    "-p", "tests.mutants.quick_first",
    "-p", "tests.mutants.trampoline_frames",
    "-p", "no:cacheprovider",
    "-m", "not (kernel or browser or notebook or slow)",
    "-o", "faulthandler_timeout=0",
    {without}
]
process_isolation = "forkserver"
timeout_constant = 60.0
timeout_multiplier = 1.0
use_git_change_detection = false
"""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One fault and its end: ``killed``, ``survived``, ``timeout``, ``no tests``, …"""

    name: str
    file: str
    status: str


def run_room(room: Room, fresh: bool = False, children: int = 2, sample: Sample = EVERY) -> int:
    """Make the mutants of a room and run its tests against those of a sample; return mutmut's exit code."""
    folder = _folder(room)
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    # Python looks once whether a folder of its path is there: mutmut would make this one too late.
    (folder / "mutants").mkdir(parents=True, exist_ok=True)
    _link_tree(folder, room)
    _forget(folder, sample)
    environment = os.environ | {
        "HYPOTHESIS_PROFILE": "mutants",
        "MDNB_SHARED_DATA": os.environ.get("MDNB_SHARED_DATA") or str(ROOT.parent / "shared" / "data"),
        # Scripts that tests start must find the package with the fault, too.
        "PYTHONPATH": str(folder / "mutants"),
    }
    command = [str(_SCRIPT), "run", "--max-children", str(children), *sample.patterns()]
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode


def failed_without_a_fault(room: Room) -> str:
    """Return the test that failed though no fault was there, with its traceback; empty where none did."""
    path = _folder(room) / "mutants" / FAILED_FILE
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _folder(room: Room) -> Path:
    return CACHE / room.name.replace("/", "-")


def _link_tree(folder: Path, room: Room) -> None:
    """Lay out what mutmut wants to find in its folder: the sources, the tests, its settings."""
    for name in ("mdnb", "tests"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name, target_is_directory=True)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings += _SETTINGS.format(
        files=json.dumps(room.files),
        others=json.dumps([pattern for inner in room.inner() for pattern in inner.files]),
        tests=json.dumps(room.tests),
        without="".join(f'"--deselect={test}", ' for test in room.without),
    )
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")


def _forget(folder: Path, sample: Sample) -> None:
    """Forget what is known of the tests, those that are gone, and who of the sample lived."""
    for name in ("mutmut-stats.json", SECONDS_FILE, FAILED_FILE):
        (folder / "mutants" / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)
    for path in (folder / "mutants").rglob("*.py.meta"):
        meta = json.loads(path.read_text(encoding="utf-8"))
        codes = meta["exit_code_by_key"]
        meta["exit_code_by_key"] = {
            name: code if code == 1 or not sample.takes(name) else None for name, code in codes.items()
        }
        path.write_text(json.dumps(meta), encoding="utf-8")


def read_mutants(room: Room) -> Iterator[Mutant]:
    """Yield the mutants of a room as the last run left them."""
    from mutmut.stats import status_by_exit_code

    folder = _folder(room) / "mutants"
    for path in sorted((folder / "mdnb").rglob("*.py.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        file = path.relative_to(folder).as_posix().removesuffix(".meta")
        if room_of(file) != room:
            continue
        for name, code in codes.items():
            yield Mutant(name, file, status_by_exit_code[code])


def change_of(room: Room, mutant: Mutant) -> Change:
    """Return what a mutant changes."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    with contextlib.chdir(_folder(room)):
        lines = get_diff_for_mutant(mutant.name, path=mutant.file).splitlines()
    removed = " ".join(line[1:].strip() for line in lines[2:] if line.startswith("-"))
    added = " ".join(line[1:].strip() for line in lines[2:] if line.startswith("+"))
    function = mutant.name.rpartition(".")[2].rpartition("__mutmut_")[0]
    # As mutmut joins them: x_function, or xǁClassǁmethod.
    function = function[2:].replace("ǁ", ".") if function[1:2] in {"_", "ǁ"} else function
    return Change(mutant.file, function, removed, added)
