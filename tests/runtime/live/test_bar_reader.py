"""Frames that are kept for whoever asks again."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mdnb.config import DataManagerConfig
from mdnb.errors import NoDataError
from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.sessions import Sessions
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL, BarColumns, columns_from_rows
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore
from mdnb.types import Roll
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market
from tests.same_frames import assert_same_frames


def test_frames_kept_are_bounded_and_each_is_what_was_asked_for() -> None:
    rows = minutes(-200, 200)
    closes = [row[4] for row in rows]
    with open_market(HandFeed(rows), "1min", cache_frequently_accessed=True) as market:
        reader = market.data.engine.reader
        for count in range(1, 151):
            assert market.data.get_data("1min", count=count)["close"].tolist() == closes[-count:]
            assert len(reader._cache) <= 64
        assert reader.hits == 0
        for count, hits in ((150, 1), (1, 1), (150, 2)):
            assert market.data.get_data("1min", count=count)["close"].tolist() == closes[-count:]
            assert reader.hits == hits


def test_a_bar_of_trades_whose_closing_nobody_noted_is_known_once_the_next_has_begun() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["3tick"])
    begins = [START + second * SECOND for second in (0, 7, 9, 30)]
    merge_bars(engine, "3tick", columns_from_rows([(at, 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0) for at in begins]))
    moments = [at + engine.grace_ns + more for at in begins for more in (-1000, 0, 1000)]
    for moment in [*moments, START + 3600 * SECOND]:
        over = [at for at, following in itertools.pairwise(begins) if following + engine.grace_ns <= moment]
        assert [at.value for at in engine.known("3tick", moment).index] == over


HELD, BARS = 8, 30
"""How many closed bars memory holds, and how many there were; one more is forming."""


def price(minute: int) -> float:
    return 100.0 + (minute * 7) % 23


@contextlib.contextmanager
def engine_of(
    limit: int, folder: Path | None = None, minutes_made: int = BARS, names: tuple[str, ...] = ("1min",)
) -> Iterator[SymbolState]:
    """A market with a trade in the middle of each minute, which are closed 7 us after their ends."""
    config = DataManagerConfig(max_bars_per_timeframe=limit, grace_ms=2.0)
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), names, config, "America/Chicago")
    if folder is not None:
        engine.open_overflow = lambda name: Overflow(
            SegmentStore(folder / name, repeated_starts=name.endswith("tick"))
        )
        for name in engine.all_names():
            engine.attach_overflow(name)
    for minute in range(minutes_made + 1):
        engine.cascade.closing.advance(START + minute * MINUTE + 7000)
        engine.cascade.close_until(START + minute * MINUTE)
        engine.cascade.push(START + minute * MINUTE + MINUTE // 2, price(minute), 1.0 + minute)
    for name in engine.all_names():
        engine.log(name).settle()
    yield engine
    for held in engine.overflow.values():
        held.segments.close()


def at(minute: float) -> int:
    return START + round(minute * MINUTE)


def labels(frame: pd.DataFrame) -> list[int]:
    """Return which minutes the bars of a frame are of."""
    return [(stamp.value - START) // MINUTE for stamp in frame.index]


def asked(
    count: int | None, start: float | None, end: float | None, closed_only: bool, *, limit: int | None
) -> list[int]:
    """Return which of all bars are asked for, by hand: the newest ``limit`` where nothing is said."""
    wanted = [
        one
        for one in range(BARS + (not closed_only))
        if (start is None or start <= one) and (end is None or one <= end)
    ]
    if start is None and end is None and limit is not None:
        count = limit if count is None else min(count, limit)
    return wanted if count is None else wanted[max(0, len(wanted) - count) :]


SPANS = [
    (None, None),
    (3, None),
    (3, 9),
    (None, 9),
    (25, 27),
    (22, None),
    (-5, 99),
    (9, 3),
    (40, 50),
    (None, -1),
]
SPANS += [(None, 29), (30, 30), (None, 30), (23.5, 24.5), (3.5, 6.5)]


@pytest.mark.parametrize("closed_only", [False, True])
@pytest.mark.parametrize("count", [None, 0, 1, 2, 7, 8, 9, 31, 99])
def test_whatever_is_asked_for_is_read_of_memory_and_disk_alike(
    tmp_path: Path, count: int | None, closed_only: bool
) -> None:
    with engine_of(HELD, tmp_path) as engine, engine_of(10_000) as whole:
        everything = whole.frame("1min")
        for start, end in SPANS:
            times = (None if start is None else at(start), None if end is None else at(end))
            found = engine.frame("1min", count, *times, closed_only=closed_only)
            wanted = asked(count, start, end, closed_only, limit=None if count is not None else HELD)
            assert labels(found) == wanted, (start, end)
            pd.testing.assert_frame_equal(found, everything.iloc[wanted])
            assert found.attrs["forming"] is (BARS in wanted)
            of_disk = engine.frame("1min", count, *times, closed_only=closed_only, with_disk=True)
            assert labels(of_disk) == asked(count, start, end, closed_only, limit=None)
            in_memory = whole.frame("1min", count, *times, closed_only=closed_only)
            assert_same_frames(of_disk, in_memory)
            made = engine.reader.frame_with_times("1min", (count, *times, closed_only))
            assert labels(made) == wanted
            assert [stamp.value for stamp in made["end"]] == [at(one + 1) for one in wanted]
            noted = [stamp.value for stamp in made["closed_at"]]
            assert noted == [at(one + 1) + 7000 if one < BARS else pd.NaT.value for one in wanted]
            assert [str(kind) for kind in made.dtypes[["end", "closed_at"]]] == [
                "datetime64[us, America/Chicago]"
            ] * 2


def test_without_a_disk_what_has_left_memory_is_not_there() -> None:
    with engine_of(HELD) as engine:
        assert labels(engine.frame("1min")) == list(range(23, 31))
        assert labels(engine.frame("1min", 99)) == list(range(23, 31))
        assert labels(engine.frame("1min", None, at(3), None, with_disk=True)) == list(range(22, 31))
        assert labels(engine.frame("1min", closed_only=True)) == list(range(22, 30))
        assert engine.older("1min", at(20), at(25)) is None
        found = engine.older("1min", at(22), at(25))
        assert found is not None
        assert (found.time_us * 1000).tolist() == [at(22), at(23), at(24)]


def test_the_closed_bars_of_a_stretch_end_before_its_end(tmp_path: Path) -> None:
    with engine_of(HELD, tmp_path) as engine:
        for start, end in ((3, 9), (20, 25), (22, 25), (23, 24), (28, 99), (5, 5), (0, 31)):
            found = engine.older("1min", at(start), at(end))
            assert found is not None
            wanted = list(range(start, min(end, BARS)))
            assert (found.time_us * 1000).tolist() == [at(one) for one in wanted]
            assert found.close.tolist() == [price(one) for one in wanted]
            assert not found.forming
        found = engine.older("1 minute", at(2.5), at(5) + 1)
        assert found is not None
        assert (found.time_us * 1000).tolist() == [at(3), at(4), at(5)]
    with engine_of(10_000) as engine:
        # Nothing has gone: that there is nothing is known, too.
        found = engine.older("1min", at(-9), at(-3))
        assert found is not None
        assert len(found) == 0


def test_columns_are_those_of_memory_alone(tmp_path: Path) -> None:
    with engine_of(HELD, tmp_path) as engine:
        for count, wanted in ((None, 8), (3, 3), (1, 1), (0, 0), (99, 8)):
            found = engine.columns("1min", count)
            assert (found.time_us * 1000).tolist() == [at(one) for one in range(31 - wanted, 31)]
            assert found.forming is (wanted > 0)
        everything = engine.reader.everything("1min")
        assert (everything.time_us * 1000).tolist() == [at(one) for one in range(BARS)]
        assert not everything.forming


def known_at(moment: int) -> list[int]:
    """Return which of all bars had closed by then, by hand."""
    return [one for one in range(BARS) if at(one + 1) + 7000 <= moment]


MOMENTS = [at(minute) + more for minute in range(2, BARS + 3) for more in (0, 6000, 7000)]


def test_what_was_known_at_an_instant_is_what_had_closed_by_then(tmp_path: Path) -> None:
    with engine_of(HELD, tmp_path) as engine, engine_of(10_000) as whole:
        for moment in MOMENTS:
            known = known_at(moment)
            assert labels(whole.known("1min", moment)) == known
            for count in (1, 3, HELD):
                found = engine.known("1min", moment, count)
                assert labels(found) == known[-count:], (moment, count)
                assert found["close"].tolist() == [price(one) for one in labels(found)]
                assert found.attrs["forming"] is False
                assert labels(whole.known("1min", moment, count)) == known[-count:]
            # Without a number those of memory are enough; where it has none, as many as it may hold.
            held = [one for one in known if one >= BARS - HELD]
            assert labels(engine.known("1min", moment)) == (held or known[-HELD:])
            # More than memory may hold is looked for on disk only where memory holds less than that.
            found = engine.known("1min", moment, 20)
            assert labels(found) == (held if len(held) == HELD else known[-20:])


def test_without_a_disk_those_of_memory_are_known_or_it_is_an_error() -> None:
    with engine_of(HELD) as engine:
        for moment in MOMENTS:
            held = [one for one in known_at(moment) if one >= BARS - HELD]
            for count in (None, 1, 3, 8, 20):
                if len(held) < (1 if count is None else min(count, HELD)):
                    with pytest.raises(NoDataError, match="have left memory; they are held from"):
                        engine.known("1min", moment, count)
                else:
                    assert labels(engine.known("1min", moment, count)) == held[-(count or 99) :]


def test_a_stretch_of_what_was_known_is_read_of_memory_and_disk(tmp_path: Path) -> None:
    with engine_of(HELD, tmp_path) as engine, engine_of(10_000) as whole:
        moment = at(28) + 7000
        for (start, end), count in itertools.product(SPANS[1:], (None, 1, 2)):
            times = (None if start is None else at(start), None if end is None else at(end))
            window = (count, *times, True)
            wanted = [one for one in asked(None, start, end, True, limit=None) if one < 28]
            wanted = wanted if count is None else wanted[-count:]
            assert labels(whole.reader.known_frame("1min", moment, window)) == wanted
            found = engine.reader.known_frame("1min", moment, window)
            assert labels(found) == wanted, (start, end, count)
            made = engine.reader.known_frame("1min", moment, window, with_times=True)
            assert [stamp.value for stamp in made["end"]] == [at(one + 1) for one in wanted]
            assert [stamp.value for stamp in made["closed_at"]] == [at(one + 1) + 7000 for one in wanted]
            assert_same_frames(made.drop(columns=["end", "closed_at"]), found)


def test_what_was_known_and_is_not_held_any_more_is_an_error_in_words() -> None:
    with engine_of(HELD) as engine, pytest.raises(NoDataError) as told:
        engine.known("1min", at(5))
    assert str(told.value) == (
        "the 1min bars that were known at 2026-03-02T14:05:00.000000 UTC have left memory; they are held from"
        " 2026-03-02T14:22:00.000000 UTC on. Hold more with DataManagerConfig(max_bars_per_timeframe=...)."
    )
    with engine_of(10_000) as engine:
        assert len(engine.known("1min", at(-5))) == 0, "nothing has gone, and nothing was known"


def test_bars_that_were_amended_after_they_had_left_memory_are_told_as_they_were_or_not_at_all(
    tmp_path: Path,
) -> None:
    with engine_of(HELD, tmp_path) as engine:
        engine.cascade.closing.advance(at(40))
        held = engine.log("1min")
        before = engine.known("1min", at(25))
        # In memory, then driven out: what it was is known.
        held.change(0, (at(22), 1.0, 2.0, 0.5, 1.5, 9.0, 1, 9.0), AMENDED)
        assert engine.frame("1min", None, at(22), at(22))["close"].tolist() == [1.5]
        assert_same_frames(engine.known("1min", at(25)), before)
        for minute in range(BARS, BARS + HELD):
            engine.cascade.close_until(at(minute + 1))
            engine.cascade.push(at(minute + 1.5), price(minute), 1.0)
        assert engine.frame("1min", None, at(22), at(22))["close"].tolist() == [1.5]
        assert labels(engine.frame("1min", closed_only=True))[0] == BARS
        assert_same_frames(engine.known("1min", at(25), 2), before)
    with engine_of(HELD, tmp_path / "other") as engine:
        disk = engine.overflow["1min"].before(at(22))
        disk.flags[3] |= AMENDED
        engine.overflow["1min"].replace(disk)
        assert engine.known("1min", at(26)).index[0].value == at(22)
        words = (
            "the 1min bars that were known at 2026-03-02T14:10:00.000000 UTC have left memory, and some of"
            " those on disk were amended: when, and how they were before, the disk does not tell. Ask for"
            " others with start_time= and end_time=, or without as_of= for the bars as they are now."
        )
        with pytest.raises(NoDataError, match=re.escape(words)):
            engine.known("1min", at(10))
        # Of those before it none was amended.
        assert labels(engine.known("1min", at(3) + 7000)) == [0, 1, 2]


def test_a_file_has_marks_of_what_is_true_of_any_bar(tmp_path: Path) -> None:
    with engine_of(HELD, tmp_path) as engine:
        plain = engine.reader.frame_for_file("1min", 20, closed_only=True, with_times=False)
        assert labels(plain) == list(range(10, BARS))
        assert list(plain.columns) == ["open", "high", "low", "close", "volume", "tick_count", "vwap"]
        whole = engine.reader.frame_for_file("1min", closed_only=True, with_times=False)
        assert labels(whole) == list(range(BARS))
        # A market that joins begins amid a bar.
        assert np.flatnonzero(whole["partial"]).tolist() == [0]
        open_too = engine.reader.frame_for_file("1min", 3, closed_only=False, with_times=False)
        assert open_too["forming"].tolist() == [False, False, True]
        log = engine.log("1min")
        for place, flag in ((2, PARTIAL), (4, FILLED), (5, AMENDED), (6, PARTIAL | AMENDED)):
            log.mark(place, flag, place + 1)
        made = engine.reader.frame_for_file("1min", 9, closed_only=False, with_times=True)
        assert labels(made) == list(range(22, 31))
        truths = {name: np.flatnonzero(made[name]).tolist() for name in made if made[name].dtype == bool}
        assert truths == {"partial": [2, 6], "filled": [4], "forming": [8], "amended": [5, 6]}
        assert "end" not in made
        assert "contract" not in made
        assert [stamp.value for stamp in made["closed_at"]][:8] == [
            at(one + 1) + 7000 for one in range(22, 30)
        ]
        assert pd.isna(made["closed_at"].iloc[8])
        untimed = engine.reader.frame_for_file("1min", 9, closed_only=True, with_times=False)
        assert {name for name in untimed if untimed[name].dtype == bool} == {
            "partial",
            "filled",
            "amended",
        } - {"amended"}
        changes = engine.reader.changes_for_file("1min", made)
        assert changes is not None
        assert engine.reader.changes_for_file("1min", untimed) is None
        assert engine.reader.changes_for_file("1min", made.iloc[:0]) is None


def test_what_is_read_tells_of_what_it_is() -> None:
    with engine_of(HELD) as engine:
        engine.log("1min").mark(3, PARTIAL, 5)
        for made in (engine.frame("1min", closed_only=True), engine.known("1min", at(99))):
            assert made.attrs == {
                "symbol": "X",
                "timeframe": "1min",
                "forming": False,
                "source": "trades",
                "partial": (3, 4),
            }
        assert engine.frame("1min", 6).attrs["partial"] == (0, 1) == engine.frame("1min", 6).attrs["partial"]
        engine.contracts.set("H26", [Roll("X", at(25), "Z25", "H26", 100.0, 103.0)])
        made = engine.frame("60s")
        assert made.attrs["contracts"] == (("", "Z25"), ("2026-03-02 08:25:00-06:00", "H26"))
        file = engine.reader.frame_for_file("1min", closed_only=True, with_times=False)
        assert file["contract"].tolist() == ["Z25"] * 3 + ["H26"] * 5


def test_when_the_newest_closed_bar_was_known_is_what_was_noted_or_its_end_and_the_grace() -> None:
    with engine_of(HELD, names=("1min", "5min")) as engine:
        reader = engine.reader
        assert reader.last_known_ns([]) == 0
        assert reader.last_known_ns(["1min"]) == at(30) + 7000
        assert reader.last_known_ns(["5min"]) == at(30) + 7000
        merge_bars(engine, "5min", columns_from_rows([(at(-10), 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0)]))
        assert reader.last_known_ns(["5min", "1min"]) == at(30) + 7000
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min", "3tick"])
    assert state.reader.last_known_ns(["1min", "3tick"]) == 0
    merge_bars(state, "1min", columns_from_rows([(at(3), 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0)]))
    assert state.reader.last_known_ns(["1min", "3tick"]) == at(4) + state.grace_ns
    merge_bars(state, "3tick", columns_from_rows([(at(9), 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0)]))
    assert state.reader.last_known_ns(["3tick"]) == 0, "when a bar of trades ends nobody has noted"


def test_bars_are_noted_as_known_by_an_instant_at_the_latest() -> None:
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min"])
    rows = [(at(one), 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0) for one in range(4)]
    merge_bars(state, "1min", columns_from_rows(rows))
    log = state.log("1min")
    assert log.closed_us(4).tolist() == [0] * 4
    state.reader.note_known(["1min"], 0)
    assert log.closed_us(4).tolist() == [0] * 4
    moment = at(2.5)
    state.reader.note_known(["5min", "1min"], moment)
    # The first two were over and the third had begun; the last one begins later than that.
    assert log.closed_us(4).tolist() == [0, 0, moment // 1000, 0]
    log.closed_us(4)[:] = [at(1) // 1000, (at(2) + 9000) // 1000, at(9) // 1000, at(9) // 1000]
    state.reader.note_known(["1min"], at(3))
    assert log.closed_us(4).tolist() == [at(1) // 1000, (at(2) + 9000) // 1000, at(3) // 1000, at(9) // 1000]


def test_frames_are_counted_and_who_asks_for_none_wants_nothing() -> None:
    with engine_of(HELD) as engine:
        assert (engine.reader.accesses, engine.reader.seconds, engine.reader.hits) == (0, 0.0, 0)
        wanted: list[int] = []
        engine.on_wanted = lambda: wanted.append(engine.reader.accesses)
        assert list(engine.frame("1min", 0).columns)[:4] == ["open", "high", "low", "close"]
        assert (wanted, engine.reader.accesses) == ([], 1)
        before = engine.reader.seconds
        engine.frame("1min", 1)
        assert (wanted, engine.reader.accesses, engine.reader.hits) == ([1], 2, 0)
        assert engine.reader.seconds > before > 0.0


def test_a_frame_kept_is_given_again_until_something_changes_and_is_the_callers_own() -> None:
    with engine_of(HELD) as engine:
        reader = engine.reader
        reader.caching = True
        first = engine.frame("1min", 3)
        first["close"] = 0.0
        second = engine.frame("1min", 3)
        assert (reader.hits, second["close"].tolist()) == (1, [price(28), price(29), price(30)])
        second["close"] = 0.0
        assert engine.frame("1min", 3)["close"].tolist() == [price(28), price(29), price(30)]
        assert engine.frame("1min", 2)["close"].tolist() == [price(29), price(30)]
        assert reader.hits == 2
        engine.updates += 1
        engine.frame("1min", 3)
        assert reader.hits == 2
        engine.frame("1min", 3)
        assert reader.hits == 3
        reader.forget()
        engine.frame("1min", 3)
        assert (reader.hits, reader.accesses) == (3, 7)


def test_what_memory_holds_is_not_looked_for_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine_of(HELD, tmp_path) as engine:
        reads: list[str] = []
        before = Overflow.before

        def counted(self: Overflow, *args: Any, **names: Any) -> BarColumns:
            reads.append("disk")
            return before(self, *args, **names)

        monkeypatch.setattr(Overflow, "before", counted)
        closed, both = True, False
        for count, start, end, closed_only, of_disk in (
            (7, None, None, closed, False),
            (8, None, None, closed, False),
            (8, None, None, both, False),
            (9, None, None, both, False),
            (9, None, None, closed, True),
            (10, None, None, both, True),
            (None, 22, None, both, False),
            (None, 23, 25, closed, False),
            (None, 21, None, both, True),
            (None, 21, 25, both, True),
            (3, 3, None, both, False),
            (9, 3, None, both, False),
            (10, 3, None, both, True),
            (5, 22, None, both, False),
            (30, 22, None, both, False),
            (None, None, 25, both, True),
            (3, None, 25, both, False),
            (4, None, 25, both, False),
            (5, None, 25, both, True),
        ):
            times = (None if start is None else at(start), None if end is None else at(end))
            engine.frame("1min", count, *times, closed_only=closed_only)
            assert bool(reads) is of_disk, (count, start, end, closed_only)
            reads.clear()
        engine.older("1min", at(22), at(25))
        assert not reads
        engine.older("1min", at(21), at(25))
        assert reads
        reads.clear()
        for count, start in ((None, 22), (None, 25), (8, None), (99, 22)):
            engine.reader.known("1min", at(99), count, None if start is None else (at(start), None))
            assert not reads
        engine.reader.known("1min", at(99), span=(at(21), None))
        assert reads


def ticks(number: int, second: float) -> list[TradeRow]:
    """Return so many trades of one instant."""
    return [(at(0) + round(second * SECOND), 100.0 + one, 1.0, 1, 0, -1) for one in range(number)]


@contextlib.contextmanager
def bars_of_two(folder: Path, limit: int = 4) -> Iterator[SymbolState]:
    """Bars of two trades each: three begin at 0 s, and ten at 9 s, of which memory holds the last four."""
    with engine_of(limit, folder, 0, ("2tick",)) as engine:
        bars = engine.activity["2tick"]
        bars.push_rows([*ticks(6, 0.0), *ticks(20, 9.0)])
        bars.log.settle()
        yield engine


def seconds(frame: pd.DataFrame) -> list[int]:
    return [(stamp.value - START) // SECOND for stamp in frame.index]


def test_of_bars_of_trades_that_begin_at_one_instant_some_are_on_disk(tmp_path: Path) -> None:
    with bars_of_two(tmp_path) as engine:
        lows = [100.0 + one for one in range(0, 20, 2)]
        for start in (9.0, 8.0):
            assert engine.frame("2tick", None, START + round(start * SECOND))["low"].tolist() == lows
        assert engine.frame("2tick", None, at(0))["low"].tolist() == lows[:3] + lows
        assert engine.frame("2tick", 6, START + 9 * SECOND)["low"].tolist() == lows[-6:]
        assert engine.frame("2tick")["low"].tolist() == lows[-4:]
        found = engine.older("2tick", START + 9 * SECOND, START + 10 * SECOND)
        assert found is not None
        assert found.low.tolist() == lows


@pytest.mark.parametrize("read", ["everything", "frame", "newest", "known"])
def test_bars_that_leave_memory_while_the_disk_is_read_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    with bars_of_two(tmp_path) as engine:
        lows = [100.0 + one for one in (*range(0, 6, 2), *range(0, 20, 2))]
        before = Overflow.before

        def late(self: Overflow, *args: Any, **names: Any) -> BarColumns:
            # As another thread would, once what memory holds was looked at.
            monkeypatch.undo()
            engine.activity["2tick"].push_rows(ticks(6, 9.0))
            engine.log("2tick").settle()
            return before(self, *args, **names)

        monkeypatch.setattr(Overflow, "before", late)
        if read == "everything":
            assert engine.reader.everything("2tick").low.tolist() == lows
        elif read == "frame":
            assert engine.frame("2tick", None, at(0))["low"].tolist() == lows
        elif read == "newest":
            assert engine.frame("2tick", 9)["low"].tolist() == lows[-9:]
        else:
            assert engine.reader.known("2tick", at(60), span=(at(0), None)).low.tolist() == lows


def test_a_folder_with_later_bars_of_an_earlier_run_has_those_before_memory_alone(tmp_path: Path) -> None:
    with engine_of(HELD, tmp_path) as engine:
        engine.overflow["1min"].flush()
    with engine_of(HELD, tmp_path, 12) as engine:
        engine.overflow["1min"].flush()
        everything = engine.reader.everything("1min")
        assert (everything.time_us * 1000).tolist() == [at(one) for one in range(12)]
    # Nothing has come yet: whatever is asked for is on disk.
    with engine_of(HELD, tmp_path, -1) as engine:
        assert labels(engine.frame("1min", None, at(3), at(5))) == [3, 4, 5]
        assert labels(engine.frame("1min", 2)) == [20, 21]
        assert len(engine.reader.everything("1min")) == 22
        assert labels(engine.known("1min", at(7), 2)) == [4, 5]


def test_bars_of_trades_end_where_the_next_begins() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["2tick"])
    begins = [START + second * SECOND for second in (0, 7, 9)]
    window = (None, None, None, False)
    assert engine.reader.frame_with_times("2tick", window)["end"].tolist() == []
    merge_bars(
        engine, "2tick", columns_from_rows([(one, 9.0, 9.0, 9.0, 9.0, 2.0, 2, 18.0) for one in begins])
    )
    grace = engine.grace_ns
    made = engine.reader.frame_with_times("2tick", window)
    assert [stamp.value for stamp in made["end"]] == [*begins[1:], pd.NaT.value]
    assert [stamp.value for stamp in made["closed_at"]] == [
        begins[1] + grace,
        begins[2] + grace,
        pd.NaT.value,
    ]
    engine.log("2tick").closed_us(3)[1:] = [begins[2] // 1000 + 5, begins[2] // 1000 + 9]
    engine.activity["2tick"].push_rows(ticks(3, 11.0))
    made = engine.reader.frame_with_times("2tick", window)
    last = START + 11 * SECOND
    assert [stamp.value for stamp in made["end"]] == [*begins[1:], last, last, pd.NaT.value]
    closed = [stamp.value for stamp in made["closed_at"]]
    assert closed[:3] == [begins[1] + grace, begins[2] + 5000, begins[2] + 9000]
    assert closed[-1] == pd.NaT.value


def test_a_bar_of_the_clock_whose_closing_nobody_noted_closed_at_its_end_and_the_grace(
    tmp_path: Path,
) -> None:
    with engine_of(HELD, tmp_path, -1) as engine:
        rows = [(at(one), 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0) for one in range(20)]
        merge_bars(engine, "1min", columns_from_rows(rows))
        made = engine.reader.frame_with_times("1min", (None, at(0), None, False))
        assert [stamp.value for stamp in made["end"]] == [at(one + 1) for one in range(20)]
        grace = engine.grace_ns
        assert [stamp.value for stamp in made["closed_at"]] == [at(one + 1) + grace for one in range(20)]
        # Most of them have left memory.
        for minute in (5, 11, 15):
            for more, over in ((grace - 1000, minute - 1), (grace, minute), (MINUTE // 2, minute)):
                assert labels(engine.known("1min", at(minute) + more, 3)) == list(range(over - 3, over))


def test_of_what_was_known_so_many_are_given_and_somebody_wanted_them(tmp_path: Path) -> None:
    with engine_of(HELD, tmp_path) as engine, engine_of(10_000) as whole:
        wanted: list[str] = []
        whole.on_wanted = lambda: wanted.append("X")
        assert len(whole.reader.known("1min", at(20), 3)) == 3
        assert wanted == ["X"]
        # Two are on disk, two in memory.
        found = engine.reader.known("1min", at(24) + 7000, 4, (at(20), None))
        assert (found.time_us * 1000).tolist() == [at(one) for one in range(20, 24)]
        assert len(engine.reader.known("1min", at(24) + 7000, 3, (at(20), None))) == 3


def test_of_bars_on_disk_that_cannot_be_read_it_is_an_error_once_they_had_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_of(HELD, tmp_path, -1) as engine:
        monkeypatch.setattr(Overflow, "lost", lambda self: [(at(3), at(9), 6)])
        assert len(engine.known("1min", at(3) - 1000)) == 0
        for moment in (at(3), at(7), at(99)):
            with pytest.raises(NoDataError, match=r"the 1min bars that were known at .* have left memory"):
                engine.known("1min", moment)


def test_a_bar_that_was_put_in_later_or_stamped_ahead_is_known_from_when_it_closed() -> None:
    with engine_of(10_000) as engine:
        log = engine.log("1min")
        log.closed_us(BARS)[[5, 8, 12]] = [at(20) // 1000, at(2) // 1000, 0]
        for moment, wanted in (
            (at(3) + 7000, [0, 1, 2, 8]),
            (at(10) + 7000, [0, 1, 2, 3, 4, 6, 7, 8, 9]),
            (at(12.5), [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]),
            (at(20), [*range(5), *range(5, 19)]),
        ):
            for count in (None, 1, 2, 5, 6, 7):
                found = engine.known("1min", moment, count)
                assert labels(found) == (wanted if count is None else wanted[-count:])
                assert found["close"].tolist() == [price(one) for one in labels(found)]


def test_what_was_known_before_bars_were_overwritten_is_the_same_and_as_many_as_asked_for() -> None:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min"])
    rows = [(at(one), 9.0, 9.0, 9.0, float(one), 3.0, 3, 27.0) for one in range(9)]
    merge_bars(engine, "1min", columns_from_rows(rows))
    log, grace = engine.log("1min"), engine.grace_ns
    log.amendments.note_overwritten(at(60) // 1000, log.columns(2, 4))
    for place in (2, 3):
        log.change(place, (*rows[place][:4], 99.0, 3.0, 3, 27.0), 0)
    assert engine.frame("1min")["close"].tolist()[1:5] == [1.0, 99.0, 99.0, 4.0]
    for minute in (4, 6):
        for more, over in ((grace - 1000, minute - 1), (grace, minute)):
            for count in (None, 1, 2, 3, 50):
                found = engine.known("1min", at(minute) + more, count)["close"].tolist()
                assert found == [float(one) for one in range(over)][-(count or 99) :]
                assert len(engine.reader.known("1min", at(minute) + more, count)) == len(found)
    assert engine.known("1min", at(61), 8)["close"].tolist()[1:3] == [99.0, 99.0]


def test_a_bar_that_begins_at_the_instant_counts_as_known_by_it() -> None:
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    rows = [(at(one), 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0) for one in range(4)]
    merge_bars(state, "1min", columns_from_rows(rows))
    state.reader.note_known(["1min"], at(2))
    assert state.log("1min").closed_us(4).tolist() == [0, at(2) // 1000, at(2) // 1000, 0]
