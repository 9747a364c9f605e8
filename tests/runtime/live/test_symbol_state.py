"""What the state of a symbol says of itself, and which timeframes it keeps."""

from __future__ import annotations

import math
import queue
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock, ScaledClock
from mdnb.config import DataManagerConfig
from mdnb.errors import DataExportError, TimeframeError
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, DepthUpdate
from mdnb.runtime.live.countdown import seconds_left
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.sessions import Sessions
from mdnb.stores.columns import PARTIAL, BarColumns, columns_from_rows
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, bar, minutes, open_market, trade
from tests.same_frames import assert_same_frames
from tests.virtual_time import HandClock

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_040 * SECOND


def test_the_seconds_until_a_bar_ends_are_those_of_the_wall() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "1hour", "5tick"])
    engine.bind_state(lambda: ("connected", 0.0), lambda: ScaledClock(START + MINUTE // 2, 2.0))
    assert math.isnan(engine.seconds_left("1min")), "no bar is being made"
    engine.cascade.push(START + 1, 100.0, 1.0)
    assert engine.seconds_left("1min") == pytest.approx(15.0, abs=0.1)
    hour_ends = START - START % (60 * MINUTE) + 60 * MINUTE
    assert engine.seconds_left("1hour") == pytest.approx((hour_ends - START - MINUTE // 2) / 2e9, abs=0.1)
    assert math.isnan(engine.seconds_left("5tick"))


def test_nobody_counts_down_where_time_stands_still_or_runs_too_fast() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    engine.cascade.push(START + 1, 100.0, 1.0)
    assert math.isnan(engine.seconds_left("1min")), "nobody has told it the time"
    engine.bind_state(lambda: ("connected", 0.0), lambda: EventClock(START))
    assert math.isnan(engine.seconds_left("1min"))
    engine.bind_state(lambda: ("connected", 0.0), lambda: ScaledClock(START, 60.0))
    assert math.isnan(engine.seconds_left("1min"))


def test_where_only_bars_of_so_many_trades_are_kept_the_clocks_are_made_unseen() -> None:
    feed = HandFeed()
    with open_market(feed, "3tick") as market:
        feed.trades(*(trade(20 * i, 100.0 + i, 1.0, i) for i in range(6)))
        assert market.data.get_timeframes() == ["3tick"]
        assert market.data.get_data("3tick", closed_only=True)["close"].tolist() == [102.0, 105.0]
        with pytest.raises(TimeframeError, match=r"keeps no 1min bars\. Kept: 3tick\."):
            market.data.get_data("1min")
        market.data.add_timeframe("1min")
        assert market.data.get_timeframes() == ["1min", "3tick"]
        assert market.data.get_data("1min")["close"].tolist() == [102.0, 105.0]


def test_a_timeframe_that_is_kept_already_is_not_added_again() -> None:
    feed = HandFeed(minutes(-60, 60))
    with open_market(feed, "1min", "5min") as market:
        version = market.data.engine.version("5min")
        assert market.data.add_timeframe("300s") == "5min"
        assert market.data.get_timeframes() == ["1min", "5min"]
        assert market.data.engine.version("5min") == version


def test_bars_of_so_many_trades_that_are_added_are_made_of_the_trades_held() -> None:
    feed = HandFeed()
    with open_market(feed, "1min", "3tick") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        feed.trades(*(trade(20 * i, 100.0 + i, 1.0, i) for i in range(5)))
        market.on("new_bar", told.put)
        assert market.data.add_timeframe("2ticks") == "2tick"
        assert market.data.get_data("2tick")["close"].tolist() == [101.0, 103.0, 104.0]
        assert market.data.remove_timeframe("3tick") == "3tick"
        feed.trades(trade(100, 105.0, 1.0, 5))
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.timeframe, event.close) == ("2tick", 105.0), "none is told of what was before"
        assert market.data.get_timeframes() == ["1min", "2tick"]


def test_a_timeframe_that_is_removed_lets_go_of_its_folder(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(
        feed,
        "1min",
        "5min",
        max_bars_per_timeframe=20,
        disk_cache_enabled=True,
        disk_cache_path=str(tmp_path),
    ) as market:
        market.data.cleanup_old_data()
        folder = market.data.engine.overflow["5min"].segments.folder
        with pytest.raises(DataExportError):
            SegmentStore(folder)
        before = market.data.get_all_data("5min")
        market.data.remove_timeframe("5min")
        store = SegmentStore(folder)
        assert len(store) == 40
        store.close()
        market.data.add_timeframe("5min")
        pd.testing.assert_frame_equal(market.data.get_all_data("5min").iloc[:40], before.iloc[:40])


@pytest.mark.parametrize("name", ["3tick", "30sec"])
def test_no_past_bars_are_made_of_trades_where_the_feed_sends_bars(name: str) -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min"], source="bars")
    engine.cascade.push_bars([bar(minute, 100.0 + minute) for minute in range(12)])
    before = engine.frame("1min"), engine.frame("5min")
    assert engine.add_timeframe(name) == name
    assert engine.frame(name).empty
    for frame in before:
        pd.testing.assert_frame_equal(engine.frame(frame.attrs["timeframe"]), frame)


def test_where_no_tick_size_is_known_prices_have_the_decimals_of_the_quotes() -> None:
    class Quotes(HandFeed):
        source = "quotes"
        has_trades = False

    feed = Quotes(instrument=Instrument("X"))
    with open_market(feed, "1min") as market:
        # Their middle would have three.
        feed.quotes((START, 1.25, 1.0, 1.26, 1.0))
        assert market.data.engine.instrument.decimals == 2


def test_a_bar_that_is_gone_since_has_no_flags() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min"])
    engine.cascade.push(START + 1, 100.0, 1.0)
    engine.cascade.push(START + MINUTE, 100.0, 1.0)
    assert engine.flags_of("1min", START) == PARTIAL
    assert engine.flags_of("1min", START + MINUTE) == 0, "it is being made"
    engine.remove_timeframe("5min")
    assert engine.flags_of("5min", START) == 0


def test_what_was_read_of_a_recording_before_a_change_is_read_again() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    engine.recorded = True
    engine.cascade.closing.advance(bar(10, 100.0)[0])
    engine.cascade.push_bars(minutes(0, 5))
    read = engine.read_ns()
    before = engine.known("1min", read)
    # Of a recording time stands still while somebody imports.
    changed = engine.change_ns()
    merge_bars(engine, "1min", columns_from_rows([bar(2, 900.0)]), overwrite=True)
    assert_same_frames(engine.known("1min", read), before)
    closes = before["close"].tolist()
    assert len(closes) == 4, "the last one is being made"
    assert engine.known("1min", changed)["close"].tolist() == [*closes[:2], 900.0, *closes[3:]]
    assert engine.read_ns() >= changed


def test_nobody_counts_down_an_interval_of_less_than_ten_seconds() -> None:
    class Still(EventClock):
        def wall_seconds(self, market_ns: int) -> float:
            return market_ns / SECOND

    clock = Still(START)
    assert seconds_left(clock, (START, START + 10 * SECOND)) == 10.0
    assert math.isnan(seconds_left(clock, (START, START + 10 * SECOND - 1)))
    assert seconds_left(clock, (START - MINUTE, START - SECOND)) == 0.0


def test_closed_bars_are_all_but_the_one_that_is_being_made() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    assert len(engine.closed_columns("1min")) == 0
    engine.cascade.push_bars(minutes(0, 4))
    closed = [row[4] for row in minutes(0, 3)]
    assert engine.closed_columns("1min").close.tolist() == closed
    assert engine.columns("1min").close.tolist() == [*closed, minutes(0, 4)[-1][4]]


def test_of_a_bar_it_is_said_that_it_is_over_once_the_grace_has_passed() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    engine.cascade.closing.advance(START)
    assert engine.grace_ns > 0
    assert engine.over_ns() == START - engine.grace_ns


def test_a_symbol_without_timeframes_says_how_to_add_one() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["5min", "1min"])
    assert engine.finest() == "1min"
    assert engine.timeframes() == ["1min", "5min"]
    for name in ("1min", "5 minutes"):
        updates, told = engine.updates, []
        listener = engine.listen(lambda told=told: told.append(1))  # type: ignore[misc]  # bound now
        assert engine.remove_timeframe(name) in ("1min", "5min")
        assert (engine.updates, told) == (updates + 1, [1])
        listener.close()
    with pytest.raises(TimeframeError) as raised:
        engine.finest()
    assert str(raised.value) == (
        "X keeps no timeframe any more: all were removed. Add it with add_timeframe('1min')."
    )
    with pytest.raises(TimeframeError) as raised:
        engine.canonical("3min")
    assert str(raised.value) == "X keeps no 3min bars. Kept: none. Add it with add_timeframe('3min')."
    assert not engine.has_timeframe("3min")
    assert engine.add_timeframe("3min") == "3min"
    assert engine.has_timeframe("180s")


def test_what_was_known_has_no_forming_bar_and_as_many_as_are_asked_for() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    engine.cascade.closing.advance(START)
    for minute in range(6):
        engine.cascade.push(START + minute * MINUTE, 100.0 + minute, 1.0)
    assert engine.known("1 min", START + 60 * MINUTE, 2)["close"].tolist() == [103.0, 104.0]
    assert engine.known("1min", START + 60 * MINUTE)["close"].tolist() == [100.0 + at for at in range(5)]
    older = engine.older("1 min", START + MINUTE, START + 3 * MINUTE)
    assert older is not None
    assert older.close.tolist() == [101.0, 102.0]
    engine.log("1min").mark(1, PARTIAL, 2)
    assert [engine.flags_of("1min", START + at * MINUTE) for at in range(3)] == [0, PARTIAL, 0]
    assert engine.flags_of("1min", START + MINUTE + 5000) == 0
    assert engine.flags_of("1min", START + 99 * MINUTE) == engine.flags_of("7min", START) == 0


def test_the_price_runs_ahead_of_the_bars_only_while_these_wait() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    assert math.isnan(engine.price_ahead())
    engine.bars_wait = True
    assert math.isnan(engine.price_ahead())
    engine.last_trade = (START, 105.0, 1.0, 1, 0, -1)
    assert engine.price_ahead() == 105.0
    engine.bars_wait = False
    assert math.isnan(engine.price_ahead())


def test_the_connections_state_is_told_as_it_was_bound() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    assert (engine.status(), engine.latency_ms()) == ("closed", 0.0)
    engine.bind_state(lambda: ("stale", 12.5))
    assert (engine.status(), engine.latency_ms()) == ("stale", 12.5)


def test_who_listens_is_told_of_each_touch_until_it_is_over() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    told: list[int] = []
    first, second = engine.listen(lambda: told.append(1)), engine.listen(lambda: told.append(2))
    updates = engine.updates
    engine.touch()
    assert (told, engine.updates) == ([1, 2], updates + 1)
    first.close()
    first.close()
    engine.touch()
    assert told == [1, 2, 2]
    second.close()
    engine.notify()
    assert told == [1, 2, 2]


def test_somebody_who_wants_the_data_is_told_of_once() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    told: list[int] = []
    engine.on_wanted = lambda: told.append(1)
    engine.wanted()
    engine.wanted()
    assert told == [1]


def test_reads_of_a_market_are_dated_and_what_follows_is_later() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    engine.bind_state(lambda: ("connected", 0.0), lambda: HandClock(START, 0.5))
    assert engine.read_ns() == START
    assert engine.read_ns() == START + 1000
    assert engine.change_ns() == START + 2000
    # The grace is of the wall, and twice as long in a market that runs at 2x.
    assert engine.over_ns() == START + 3000 - 2 * engine.grace_ns
    assert engine.grace_ns % 1000 == 0
    engine.recorded = True
    now = engine.cascade.closing.now_ns
    assert engine.read_ns() == engine.read_ns() == now
    assert engine.change_ns() == now + 1000
    assert engine.cascade.closing.now_ns == now + 1000
    assert engine.over_ns() == now + 1000 - engine.grace_ns
    unknown = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    assert (unknown.read_ns(), unknown.over_ns()) == (0, 2**62)
    unknown.recorded = True
    assert unknown.change_ns() == 0
    unknown.bind_state(lambda: ("connected", 0.0), lambda: EventClock(START))
    assert unknown.over_ns() == START


TRADES = [(START + second * SECOND, 100.0 + second, 1.0, 1, 0, -1) for second in (0, 1, 2, 3, 4, 5, 6, 7)]


def held_state(skip: int) -> SymbolState:
    """Return a symbol that holds the trades from one of them on, and no bars of so many trades."""
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    state.cascade.closing.advance(START + 9 * SECOND)
    state.cascade.push_rows(TRADES[skip:])
    state.keep_ticks(TRADES[skip:])
    return state


def stored(*, closed_s: float) -> BarColumns:
    """Return the first bar of two trades, as a store has it."""
    made = columns_from_rows([(START, 100.0, 101.0, 100.0, 101.0, 2.0, 2, 201.0)])
    made.closed_us[:] = (START + round(closed_s * SECOND)) // 1000
    return made


def test_bars_of_so_many_trades_go_on_behind_those_that_a_store_holds() -> None:
    state = held_state(0)
    assert state.add_timeframe("2tick", stored(closed_s=1)) == "2tick"
    frame = state.frame("2tick")
    assert frame["close"].tolist() == [101.0, 103.0, 105.0, 107.0]
    assert frame.attrs["partial"] == ()
    assert state.holes == {}
    assert state.closed == [], "nobody is told of what was before"


@pytest.mark.parametrize(
    ("closed_s", "closes"), [(1.0, [101.0, 103.0, 105.0, 107.0]), (4.5, [101.0, 106.0, 107.0])]
)
def test_where_trades_behind_those_of_a_store_are_lost_the_next_bar_is_partial(
    closed_s: float, closes: list[float]
) -> None:
    # That of 100 is not held: nobody knows which of the others the bar has.
    state = held_state(1)
    state.add_timeframe("2tick", stored(closed_s=closed_s))
    assert state.holes == {"2tick": [START]}
    frame = state.frame("2tick")
    assert frame["close"].tolist() == closes
    assert frame.attrs["partial"] == (1,)


@pytest.mark.parametrize("is_stale", [False, True])
def test_a_coarser_timeframe_has_the_bars_that_left_memory_whoever_came_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stale: bool
) -> None:
    config = DataManagerConfig(max_bars_per_timeframe=4)
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min"], config)
    state.open_overflow = lambda name: Overflow(SegmentStore(tmp_path / name))
    state.attach_overflow("1min")
    for minute in range(20):
        state.cascade.closing.advance(START + minute * MINUTE)
        state.cascade.push(START + minute * MINUTE, 100.0 + minute, 1.0)
    state.log("1min").settle()
    if is_stale:
        # As if it had been asked for while another thread had that of which it is made in its hands.
        monkeypatch.setattr(SymbolState, "_older_bars", lambda self, timeframe: None)
    updates = state.updates
    state.add_timeframe("2min")
    assert state.updates == updates + 1
    frame = state.frame("2min", with_disk=True)
    assert frame["close"].tolist() == [101.0 + 2 * one for one in range(10)]
    assert frame["tick_count"].tolist() == [2] * 10
    for overflow in state.overflow.values():
        overflow.segments.close()


def test_what_a_symbol_keeps_is_named_and_so_are_its_bytes() -> None:
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min", "3tick"])
    with pytest.raises(TimeframeError, match=r"X keeps no 2min bars\. Kept: 1min, 5min, 3tick\. Add it with"):
        state.canonical("2min")
    before = state.nbytes()
    state.ticks.extend(TRADES)
    with_ticks = state.nbytes()
    assert with_ticks - before == state.ticks.nbytes > 0
    state.quotes.extend([(START, 1.0, 1.0, 2.0, 1.0)])
    assert state.nbytes() - with_ticks == state.quotes.nbytes > 0
    logs = [state.log(name) for name in state.all_names()]
    assert state.nbytes() == sum(log.nbytes for log in logs) + state.ticks.nbytes + state.quotes.nbytes


def test_bars_of_so_many_trades_begin_behind_those_of_a_store_and_nobody_is_told_of_them() -> None:
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min", "2tick"])
    state.cascade.closing.advance(START + 9 * SECOND)
    state.keep_ticks(TRADES)
    state.begin_behind("2tick", stored(closed_s=1))
    assert state.frame("2tick")["close"].tolist() == [101.0, 103.0, 105.0, 107.0]
    assert state.closed == []
    more = [(START + 20 * SECOND, 90.0, 1.0, 1, 0, -1), (START + 21 * SECOND, 91.0, 1.0, 1, 0, -1)]
    state.activity["2tick"].push_rows(more)
    assert [(bar.timeframe, bar.row[4]) for bar in state.closed] == [("2tick", 91.0)]
    bar = state.bar("1min", (START, 1.0, 2.0, 0.5, 1.5, 3.0, 4, 5.0))
    assert (bar.closed, bar.partial, bar.amended, bar.end_ns, bar.closed_ns) == (True, False, False, 0, 0)


def test_what_is_new_in_a_bar_that_left_memory_goes_into_that_on_disk_and_is_told(tmp_path: Path) -> None:
    config = DataManagerConfig(max_bars_per_timeframe=4)
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min", "2min"], config)
    state.open_overflow = lambda name: Overflow(SegmentStore(tmp_path / name))
    state.attach_overflow("1min")
    told: list[tuple[str, list[BarRow], int]] = []
    state.on_amended_gone = lambda name, pieces, known_ns: told.append(
        (name, [one.row for one in pieces], known_ns)
    )
    state.amend_gone()
    for minute in range(20):
        state.cascade.closing.advance(START + minute * MINUTE)
        state.cascade.push(START + minute * MINUTE, 100.0 + minute, 1.0)
    for name in ("1min", "2min"):
        state.log(name).settle()
    late_ns = START + 20 * MINUTE + 5_000
    state.cascade.closing.advance(late_ns)
    # As of trades that were missed and are put back.
    state.cascade.max_lateness_ns = 2**63 - 1
    state.cascade.push(START + 5 * MINUTE + SECOND, 300.0, 2.0)
    state.cascade.push(START + 5 * MINUTE + 2 * SECOND, 20.0, 1.0)
    state.amend_gone()
    assert state.cascade.gone == []
    of_minute, of_two = (
        [(row[0] - START, row[2:4], known_ns) for name, rows, known_ns in told if name == of for row in rows]
        for of in ("1min", "2min")
    )
    assert of_minute == [(5 * MINUTE, (300.0, 300.0), late_ns), (5 * MINUTE, (20.0, 20.0), late_ns)]
    assert [one[0] for one in of_two] == [4 * MINUTE] * 2
    frame = state.frame("1min", with_disk=True)
    assert frame["high"].tolist()[4:7] == [104.0, 300.0, 106.0]
    assert frame["low"].tolist()[4:7] == [104.0, 20.0, 106.0]
    assert frame["volume"].tolist()[4:7] == [1.0, 4.0, 1.0]
    told.clear()
    state.amend_gone()
    assert told == []
    for overflow in state.overflow.values():
        overflow.segments.close()


def test_the_folder_of_bars_of_so_many_trades_that_are_added_again_has_a_hole_behind_it(
    tmp_path: Path,
) -> None:
    config = DataManagerConfig(max_bars_per_timeframe=4, max_ticks=1000)
    state = SymbolState(Instrument("X"), Sessions.always(), ["1min"], config)
    state.open_overflow = lambda name: Overflow(
        SegmentStore(tmp_path / name, repeated_starts=name.endswith("tick"))
    )
    state.add_timeframe("2tick")
    assert list(state.overflow) == ["2tick"]
    rows = [(START + at * MINUTE, 100.0 + at, 1.0, 1, 0, -1) for at in range(20)]
    state.cascade.push_rows(rows)
    state.activity["2tick"].push_rows(rows)
    state.log("2tick").settle()
    state.overflow["2tick"].flush()
    updates = state.updates
    assert state.remove_timeframe("2tick") == "2tick"
    assert (state.overflow, state.has_activity, state.updates) == ({}, False, updates + 1)
    state.keep_ticks(rows[14:])
    state.add_timeframe("2tick")
    assert state.has_activity is True
    # The newest on disk is that of the tenth minute and the next.
    assert state.holes == {"2tick": [START + 10 * MINUTE]}
    frame = state.frame("2tick")
    assert frame["close"].tolist() == [115.0, 117.0, 119.0]
    assert frame.attrs["partial"] == (0,)
    for overflow in state.overflow.values():
        overflow.segments.close()


def test_what_is_told_by_default_and_who_wants_the_newest_trades() -> None:
    state = SymbolState(Instrument("X", positive_prices=False), Sessions.always(), ["1min"])
    wanted: list[str] = []
    state.on_wanted = lambda: wanted.append("X")
    assert len(state.recent(3)) == 0
    assert wanted == ["X"]
    assert state.source == "trades"
    state.cascade.push(START, 100.0, 1.0)
    assert len(state.frame("1min")) == 1, "the one that is being made is among them"
    state.apply_depth(DepthUpdate(START, True, [(-3.0, 1.0)], [(-2.0, 1.0)]))
    assert state.book() == ([(-3.0, 1.0)], [(-2.0, 1.0)])
