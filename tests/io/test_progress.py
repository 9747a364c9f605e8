"""Progress of reads and writes: told from the work itself, shown where it takes long and somebody looks."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.errors import OptionError, RuntimeUseError
from mdnb.io import read_bars, write_bars
from mdnb.io.progress import ProgressLine, ProgressOption, carried, reporting, step
from tests.io.frames import bars
from tests.manager.hand import HandFeed, minutes, open_market

MANY = 200_000
Told = list[tuple[int, int, str]]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return bars(MANY, tz="UTC", start="2010-01-01")


def listener() -> tuple[Told, Callable[[int, int, str], None]]:
    told: Told = []
    return told, lambda done, total, text: told.append((done, total, text))


def grows(told: Told) -> bool:
    """Whether each kind of step goes up to its end, in more than one step."""
    for text in {one[2] for one in told}:
        done = [one[0] for one in told if one[2] == text]
        totals = {one[1] for one in told if one[2] == text}
        if done != sorted(done) or len(totals) != 1 or done[-1] != totals.pop() or len(done) < 2:
            return False
    return bool(told)


@pytest.mark.parametrize("ending", [".csv", ".tsv.gz", ".json", ".jsonl", ".parquet", ".feather"])
def test_steps_come_from_the_work(frame: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    told, tell = listener()
    path = write_bars(frame, tmp_path / f"x{ending}", progress=tell)
    assert {text for _, _, text in told} == {f"writing x{ending}"}
    assert grows(told)
    assert told[-1][:2] == (MANY, MANY)
    if ending == ".feather":
        return  # mapped in one go
    told.clear()
    assert len(read_bars(path, "1min", progress=tell)) == MANY
    assert f"reading x{ending}" in {text for _, _, text in told}
    assert grows(told)
    told.clear()
    if ending != ".parquet":
        mdnb.read(path, progress=tell)
        assert ending.startswith(".json") or grows([one for one in told if one[2].startswith("reading")])


def test_what_a_listener_raises_ends_the_work(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")

    def stop(done: int, _total: int, _text: str) -> None:
        raise KeyboardInterrupt

    for ending in (".csv", ".parquet", ".json", ".feather"):
        old = tmp_path / f"x{ending}"
        old.write_text("old")
        with pytest.raises(KeyboardInterrupt):
            write_bars(frame, old, progress=stop)
        assert old.read_text() == "old"
    write_bars(frame, path)
    with pytest.raises(KeyboardInterrupt):
        read_bars(path, progress=stop)
    with open_market(HandFeed(minutes(-3, 3)), "1min") as market:
        before = market.data.get_data("1min")
        with pytest.raises(RuntimeUseError, match="KeyboardInterrupt"):
            market.load(path, progress=stop)
        with pytest.raises(ZeroDivisionError):
            market.load(path, progress=lambda done, total, text: done // 0)
        pd.testing.assert_frame_equal(market.data.get_data("1min"), before)


def test_a_market_tells_of_its_exports_and_loads(tmp_path: Path) -> None:
    told, tell = listener()
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as market:
        path = market.export(tmp_path / "x.csv", progress=tell)
        assert {text for _, _, text in told} == {"writing x.csv"}
        told.clear()
        market.load(path, progress=tell)
    texts = list(dict.fromkeys(text for _, _, text in told))
    assert texts == [
        "reading x.csv",
        "checking 5min bars of x.csv",
        "checking 1min bars of x.csv",
        "merging x.csv",
    ]


def test_a_store_tells_of_each_day(tmp_path: Path) -> None:
    told, tell = listener()
    with mdnb.store(tmp_path / "store") as store:
        store.write("MNQ", "1min", bars(30 * 1440, tz="UTC", start="2026-01-01"), progress=tell)
    assert [done for done, _, _ in told] == list(range(1, 31))
    assert {one[1:] for one in told} == {(30, "writing MNQ 1min")}


@pytest.mark.parametrize("odd", [1, "yes", 0.5])
def test_other_things_are_refused(tmp_path: Path, odd: ProgressOption) -> None:
    with pytest.raises(OptionError, match="progress="):
        write_bars(bars(2), tmp_path / "x.csv", progress=odd)
    with pytest.raises(OptionError, match="progress="):
        mdnb.read(tmp_path / "x.csv", progress=odd)


def test_work_on_another_thread_tells_who_listens_here() -> None:
    told, tell = listener()
    with reporting(tell):
        work = carried(lambda: step(1, 2, "x"))
        with reporting(progress=False):
            step(0, 2, "nobody")
    work()
    step(2, 2, "nobody")
    assert told == [(1, 2, "x")]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bar_waits_a_second_and_goes_away() -> None:
    out, clock = io.StringIO(), Clock()
    bar = ProgressLine(out, now=clock)
    for clock.now, done in ((0.0, 0), (0.5, 25), (0.99, 49)):
        bar(done, 100, "reading x.csv")
    bar.close()
    assert out.getvalue() == ""
    bar(50, 100, "reading x.csv")
    clock.now = 1.0
    bar(50, 100, "reading x.csv")
    assert out.getvalue() == "\rreading x.csv  50% |##########----------| 0:01 left"
    clock.now = 1.05
    bar(52, 100, "reading x.csv")
    clock.now = 2.0
    bar(100, 100, "x")
    bar.close()
    shown = out.getvalue().split("\r")
    assert len(shown) == 5, "one a tenth of a second"
    assert shown[2] == "x 100% |####################|".ljust(len(shown[1]))
    assert shown[3].strip() == shown[4] == ""


def test_without_a_terminal_nothing_is_drawn_unless_it_is_asked_for(tmp_path: Path) -> None:
    with contextlib.redirect_stderr(out := io.StringIO()):
        write_bars(bars(), tmp_path / "x.csv")
        assert out.getvalue() == ""
        write_bars(bars(), tmp_path / "x.csv", progress=True)
        with reporting(progress=False):
            write_bars(bars(), tmp_path / "silent.csv")
    assert "\rwriting x.csv 100% |####################|" in out.getvalue()
    assert out.getvalue().endswith("\r")
    assert "silent" not in out.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo terminal is needed")
def test_on_a_terminal_long_work_is_shown_by_itself(tmp_path: Path) -> None:
    import os
    import pty

    write_bars(bars(MANY, tz="UTC", start="2010-01-01"), tmp_path / "x.csv")
    code = (
        "import mdnb.io.progress as p\n"
        "from mdnb.io import read_bars\n"
        "p._DELAY_SECONDS = 0.0\n"
        f"read_bars({str(tmp_path / 'x.csv')!r}, '1min')\n"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stderr=theirs, stdout=subprocess.PIPE, check=False)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0, shown
    assert "\rreading x.csv" in shown
    assert shown.endswith("\r")
