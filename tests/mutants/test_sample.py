"""A sample takes the mutants whose numbers end so, and tells where nothing was tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import run
from tests.mutants.__main__ import main
from tests.mutants.rooms import ROOMS, room_of
from tests.mutants.sample import EVERY, read_sample

NAMES = [f"mdnb.bars.cascade.xǁCascadeǁpush__mutmut_{number}" for number in range(1, 1_001)]


def _taken(endings: str) -> list[int]:
    return [number for number, name in enumerate(NAMES, start=1) if read_sample(endings).takes(name)]


@pytest.mark.parametrize("ending", ["7", "37", "07", "00", "007"])
def test_an_ending_takes_the_numbers_with_these_last_digits(ending: str) -> None:
    assert _taken(ending) == [n for n in range(1, 1_001) if n % 10 ** len(ending) == int(ending)]


def test_several_endings_take_what_each_of_them_takes() -> None:
    assert _taken("07, 57") == sorted(_taken("07") + _taken("57"))
    assert all(EVERY.takes(name) for name in NAMES)
    assert EVERY.patterns() == []


@pytest.mark.parametrize("text", ["", "7,", "x", "-1", "٣"])
def test_what_is_no_ending_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["bars", "--ending", text])
    assert raised.value.code == 2
    assert "is no ending of a number: give digits, such as 7" in capsys.readouterr().err


def test_where_nothing_was_tried_no_share_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mutmut", reason="mutmut is not installed: pip install --group mutants")
    monkeypatch.setattr(run, "CACHE", tmp_path)
    assert main(["bars", "--told"]) == 1
    told = capsys.readouterr().out
    assert "bars: none was tried" in told
    assert "%" not in told


def test_a_file_is_of_the_innermost_room() -> None:
    assert room_of("mdnb/runtime/live/pipeline.py") == ROOMS["runtime/live"]
    assert room_of("mdnb/runtime/process/loop.py") == room_of("mdnb/runtime/session.py") == ROOMS["runtime"]
    assert room_of("mdnb/widgets/chart/chart.py") is None
    assert room_of("mdnb/venue_fields.py") == room_of("mdnb/decode/okx.py") == ROOMS["decode"]
    assert ROOMS["runtime"].inner() == [ROOMS["runtime/live"], ROOMS["runtime/past"]]
