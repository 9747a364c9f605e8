"""Users' code in the eyes of a type checker: mypy --strict over `plain_face.py` and `async_face.py`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_FACES = ("plain_face.py", "async_face.py")
_EXPECTED = re.compile(r"# (reveals|error): (.+)$")
_REVEALED = re.compile(r'note: Revealed type is "(.+)"$')
_ERROR = re.compile(r"error: .*\[([a-z-]+)\]$")
_MODULES = re.compile(r"\b(?:\w+\.)+(?=\w)")

Said = dict[tuple[str, int], str]


@pytest.fixture(scope="module")
def said() -> Said:
    """Return what mypy says of each line, in the words that the lines expect."""
    pytest.importorskip("mypy", reason="needs mypy")
    faces = [str(_HERE / name) for name in _FACES]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", *faces],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert not done.stderr, done.stderr
    return dict(_parsed(done.stdout))


def _parsed(output: str) -> Iterator[tuple[tuple[str, int], str]]:
    for line in output.splitlines():
        place, _, text = line.partition(": ")
        path, _, number = place.partition(":")
        key = (Path(path).name, int(number))
        revealed, error = _REVEALED.search(text), _ERROR.search(text)
        if revealed is not None:
            yield key, f"reveals: {_MODULES.sub('', revealed[1])}"
        elif error is not None:
            yield key, f"error: {error[1]}"


@pytest.mark.parametrize("face", _FACES)
def test_types_are_what_a_user_relies_on(said: Said, face: str) -> None:
    lines = (_HERE / face).read_text(encoding="utf-8").splitlines()
    expected = {
        number: f"{found[1]}: {found[2]}"
        for number, line in enumerate(lines, 1)
        if (found := _EXPECTED.search(line)) is not None
    }
    assert len(expected) == sum("reveal_type(" in line or "# error" in line for line in lines)
    assert {number: text for (name, number), text in said.items() if name == face} == expected


def test_nothing_else_is_said(said: Said) -> None:
    assert {name for name, _ in said} == set(_FACES)
