"""What was known when: reads of a past moment, views of events, and replays at any speed."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.cli import main as cli
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.events.bus import EventBus
from mdnb.events.types import Event
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.simulator.feed import SimulatorFeed
from mdnb.instruments import Instrument
from mdnb.rows import QuoteRow, TradeRow
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.missed_trades import put_back
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe
from tests.limits import LIMIT_SECONDS
from tests.manager import hand
from tests.runtime.replays import TIMEFRAMES, played, rows_of
from tests.same_frames import assert_same_frames
from tests.virtual_time import HandClock

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_100 * SECOND


class Rig:
    """A market by hand, whose clock is set from outside."""

    def __init__(self, *timeframes: str, ids: Literal["sequential", "none"] = "none") -> None:
        self.engine = SymbolState(Instrument("X"), Sessions.always(), timeframes, DataManagerConfig())
        self.clock = EventClock(START)
        self.engine.bind_state(lambda: ("connected", 0.0), lambda: self.clock)
        self.bus = EventBus()
        self.pipeline = Pipeline(self.engine, self.bus, self.clock, ids)
        self.at = 0

    def trade(self, seconds: float, price: float, *, now: float | None = None) -> None:
        self.clock.advance(START + int((seconds if now is None else now) * SECOND))
        self.at += 1
        row: TradeRow = (START + int(seconds * SECOND), price, 1.0, 1, 0, -1)
        self.pipeline.take([row])


def test_a_late_trade_changes_its_bar_and_is_no_newest_price() -> None:
    rig = Rig("1min")
    alert = rig.engine.alerts.add(below=95.0)
    rig.trade(59, 100.0)
    rig.trade(61, 105.0)
    rig.trade(59, 90.0, now=61.5)
    bar = rig.engine.frame("1min").iloc[0]
    assert (bar["low"], bar["close"]) == (90.0, 90.0)
    assert rig.engine.last_trade is not None
    assert rig.engine.last_trade[1] == 105.0
    assert not alert.fired
    rig.trade(61, 94.0)  # of the same time the last one that arrived counts
    assert rig.engine.last_trade[1] == 94.0
    assert alert.fired == 1


def test_a_late_trade_is_no_newest_price_while_bars_wait_either() -> None:
    rig = Rig("1min")
    rig.trade(61, 105.0)
    rig.pipeline.held = HeldTrades(0, by_id=False, on_rows=lambda rows: None)
    rig.trade(59, 90.0, now=61.5)
    assert rig.engine.last_trade is not None
    assert rig.engine.last_trade[1] == 105.0
    rig.trade(62, 106.0)
    assert rig.engine.last_trade[1] == 106.0


def test_a_late_quote_is_no_newest_quote() -> None:
    rig = Rig("1min")

    def take(*quotes: tuple[float, float]) -> QuoteRow | None:
        rig.clock.advance(START + 63 * SECOND)
        rig.pipeline.take(quotes=[(START + int(at * SECOND), bid, 1.0, bid + 1.0, 1.0) for at, bid in quotes])
        return rig.engine.quote()

    for quotes, newest in (
        ([(61, 105.0)], 105.0),
        ([(59, 90.0)], 105.0),
        ([(61, 106.0)], 106.0),  # of the same time the last one that arrived counts
        ([(62, 107.0), (60, 80.0)], 107.0),
    ):
        held = take(*quotes)
        assert held is not None
        assert held[1] == newest
    # All of them are kept.
    assert len(rig.engine.quotes) == 5


def test_a_quote_that_was_stamped_in_the_future_gives_way_to_the_next() -> None:
    rig = Rig("1min")
    rig.pipeline.clock = HandClock(START)
    for seconds, bid in ((3600, 1.0), (0, 2.0)):
        rig.pipeline.take(quotes=[(START + seconds * SECOND, bid, 1.0, bid + 1.0, 1.0)])
    held = rig.engine.quote()
    assert held is not None
    assert held[1] == 2.0


def test_a_market_faster_than_the_clock_that_recorded_it_is_played_whole(tmp_path: Path) -> None:
    # Its stamps run ahead of the times of receipt, ten seconds a second.
    path = tmp_path / "fast.rec"
    assert cli(["record", "MNQ", str(path), "--feed", "sim://?speed=10", "--seconds", "2"]) == 0
    with mdnb.live("MNQ", "1min", feed=f"replay:{path}?speed=max", initial_days=0, progress=False) as live:
        live.wait_ended(LIMIT_SECONDS)
        taken = live.accounting()
    assert taken.received > 10
    assert (taken.rejected_total, taken.balanced) == (0, True)


def test_a_past_moment_is_read_as_it_was_before_a_late_trade() -> None:
    rig = Rig("1min", "5min")
    for at in range(0, 310, 20):
        rig.trade(at, 100.0 + at)
    rig.trade(302, 100.0)
    before = rig.engine.frame("1min", closed_only=True)
    with rig.engine.lock:
        instant = rig.engine.read_ns()
    rig.trade(299, 999.0, now=303)
    rig.trade(700, 101.0)
    assert rig.engine.frame("1min")["high"].max() == 999.0
    assert_same_frames(rig.engine.known("1min", instant), before)
    assert rig.engine.known("5min", instant)["high"].tolist() == [380.0]
    assert rig.engine.known("5min", instant + 2 * SECOND)["high"].tolist() == [999.0]
    assert len(rig.engine.known("5min", START + 300 * SECOND - 1)) == 0
    times = rig.engine.reader.known_frame("1min", instant, (2, None, None, True), with_times=True)
    assert (times["end"] - times.index == pd.Timedelta("1min")).all()
    assert (times["closed_at"] >= times["end"]).all()


def test_bars_of_one_instant_are_told_together_and_before_each_by_itself() -> None:
    rig = Rig("1min", "5min")
    told: list[Event] = []
    for kind in (mdnb.EventType.BARS_CLOSED, mdnb.EventType.NEW_BAR):
        rig.bus.tap(kind, told.append)
    for at in range(0, 330, 10):
        rig.trade(at, 100.0 + at)
    last = [event for event in told if event.type == "bars_closed"][-1]
    assert list(last.bars) == ["1min", "5min"]
    assert last.time == last.end == last.bars["5min"].end == last.bars["1min"].end
    assert last.closed_at == last.view.time == max(bar.closed_at for bar in last.bars.values())
    assert isinstance(last.end, pd.Timestamp)
    assert (last.end.value, last.closed_at.value) == (last.end_ns, last.closed_ns)
    where = told.index(last)
    assert [event.type.name for event in told[where : where + 3]] == ["BARS_CLOSED", "NEW_BAR", "NEW_BAR"]
    assert [event.time for event in told[where + 1 : where + 3]] == [bar.time for bar in last.bars.values()]
    assert last.view["5min"]["close"].iloc[-1] == last.bars["5min"].close
    assert list(last.view) == ["1min", "5min"]
    assert "5min" in last.view
    assert "as of" in repr(last.view)
    # Whatever comes later, it stays what it was.
    rig.trade(700, 1.0)
    assert last.view["1min"].index[-1] == last.bars["1min"].time


def test_a_bar_of_a_history_is_known_at_its_end_and_the_grace() -> None:
    rig = Rig("1min", "3tick")
    rig.engine.cascade.push_bars([(START + at * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0) for at in range(4)])
    for bars in rig.engine.activity.values():
        bars.push_rows([(START + at * SECOND, 1.0, 1.0, 1, 0, -1) for at in range(10)])
    grace = rig.engine.grace_ns
    assert len(rig.engine.known("1min", START + 3 * MINUTE + grace)) == 3
    assert len(rig.engine.known("1min", START + 3 * MINUTE + grace - 1)) == 2
    # A bar of trades is over with its last one, whether or not another has begun.
    for end, count in ((2, 1), (5, 2), (8, 3)):
        assert len(rig.engine.known("3tick", START + end * SECOND + grace)) == count
        assert len(rig.engine.known("3tick", START + end * SECOND + grace - 1000)) == count - 1
    frame = rig.engine.reader.frame_with_times("3tick", (None, None, None, True))
    assert frame["end"].iloc[0] == frame.index[1]
    assert frame["end"].isna().iloc[-1]


def test_a_bar_of_a_history_is_not_known_sooner_for_one_that_closed_here_after_it() -> None:
    rig = Rig("1min")
    rig.engine.cascade.push_bars([(START, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0)])
    rig.engine.cascade.close_until(START + MINUTE)
    grace = rig.engine.grace_ns
    for _ in range(2):
        assert len(rig.engine.known("1min", START + MINUTE + grace // 2)) == 0
        assert len(rig.engine.known("1min", START + MINUTE + grace)) == 1
        rig.trade(61, 2.0)
        rig.trade(121, 2.0)
    assert len(rig.engine.known("1min", START + 130 * SECOND)) == 2


def test_what_was_known_while_nothing_came_is_the_same_after_a_repair() -> None:
    rig = Rig("1sec", "2tick", ids="sequential")
    rows: list[TradeRow] = [
        (START + int(at * SECOND), 100.0 + number, 1.0, 1, 0, number)
        for number, at in enumerate((0.2, 0.4, 0.5, 1.3, 2.2))
    ]
    for row in rows:
        rig.clock.advance(row[0])
        if row[5] != 2:
            rig.pipeline.take([row])
    rig.clock.advance(START + 4 * SECOND)
    rig.pipeline.close_due()
    # Nobody reads, trades or closes a bar meanwhile: a caller dates it by the market's clock.
    instant = START + 6 * SECOND
    before = [rig.engine.known(name, instant) for name in ("1sec", "2tick")]
    assert before[0]["high"].tolist() == [101.0, 103.0, 104.0]
    rig.clock.advance(START + 8 * SECOND)
    assert put_back(rig.pipeline, rows) == 1
    assert rig.engine.frame("1sec")["high"].tolist() == [102.0, 103.0, 104.0]
    for name, was in zip(("1sec", "2tick"), before, strict=True):
        assert_same_frames(rig.engine.known(name, instant), was)
    assert rig.engine.known("1sec", START + 8 * SECOND)["high"].tolist() == [102.0, 103.0, 104.0]


def test_of_two_bars_that_begin_at_one_instant_both_were_known_before_a_repair() -> None:
    rig = Rig("5sec", "2tick", ids="sequential")
    rows: list[TradeRow] = [
        (START + at * SECOND, 100.0 + number, 1.0, 1, 0, number)
        for number, at in enumerate((1, 1, 1, 2, 3, 4, 5))
    ]
    for row in rows:
        rig.clock.advance(row[0])
        if row[5] != 3:
            rig.pipeline.take([row])
    instant = START + 5 * SECOND
    closes = [101.0, 104.0, 106.0]
    assert rig.engine.known("2tick", instant)["close"].tolist() == closes
    rig.clock.advance(START + 6 * SECOND)
    assert put_back(rig.pipeline, rows) == 1
    assert rig.engine.frame("2tick", closed_only=True)["close"].tolist() == [101.0, 103.0, 105.0]
    assert rig.engine.known("2tick", instant)["close"].tolist() == closes
    assert rig.engine.known("2tick", START + 3 * SECOND)["close"].tolist() == closes[:2]
    assert rig.engine.known("2tick", START + 6 * SECOND)["close"].tolist() == [101.0, 103.0, 105.0]
    assert rig.engine.reader.known("2tick", instant, 2).close.tolist() == closes[1:]


@pytest.mark.parametrize("name", ["4sec", "1sec", "3tick", "7vol"])
def test_a_timeframe_that_is_added_is_read_as_of_that_time_as_it_is(name: str) -> None:
    rig = Rig("2sec", ids="sequential")
    for number in range(60):
        # The newest bars are over for less than the grace.
        at = number * 0.1
        rig.trade(at, 100.0 + number % 7)
        if number in (40, 50, 51):
            rig.engine.add_timeframe(name)
            with rig.engine.lock:
                instant = rig.engine.read_ns()
                read = rig.engine.frame(name, closed_only=True)
            assert len(read) >= 1
            assert_same_frames(rig.engine.known(name, instant), read)
            rig.trade(at, 100.0)
            assert_same_frames(rig.engine.known(name, instant), read)
            rig.engine.remove_timeframe(name)


@pytest.mark.parametrize("names", [("1min", "5min"), ("1min", "3tick")])
def test_a_history_is_read_at_once_as_of_that_time_as_it_is(names: tuple[str, ...]) -> None:
    # It was over a hundredth of a second ago.
    trades = [hand.trade(-60.0 + 12.0 * number, 100.0 + number, number=number) for number in range(5)]
    clock = EventClock(hand.START + SECOND // 100)
    feed = hand.HandFeed(
        hand.minutes(-10, 10), clock=clock, trades=[*trades, hand.trade(-0.001, 104.5, 1, 5)]
    )
    with hand.open_market(feed, *names) as market:
        engine = market._parts.session.markets["X"].engine
        with engine.lock:
            instant = pd.Timestamp(engine.read_ns(), tz="UTC")
            read = {name: market.data.get_data(name, closed_only=True) for name in names}
        assert min(map(len, read.values())) > 1
        for _ in range(2):
            for name in names:
                assert_same_frames(market.data.get_data(name, as_of=instant), read[name])
            feed.trades(*(hand.trade(1.0 + 30 * number, 50.0, number=6 + number) for number in range(15)))
        assert len(market.data.get_data(names[1], closed_only=True)) > len(read[names[1]])


def test_what_was_known_before_an_import_that_overwrites_is_the_same_after_it(tmp_path: Path) -> None:
    names = ("1min", "5min")
    feed = hand.HandFeed(clock=EventClock(hand.START + 20 * MINUTE))
    with hand.open_market(feed, *names) as market:
        feed.trades(*(hand.trade(20.0 * number, 100.0 + number, number=number) for number in range(40)))
        path = tmp_path / "other.csv"
        other = market["1min"].frame.iloc[1:8, :5] * 2.0
        other.to_csv(path)
        instant = pd.Timestamp(hand.START + 20 * MINUTE, tz="UTC")
        before = {name: market.data.get_data(name, as_of=instant) for name in names}
        assert market.data.import_from_csv(path, "1min", overwrite=True).replaced == 7
        now = market.data.get_data("1min", closed_only=True)
        np.testing.assert_array_equal(now["close"].iloc[1:8], other["close"])
        feed.trades(hand.trade(21 * 60.0, 100.0, number=40))
        for name in names:
            assert_same_frames(market.data.get_data(name, as_of=instant), before[name])
            assert before[name]["close"].max() < market.data.get_data(name)["close"].max()


def test_a_bar_that_was_put_in_later_was_not_known_before() -> None:
    rig = Rig("1min")
    rig.trade(59, 100.0)
    rig.trade(121, 101.0)
    with rig.engine.lock:
        instant = rig.engine.read_ns()
    rig.trade(119.5, 99.0, now=122)  # of a minute without a trade so far
    rig.trade(200, 102.0)
    assert rig.engine.frame("1min")["close"].tolist() == [100.0, 99.0, 101.0, 102.0]
    assert rig.engine.known("1min", instant)["close"].tolist() == [100.0]
    assert rig.engine.known("1min", START + 250 * SECOND)["close"].tolist() == [100.0, 99.0, 101.0]
    assert len(rig.engine.known("1min", START)) == 0
    times = rig.engine.reader.frame_with_times("1min", (None, None, None, False))
    assert times["closed_at"].isna().tolist() == [False, False, False, True]
    assert times["end"].notna().all()
    empty = rig.engine.reader.known_frame("1min", START, (None, None, None, True), with_times=True)
    assert list(empty.columns[-2:]) == ["end", "closed_at"]


class Recorded(SimulatorFeed):
    """The simulator, whose frames are recorded as they arrive, as ``mdnb record`` does."""

    def __init__(self, path: Path, speed: float) -> None:
        super().__init__(speed=speed, start="2025-11-21T15:00")
        self.path = path

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        with Recorder(self.path, self.dialect) as recorder:

            def keep(frame: str | bytes) -> None:
                recorder.frame(self.clock.now_ns(), frame)
                on_frame(frame)

            await super().run(keep, on_status)


class Told:
    """The bars that a market told of, by end and timeframe; when each closed, and what was known then."""

    def __init__(self, live: mdnb.LiveMarket, names: Sequence[str], enough: int = 0) -> None:
        self.bars: dict[tuple[int, str], tuple[Any, ...]] = {}
        self.closed: dict[tuple[int, str], tuple[int, tuple[tuple[float, ...], ...]]] = {}
        self.amended: set[tuple[int, str]] = set()
        self.enough = threading.Event()
        self._names, self._wanted = names, enough
        bus = live._parts.session.bus
        bus.tap(mdnb.EventType.BARS_CLOSED, self._closed)
        bus.tap(mdnb.EventType.BAR_AMENDED, lambda event: self.amended.add(_key(event.data)))

    def _closed(self, event: Event) -> None:
        for row in rows_of(event.time_ns, event.view, event.bars, self._names):
            end_ns, name, *rest, closed_ns, _partial, closes = row
            self.bars[end_ns, name] = tuple(rest)
            self.closed[end_ns, name] = closed_ns, closes
        if len(self.bars) >= self._wanted:
            self.enough.set()

    def check_views(self, late: set[tuple[int, str]]) -> int:
        """Compare what was known when each bar closed with the bars that had closed; return how many."""
        checked = 0
        for at_ns, closes in self.closed.values():
            for name, seen in zip(self._names, closes, strict=True):
                step_ns = Timeframe.parse(name).step_ns
                keys = sorted(key for key, (closed_ns, _) in self.closed.items() if closed_ns <= at_ns)
                newest = [key for key in keys if key[1] == name][-len(seen) :]
                if not any((end_ns - step_ns, name) in late for end_ns, _ in newest):
                    # What closed before somebody listened is not told.
                    known = tuple(self.bars[key][3] for key in newest)
                    assert seen[len(seen) - len(known) :] == known, (at_ns, name)
                    checked += len(known)
        return checked


def _key(bar: mdnb.Bar) -> tuple[int, str]:
    return bar.time_ns, bar.timeframe


@pytest.mark.parametrize("speed", [1, 20])
def test_a_live_market_that_was_recorded_is_told_again_as_it_was(tmp_path: Path, speed: float) -> None:
    names, path = ["1sec", "5sec", "15sec"], tmp_path / "live.jsonl"
    feed = Recorded(path, speed)
    with mdnb.live("MNQ", names, feed=feed, initial_days=0, progress=False) as live:
        seen = Told(live, names, enough=8 if speed == 1 else 120)
        assert seen.enough.wait(LIMIT_SECONDS)
    with mdnb.live("MNQ", names, feed=f"replay:{path}?speed=max", initial_days=0, progress=False) as replay:
        again = Told(replay, names)
        replay.wait_ended(LIMIT_SECONDS)
    assert len(seen.bars) >= 8
    late = seen.amended | again.amended
    starts = {(end_ns, name): end_ns - Timeframe.parse(name).step_ns for end_ns, name in seen.bars}
    for key, told in seen.bars.items():
        assert again.bars.get(key) == told or (starts[key], key[1]) in late, key
    # Live bars close when a timer comes to it, on a busy machine several at once, in the replay each when its
    # grace is over: what was known then is what had closed by then, in both.
    assert seen.check_views(late) > len(seen.bars)
    assert again.check_views(late) > len(seen.bars)


@pytest.mark.parametrize("seconds", [90, -90, 7_200])
def test_a_recording_made_beside_a_wrong_clock_closes_the_bars_of_the_market(
    tmp_path: Path, seconds: int
) -> None:
    source = mdnb.datasets.path("bitcoin-messages")
    with gzip.open(source, "rt") as lines:
        frames = [line.split(" ", 1) for line in lines]
    moved = tmp_path / source.name.replace(".gz", "")
    moved.write_text("".join(f"{int(at) + seconds * SECOND} {frame}" for at, frame in frames))

    def bars(path: str) -> list[tuple[Any, ...]]:
        return [row[:8] for row in played(path, "BTCUSDT")]

    assert bars(str(moved)) == bars("dataset:bitcoin-messages")


def test_play_knows_no_future_and_gives_the_bars_of_the_day() -> None:
    closes: list[float] = []
    whole = pd.DataFrame()
    for step in mdnb.play("dataset:gold-ticks", ["1min", "5min"], symbol="GC"):
        known = step.view.bars("1min", 3)
        assert known.index[-1] < step.time
        # At the end of a recording what is open closes before its end.
        assert step.time <= step.view.time or all(bar.partial for bar in step.bars.values())
        closes += [bar.close for name, bar in step.bars.items() if name == "1min"]
        whole = step.view["1min"]
    np.testing.assert_array_equal(whole["close"].to_numpy(), closes)


@pytest.mark.parametrize(
    ("source", "options", "kind", "message"),
    [
        ("dataset:gold-ticks", {"speed": 3}, mdnb.OptionError, "takes no speed"),
        ("dataset:gold-ticks", {"path": "x"}, mdnb.OptionError, "takes no path"),
        ("dataset:gold-ticks", {}, mdnb.SymbolError, "say which symbol"),
        ("dataset:gold-ticks", {"symbol": "MNQ"}, mdnb.SymbolError, "does not hold 'MNQ'"),
        (
            "dataset:gold-ticks",
            {"foo": 1},
            mdnb.FeedError,
            "no option 'foo'. Allowed: path, speed, symbol, price, start, end",
        ),
        ("replay:dataset:gold-ticks", {"foo": 1}, mdnb.FeedError, "no option 'foo'"),
        ("dataset:gold-ticks", {"symbol": "GC", "start": "2030-01-01"}, mdnb.FeedError, "nothing to play"),
        ("replay:dataset:gold-ticks?end=1999-01-01", {"symbol": "GC"}, mdnb.FeedError, "nothing to play"),
        ("dataset:gold-ticks", {"symbol": "GC", "start": "soon"}, mdnb.OptionError, "start='soon' is no"),
        ("dataset:gold-ticks", {"symbol": "GC", "tz": "Mars"}, mdnb.OptionError, "no time zone 'Mars'"),
        ("dataset:gold-ticks", {"symbol": "GC", "timeframes": []}, mdnb.OptionError, "at least one timef"),
        ("dataset:gold-ticks", {"timeframes": "1mn"}, mdnb.TimeframeError, "'1mn' is not a timeframe"),
        ("dataset:gold-ticks", {"data_manager_config": 3}, mdnb.OptionError, "must be a DataManagerConfig"),
        ("dataset:gold", {}, mdnb.FeedError, "no dataset 'gold'"),
        ("absent.jsonl", {}, mdnb.FeedError, "cannot open the recording absent.jsonl"),
        (7, {}, mdnb.OptionError, "play takes a file"),
        ("sim://?speed=60", {}, mdnb.OptionError, "play takes a file"),
    ],
)
def test_what_cannot_be_played_is_told_by_the_call(
    source: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        mdnb.play(source, **options)


@pytest.mark.parametrize("prefix", ["", "replay:", "replay://"])
def test_a_recording_is_named_as_a_file_or_as_a_feed(prefix: str) -> None:
    step = next(mdnb.play(f"{prefix}dataset:gold-ticks", "1min", symbol="GC"))
    assert str(step.time) == "2013-10-07 00:01:00+00:00"


def test_a_live_replay_of_nothing_is_told_by_the_call() -> None:
    feed = "replay:dataset:gold-ticks?speed=max&start=2030-01-01"
    with pytest.raises(mdnb.FeedError, match="nothing to play from 2030-01-01T00:00:00Z"):
        mdnb.live("GC", "1min", feed=feed, initial_days=0, progress=False)


def test_polls_are_what_is_read_as_of_their_time() -> None:
    feed = "replay:dataset:gold-ticks?speed=2000&start=2013-10-07T13:00&end=2013-10-07T14:30"
    polls = []
    with mdnb.live("GC", TIMEFRAMES, feed=feed, initial_days=0, progress=False) as live:
        bus = live._parts.session.bus
        moved = threading.Semaphore(0)
        bus.tap(mdnb.EventType.TICK_DATA, lambda _event: moved.release())
        while len(polls) < 300 and moved.acquire(timeout=LIMIT_SECONDS / 10):
            polls.append(live.alignment())
        for poll in polls:
            assert live.alignment(as_of=poll.time) == poll
