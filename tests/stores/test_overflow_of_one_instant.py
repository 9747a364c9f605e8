"""Bars of trades that left memory, several of them of one instant, against a plain list."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mdnb.errors import DataExportError, OptionError
from mdnb.stores import segment_plan
from mdnb.stores.columns import PARTIAL, REPAIRING, BarColumns, columns_from_rows
from mdnb.stores.overflow import Gone, Overflow
from mdnb.stores.segments import SegmentStore

Bar = tuple[int, float, float]  # start in microseconds; price; volume, which tells the bar
SAME = 7


def columns_of(bars: list[Bar]) -> BarColumns:
    return columns_from_rows(
        [(us * 1000, price, price, price, price, volume, 2, price * volume) for us, price, volume in bars]
    )


def bars_of(columns: BarColumns) -> list[Bar]:
    return list(zip(columns.time_us.tolist(), columns.close.tolist(), columns.volume.tolist(), strict=True))


def opened(folder: Path) -> Overflow:
    return Overflow(SegmentStore(folder, repeated_starts=True))


def stream(gaps: list[tuple[int, float]]) -> list[Bar]:
    """Return bars so many microseconds after the one before; of two with one price volumes differ."""
    starts = itertools.accumulate(gap for gap, _ in gaps)
    return [(us, price, 1.0 + n) for n, (us, (_, price)) in enumerate(zip(starts, gaps, strict=True))]


@pytest.fixture
def overflow(tmp_path: Path) -> Iterator[Overflow]:
    made = opened(tmp_path / "2tick")
    yield made
    made.segments.close()


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few bars be many, so that segments are split and put between others."""
    monkeypatch.setattr(segment_plan, "MERGED_ROWS", 7)
    monkeypatch.setattr(segment_plan, "_OWN_ROWS", 3)


class Run:
    """An overflow, and the bars of a market of which the first `gone` have left memory."""

    def __init__(self, folder: Path, bars: list[Bar]) -> None:
        self.folder = folder
        self.bars = bars
        self.gone = 0
        self.overflow = opened(folder)
        self.seen: tuple[Gone, int | None, list[Bar]] | None = None
        self.numbers = itertools.count(1000)

    @property
    def first_ns(self) -> int | None:
        return self.bars[self.gone][0] * 1000 if self.gone < len(self.bars) else None

    def take(self, count: int) -> None:
        new = self.bars[self.gone : self.gone + count]
        if new:
            self.overflow.take(columns_of(new))
        self.gone += len(new)

    def see(self) -> None:
        """Remember what a reader knows before more bars leave."""
        self.seen = self.overflow.gone(), self.first_ns, self.bars[: self.gone]

    def drop(self, start_us: int) -> None:
        if self.first_ns is not None and start_us * 1000 > self.first_ns:
            return
        left = [bar for bar in self.bars if bar[0] >= start_us]
        self.overflow.drop_before(start_us * 1000)
        self.gone -= len(self.bars) - len(left)
        self.bars, self.seen = left, None

    def amend(self, back: int, chance: np.random.Generator) -> None:
        """Give some of the newest bars on disk other prices, and put others before and between them."""
        older, newer = self.bars[: self.gone], self.bars[self.gone :]
        start_us = older[-1][0] - back if older else 0
        inside = [bar for bar in older if start_us <= bar[0] < start_us + 4]
        if not inside:
            return
        made: list[Bar] = []
        for us, price, volume in inside:
            if chance.random() < 0.3:
                made.append((us, float(chance.integers(1, 4)), float(next(self.numbers))))
            changed = chance.random() < 0.3
            made.append((us, price + 10 * changed, volume))
        before = [bar for bar in older if bar[0] < start_us]
        after = [bar for bar in older if bar[0] >= start_us + 4]
        self.overflow.replace(columns_of(made))
        self.bars, self.gone = [*before, *made, *after, *newer], len(before) + len(made) + len(after)
        self.seen = None

    def restart(self, at: int, *, killed: bool) -> None:
        """Begin again in the same folder with bars that are there already, or go on with the next."""
        kept = self.folder.with_name("kept")
        if killed:
            shutil.copytree(self.folder, kept)
        self.overflow.flush()
        if killed:
            self.overflow.segments.compress()
        self.overflow.segments.close()
        if killed:
            # What was to be deleted when the process ended is there still.
            shutil.copytree(kept, self.folder, dirs_exist_ok=True)
            shutil.rmtree(kept)
        self.overflow = opened(self.folder)
        at = min(at, self.gone)
        while 0 < at < len(self.bars) and self.bars[at - 1][0] == self.bars[at][0]:
            at -= 1
        self.gone, self.seen = at, None

    def check(self, start_us: int, end_us: int) -> None:
        older = self.bars[: self.gone]
        assert bars_of(self.overflow.before(self.first_ns)) == older
        found = self.overflow.before(self.first_ns, start_us * 1000, end_us * 1000)
        assert bars_of(found) == [bar for bar in older if start_us <= bar[0] <= end_us]
        if self.seen is not None:
            gone, first_ns, then = self.seen
            assert bars_of(self.overflow.before(first_ns, gone=gone)) == then
        store = self.overflow.segments
        assert all(a.last_ns < b.first_ns for a, b in itertools.pairwise(store.segments()))
        whole = bars_of(store.read())
        assert len(whole) == len(store) == sum(segment.rows for segment in store.segments())
        assert bars_of(store.tail(5)) == whole[-5:]
        assert store.damaged == {}


STEPS: dict[str, Callable[[Run, int], None]] = {
    "take": lambda run, n: run.take(1 + n % 5),
    "take many": lambda run, n: run.take(n % 20),
    "flush": lambda run, n: none(run.overflow.flush()),
    "compress": lambda run, n: none(run.overflow.segments.compress()),
    "see": lambda run, n: run.see(),
    "drop": lambda run, n: run.drop(n % 20),
    "amend": lambda run, n: run.amend(n % 6, np.random.default_rng(n)),
    "restart": lambda run, n: run.restart(n % 40, killed=False),
    "killed": lambda run, n: run.restart(n % 40, killed=True),
}


def none(_: object) -> None:
    """Let go of a result."""


steps = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 10_000)), max_size=25)
gaps = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([1.0, 2.0, 3.0])), min_size=1, max_size=60
)


@given(gaps, steps, st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@pytest.mark.usefixtures("small_segments")
def test_what_left_memory_is_what_a_plain_list_would_hold(
    given_gaps: list[tuple[int, float]], given_steps: list[tuple[str, int]], memory_map: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "2tick", stream(given_gaps))
        for step, number in [*given_steps, ("take", 100), ("flush", 0)]:
            run.overflow.segments.memory_map = memory_map
            STEPS[step](run, number)
            run.check(number % 25, number % 25 + number % 4)
        run.overflow.segments.close()


@given(gaps, st.integers(0, 60), st.lists(st.integers(1, 6), max_size=20))
@settings(max_examples=60)
def test_a_second_run_that_begins_amid_an_instant_adds_no_bar(
    given_gaps: list[tuple[int, float]], begin: int, parts: list[int]
) -> None:
    bars = stream(given_gaps)
    with tempfile.TemporaryDirectory() as name:
        first = opened(Path(name) / "2tick")
        first.take(columns_of(bars))
        first.flush()
        first.segments.close()
        second = opened(Path(name) / "2tick")
        at = min(begin, len(bars))
        for count in [*parts, len(bars)]:
            if bars[at : at + count]:
                second.take(columns_of(bars[at : at + count]))
            second.flush()
            at += count
            told = [(us, price) for us, price, _ in bars]
            assert [(us, price) for us, price, _ in bars_of(second.segments.read())] == told
        second.segments.close()


def test_bars_are_put_in_where_an_instant_goes_on_in_memory(overflow: Overflow) -> None:
    bars: list[Bar] = [(SAME + n // 4, 1.0, 1.0 + n) for n in range(12)]
    overflow.take(columns_of(bars[:6]))
    # One more of the instant of which two are in memory, and then of one of which memory has all.
    new: Bar = (SAME + 1, 5.0, 100.0)
    overflow.replace(columns_of([*bars[4:6], new]))
    first_ns = bars[6][0] * 1000
    assert bars_of(overflow.before(first_ns)) == [*bars[:6], new]
    overflow.take(columns_of(bars[6:8]))
    newer: Bar = (SAME + 2, 5.0, 101.0)
    overflow.replace(columns_of([newer]))
    first_ns = bars[8][0] * 1000
    assert bars_of(overflow.before(first_ns)) == [*bars[:6], new, *bars[6:8], newer]
    overflow.take(columns_of(bars[8:]))
    expected = [*bars[:6], new, *bars[6:8], newer, *bars[8:]]
    assert bars_of(overflow.before(None)) == expected
    overflow.flush()
    assert bars_of(overflow.before(None)) == expected == bars_of(overflow.segments.read())


def test_a_flush_that_fails_amid_an_instant_is_made_good_by_the_next(
    overflow: Overflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[Bar] = [(SAME + n // 4, 1.0, 1.0 + n) for n in range(12)]
    overflow.take(columns_of(bars[:2]))
    overflow.flush()
    overflow.take(columns_of(bars[2:10]))

    def full(columns: BarColumns) -> None:
        raise DataExportError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(overflow.segments, "append", full)
        with pytest.raises(DataExportError):
            overflow.flush()
    assert overflow.waiting_rows == 8
    assert bars_of(overflow.before(bars[10][0] * 1000)) == bars[:10]
    assert overflow.flush() == 8
    assert bars_of(overflow.before(bars[10][0] * 1000)) == bars[:10] == bars_of(overflow.segments.read())


def test_bars_of_one_instant_go_along_into_another_folder(overflow: Overflow, tmp_path: Path) -> None:
    bars: list[Bar] = [(SAME, 1.0, 1.0 + n) for n in range(5)]
    overflow.take(columns_of(bars[:3]))
    overflow.flush()
    overflow.take(columns_of(bars[3:]))
    other = SegmentStore(tmp_path / "other", repeated_starts=True)
    with overflow.held_still():
        overflow.copy_to(other)
        overflow.go_to(other)
    assert bars_of(overflow.before(SAME * 1000)) == bars
    overflow.flush()
    assert bars_of(overflow.before(SAME * 1000)) == bars == bars_of(other.read())


@pytest.mark.usefixtures("small_segments")
def test_no_instant_is_cut_in_two(overflow: Overflow) -> None:
    # Twenty bars where seven are many, those of one instant in the middle.
    bars: list[Bar] = [(n if n < 5 else max(5, n - 12), 1.0, 1.0 + n) for n in range(25)]
    overflow.take(columns_of(bars))
    overflow.flush()
    overflow.segments.compress()
    held = overflow.segments.segments()
    assert len(held) > 2
    assert all(a.last_ns < b.first_ns for a, b in itertools.pairwise(held))
    assert bars_of(overflow.segments.read()) == bars


def test_only_bars_of_trades_may_begin_at_one_instant(tmp_path: Path, overflow: Overflow) -> None:
    twice = columns_of([(SAME, 1.0, 1.0), (SAME, 2.0, 2.0)])
    clock = SegmentStore(tmp_path / "1min")
    for write in (clock.append, clock.replace):
        with pytest.raises(OptionError, match="start after the one before"):
            write(twice)
    clock.close()
    overflow.segments.append(twice)
    with pytest.raises(OptionError, match="newer ones only"):
        overflow.segments.append(twice)
    backwards = dataclasses.replace(twice, time_us=twice.time_us - np.arange(2))
    with pytest.raises(OptionError, match="no earlier than"):
        overflow.segments.replace(backwards)


def test_bars_of_one_instant_are_whole_again_at_once_and_none_of_them_is_lost(overflow: Overflow) -> None:
    bars = stream([(100, 1.0), (100, 2.0), (0, 3.0), (0, 4.0), (100, 5.0), (100, 6.0)])
    columns = columns_of(bars)
    columns.flags[1:5] = PARTIAL | REPAIRING
    overflow.take(columns.part(0, 3))
    overflow.flush()
    overflow.take(columns.part(3, 6))
    assert overflow.before(None).flags.tolist() == columns.flags.tolist()
    # What was made at 250 is lost: the bar that was open then, which began at 200, lacks it.
    overflow.lose(250_000, 260_000)
    overflow.end_repairing()
    lost = [0, PARTIAL, PARTIAL, PARTIAL, 0, 0]
    for _ in range(3):
        held = overflow.before(None)
        assert (bars_of(held), held.flags.tolist()) == (bars, lost)
        overflow.flush()
    assert overflow.segments.read().flags.tolist() == lost


def test_bars_of_one_instant_on_disk_and_waiting_are_whole_again(overflow: Overflow) -> None:
    bars = stream([(100, 1.0), (0, 2.0), (0, 3.0), (100, 4.0)])
    columns = columns_of(bars)
    columns.flags[:] = PARTIAL | REPAIRING
    overflow.take(columns.part(0, 2))
    overflow.flush()
    overflow.take(columns.part(2, 4))
    overflow.end_repairing()
    for _ in range(3):
        held = overflow.before(None)
        assert (bars_of(held), held.flags.tolist()) == (bars, [0] * 4)
        overflow.flush()
