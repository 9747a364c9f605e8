"""Frames in, bars and counters out: the invariants of the whole engine, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.decode import decoder
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.rows import Batch
from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.virtual_time import HandClock

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


class Rig:
    """One symbol's engine behind a drain, fed with frames by hand."""

    def __init__(self, timeframes: list[str] | None = None, source: str = "trades", **config: Any) -> None:
        self.clock = EventClock()
        instrument = Instrument("X", 0.25)
        kept = timeframes or ["1min", "5min"]
        self.engine = SymbolState(
            instrument, Sessions.always(), kept, DataManagerConfig(**config), source=source
        )
        self.bus = EventBus()
        self.pipeline = Pipeline(self.engine, self.bus, self.clock, "sequential")
        self.drain = FrameBatcher(
            decoder("mdnb"), {"X": self.pipeline}, lambda: self.clock, Health(), self._on_batch
        )
        self.batches: list[Batch] = []

    def _on_batch(self, batch: Batch) -> None:
        self.batches.append(batch)

    def feed(self, *frames: str) -> None:
        self.drain._waiting.extend(frames)
        self.drain.flush()

    def trades(self, *rows: tuple[int, float, float, int, int, int]) -> None:
        self.feed(json.dumps({"e": "trades", "s": "X", "r": rows}))

    def accounting(self) -> Accounting:
        return self.pipeline.accounting(self.drain.frames, self.drain.control, self.drain.malformed)


rows = st.lists(
    st.tuples(
        st.integers(-20_000, 400_000).map(lambda ms: START + ms * 1_000_000),
        st.sampled_from([100.0, 100.25, 101.0, 99.5, 2_000_000.0, -5.0, 0.0]),
        st.sampled_from([0.0, 1.0, 2.5, -1.0]),
        st.integers(1, 3),
        st.sampled_from([-1, 0, 1]),
        st.integers(0, 60),
    ),
    max_size=25,
)
other = st.sampled_from(
    [
        '{"e":"clock","t":1700000000000000000}',
        "{oops",
        "",
        '{"e":"trades","s":"X","r":[[1,',
        '{"e":"trades","s":"X","r":[[1700000000000000000,NaN,1,1,0,7]]}',
        '{"e":"quotes","s":"X","r":[[1700000000000000000,99.75,1,100.0,2]]}',
        '{"e":"depth","s":"X","t":1700000000000000000,"snap":true,"b":[[99.75,1]],"a":[[100,2]]}',
        "[" * 5000,
    ]
)
frames = st.lists(
    st.one_of(rows.map(lambda held: json.dumps({"e": "trades", "s": "X", "r": held})), other), max_size=12
)


@given(frames, st.booleans(), st.booleans())
def test_every_trade_that_arrived_is_in_exactly_one_place(
    given_frames: list[str], validation: bool, resubscribe: bool
) -> None:
    rig = Rig(data_validation=validation)
    rig.trades((START, 100.0, 1.0, 1, 0, 1))
    for i, frame in enumerate(given_frames):
        if resubscribe and i == 2:
            rig.pipeline.subscribed.discard("trades")
        if resubscribe and i == 4:
            rig.pipeline.subscribed.add("trades")
        rig.feed(frame)
    accounting = rig.accounting()
    arrived = sum(len(batch.trades.get("X", ())) for batch in rig.batches)
    assert accounting.received == arrived
    assert accounting.balanced, str(accounting)
    assert accounting.frames == len(given_frames) + 1
    for name in ("1min", "5min"):
        frame = rig.engine.frame(name)
        # Rows stand for one or more raw trades; the tick store knows how many each.
        ticks = rig.engine.recent(10_000)
        assert frame["tick_count"].sum() == ticks["count"][ticks["flag"] == 0].sum()
        assert len(ticks[ticks["flag"] == 0]) == accounting.in_bars


@given(frames)
def test_a_frame_once_handed_out_never_changes(given_frames: list[str]) -> None:
    rig = Rig()
    rig.trades((START, 100.0, 1.0, 1, 0, 1))
    held: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    for frame in given_frames:
        for name in ("1min", "5min"):
            made = rig.engine.frame(name)
            held.append((made, made.copy(deep=True)))
        rig.feed(frame)
    for made, then in held:
        assert made.index.asi8.tolist() == then.index.asi8.tolist()
        pd.testing.assert_frame_equal(made, then)


def test_what_a_caller_does_to_a_frame_never_reaches_the_engine() -> None:
    rig = Rig()
    rig.trades((START, 100.0, 1.0, 1, 0, 1), (START + 61 * SECOND, 101.0, 1.0, 1, 0, 2))
    frame = rig.engine.frame("1min")
    frame.iloc[0, 0] = -1.0
    frame["close"] *= 0
    frame.loc[:, "volume"] = 7.0
    frame.attrs["symbol"] = "changed"
    again = rig.engine.frame("1min")
    for _ in range(3):
        again = rig.engine.frame("1min")
        assert again["open"].tolist() == [100.0, 101.0]
        assert again["volume"].tolist() == [1.0, 1.0]
        assert again.attrs["symbol"] == "X"
        again.iloc[:, :] = 0.0


def test_the_last_row_is_the_forming_bar_unless_left_out() -> None:
    rig = Rig()
    rig.trades((START, 100.0, 1.0, 1, 0, 1), (START + 61 * SECOND, 101.0, 1.0, 1, 0, 2))
    assert rig.engine.frame("1min").attrs["forming"] is True
    closed = rig.engine.frame("1min", closed_only=True)
    assert closed.attrs["forming"] is False
    assert len(rig.engine.frame("1min")) == len(closed) + 1
    assert len(rig.engine.frame("1min", count=1)) == 1
    assert rig.engine.frame("1min", count=1)["close"].tolist() == [101.0]
    assert len(rig.engine.frame("1min", count=0)) == 0


def test_an_empty_frame_has_the_right_form() -> None:
    frame = Rig().engine.frame("5min")
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "tick_count", "vwap"]
    assert str(frame.index.dtype) == "datetime64[us, UTC]"
    assert frame.index.name == "timestamp"
    assert set(map(str, frame.dtypes)) == {"float64"}


def test_bars_are_those_of_pandas_and_vwap_is_that_of_numpy() -> None:
    rng = np.random.default_rng(5)
    ts = START + np.cumsum(rng.integers(0, 3 * SECOND, 3000))
    price = 100 + np.cumsum(rng.integers(-2, 3, 3000)) * 0.25
    size = rng.integers(1, 9, 3000).astype(float)
    rig = Rig(["1min", "5min", "1hour"])
    rig.trades(
        *(
            (int(t), float(p), float(s), 1, 0, i)
            for i, (t, p, s) in enumerate(zip(ts, price, size, strict=True))
        )
    )
    table = pd.DataFrame(
        {"price": price, "size": size, "money": price * size}, index=pd.to_datetime(ts, utc=True)
    )
    for name, rule in (("1min", "1min"), ("5min", "5min"), ("1hour", "1h")):
        grouped = table.resample(rule)
        expected = grouped["price"].ohlc().dropna()
        ours = rig.engine.frame(name)
        assert ours[["open", "high", "low", "close"]].to_numpy().tolist() == expected.to_numpy().tolist()
        volume = grouped["size"].sum().reindex(expected.index)
        assert ours["volume"].tolist() == volume.tolist()
        vwap = (grouped["money"].sum().reindex(expected.index) / volume).to_numpy()
        np.testing.assert_allclose(ours["vwap"], vwap, rtol=1e-12)
        assert (ours.index.as_unit("ns") == expected.index.as_unit("ns")).all()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((START, -5.0, 1.0, 1, 0, 9), "price_not_positive"),
        ((START, 0.0, 1.0, 1, 0, 9), "price_not_positive"),
        ((START, 2_000_000.0, 1.0, 1, 0, 9), "price_absurd"),
        ((START, 0.001, 1.0, 1, 0, 9), "price_absurd"),
    ],
)
def test_absurd_trades_are_counted_and_the_feed_lives_on(
    row: tuple[int, float, float, int, int, int], reason: str
) -> None:
    rig = Rig()
    rig.trades((START, 100.0, 1.0, 1, 0, 8))
    rig.trades(row)
    rig.trades((START + SECOND, 100.25, 1.0, 1, 0, 10))
    assert dict(rig.accounting().rejected) == {reason: 1}
    frame = rig.engine.frame("1min")
    assert (frame["high"].max(), frame["low"].min()) == (100.25, 100.0)


def test_a_level_that_was_wrong_is_left_after_ten_trades_that_agree() -> None:
    rig = Rig()
    rig.trades((START, 5_000_000.0, 1.0, 1, 0, 0))
    for i in range(1, 30):
        rig.trades((START + i * SECOND, 100.0 + i * 0.25, 1.0, 1, 0, i))
    accounting = rig.accounting()
    assert accounting.rejected["price_absurd"] == 9
    assert accounting.in_bars == 21
    assert accounting.balanced


def test_quotes_never_move_bars_where_trades_exist() -> None:
    rig = Rig()
    rig.trades((START, 100.0, 1.0, 1, 0, 1))
    rig.feed(json.dumps({"e": "quotes", "s": "X", "r": [[START + SECOND, 90.0, 1, 110.0, 1]]}))
    frame = rig.engine.frame("1min")
    assert (frame["high"].max(), frame["low"].min()) == (100.0, 100.0)
    assert rig.engine.last_quote == (START + SECOND, 90.0, 1.0, 110.0, 1.0)


def test_quotes_build_bars_where_there_are_no_trades_and_the_frame_says_so() -> None:
    rig = Rig(source="quotes")
    rig.feed(
        json.dumps(
            {"e": "quotes", "s": "X", "r": [[START, 99.0, 1, 101.0, 1], [START + SECOND, 100.0, 1, 104.0, 1]]}
        )
    )
    frame = rig.engine.frame("1min")
    assert frame[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [
        [100.0, 102.0, 100.0, 102.0, 0.0]
    ]
    assert frame.attrs["source"] == "quotes"
    assert "vwap" not in frame


def test_a_late_trade_amends_a_closed_bar_and_one_too_late_is_counted() -> None:
    rig = Rig()
    rig.trades((START, 100.0, 1.0, 1, 0, 1))
    edge = START // (60 * SECOND) * 60 * SECOND + 60 * SECOND
    rig.trades((edge + SECOND, 101.0, 1.0, 1, 0, 2))
    rig.trades((edge - SECOND, 105.0, 2.0, 1, 0, 3))
    rig.trades((edge - 10 * SECOND, 1.0 * 99, 2.0, 1, 0, 4))
    accounting = rig.accounting()
    assert (accounting.amended, accounting.late_dropped, accounting.in_bars) == (1, 1, 3)
    first = rig.engine.frame("1min").iloc[0]
    assert (first["high"], first["low"], first["close"], first["volume"]) == (105.0, 100.0, 105.0, 3.0)


def test_identical_trades_without_ids_are_all_kept_and_ids_seen_twice_are_not() -> None:
    rig = Rig()
    rig.trades(*[(START, 100.0, 1.0, 1, 0, -1)] * 5)
    assert rig.engine.frame("1min")["tick_count"].sum() == 5
    rig.trades((START, 100.0, 1.0, 1, 0, 7), (START, 100.0, 1.0, 1, 0, 7))
    accounting = rig.accounting()
    assert (accounting.in_bars, accounting.duplicate) == (6, 1)


def test_a_burst_of_a_thousand_trades_back_to_back_and_lists_of_trades_lose_none() -> None:
    rig = Rig()
    for i in range(1000):
        rig.drain._waiting.append(
            json.dumps(
                {
                    "e": "trades",
                    "s": "X",
                    "r": [[START, 100.0, 1.0, 1, 0, 2 * i], [START, 101.0, 1.0, 1, 0, 2 * i + 1]],
                }
            )
        )
    rig.drain.flush()
    frame = rig.engine.frame("1min")
    assert frame["volume"].sum() == 2000.0
    assert frame["tick_count"].sum() == 2000


def test_ticks_keep_their_nanoseconds_and_are_indexed_by_the_exchanges_time() -> None:
    rig = Rig()
    rig.trades((START + 123_456_789, 100.0, 1.0, 1, 1, 1))
    frame = rig.engine.ticks.frame(10, "America/Chicago")
    assert frame.index[0].value == START + 123_456_789
    assert str(frame.index.dtype) == "datetime64[ns, America/Chicago]"


def test_the_first_and_the_last_bar_of_a_recording_are_marked_partial() -> None:
    rig = Rig(["1min", "5min"])
    begin = START // (300 * SECOND) * 300 * SECOND + 400 * SECOND
    for i in range(40):
        rig.trades((begin + i * 17 * SECOND, 100.0, 1.0, 1, 0, i))
    frame = rig.engine.frame("1min")
    assert frame.attrs["partial"] == (0,)
    rig.pipeline.end()
    assert rig.engine.frame("1min").attrs["partial"] == (0, len(frame) - 1)
    five = rig.engine.frame("5min")
    assert five.attrs["partial"] == (0, len(five) - 1)


def test_closed_bars_at_any_moment_are_made_of_what_had_come_by_then() -> None:
    rng = np.random.default_rng(8)
    ts = START + np.cumsum(rng.integers(0, 40 * SECOND, 200))
    rows = [
        (int(t), 100.0 + int(p), 1.0, 1, 0, i)
        for i, (t, p) in enumerate(zip(ts, rng.integers(0, 9, 200), strict=True))
    ]
    rig = Rig(["1min", "5min"])
    for i, row in enumerate(rows):
        rig.trades(row)
        for name, step in (("1min", 60), ("5min", 300)):
            closed = rig.engine.frame(name, closed_only=True)
            known = pd.DataFrame(
                {"p": [r[1] for r in rows[: i + 1]]},
                index=pd.to_datetime([r[0] for r in rows[: i + 1]], utc=True),
            )
            bars = known["p"].resample(f"{step}s").ohlc().dropna()
            # Whole bars only: those that end by the newest trade's time.
            whole = bars[bars.index + pd.Timedelta(step, "s") <= known.index[-1]]
            assert closed["close"].tolist() == whole["close"].tolist()
            assert closed["high"].tolist() == whole["high"].tolist()


def test_a_timer_closes_a_bar_when_its_interval_and_the_grace_have_passed() -> None:
    rig = Rig(["1min", "5min"], fill_gaps=True)
    start = START // (300 * SECOND) * 300 * SECOND
    clock = rig.pipeline.clock = HandClock(start)
    rig.trades((start, 100.0, 1.0, 1, 0, 1))
    assert rig.pipeline.due_ns() == start + 60 * SECOND + 500_000_000
    clock.now = start + 60 * SECOND + 499_000_000
    rig.pipeline.close_due()
    assert len(rig.engine.frame("1min", closed_only=True)) == 0
    clock.now += 1_000_000
    rig.pipeline.close_due()
    assert len(rig.engine.frame("1min", closed_only=True)) == 1
    # Nothing trades: with fill_gaps a flat bar follows each minute, and the 5-minute bar closes in time.
    clock.now = start + 301 * SECOND
    rig.pipeline.close_due()
    frame = rig.engine.frame("1min", closed_only=True)
    assert frame["close"].tolist() == [100.0] * 5
    assert frame["tick_count"].tolist() == [1, 0, 0, 0, 0]
    assert len(rig.engine.frame("5min", closed_only=True)) == 1
    # A trade that comes after its bar was closed by the timer still belongs there.
    rig.trades((start + 59 * SECOND, 103.0, 2.0, 1, 0, 2))
    frame = rig.engine.frame("1min", closed_only=True)
    assert frame["high"].tolist() == [103.0] * 5
    assert frame["volume"].tolist() == [3.0, 0.0, 0.0, 0.0, 0.0]
    assert rig.engine.frame("5min", closed_only=True)["volume"].tolist() == [3.0]
    assert rig.accounting().amended == 1
    assert rig.accounting().balanced


class WatchedLock:
    """A lock that looks at something whenever it is free, as whoever waits for it might."""

    def __init__(self, lock: Any, look: Callable[[], None]) -> None:
        self.lock = lock
        self.look = look
        self.depth = 0

    def __enter__(self) -> None:
        if self.depth == 0:
            self.depth = 1
            self.look()
            self.depth = 0
        self.lock.__enter__()
        self.depth += 1

    def __exit__(self, *error: object) -> None:
        self.depth -= 1
        self.lock.__exit__(*error)


@pytest.mark.parametrize("source", ["trades", "quotes", "bars"])
def test_the_accounting_is_balanced_whenever_another_thread_can_look_at_it(source: str) -> None:
    rig = Rig(source=source)
    looks: list[Accounting] = []
    rig.engine.lock = WatchedLock(rig.engine.lock, lambda: looks.append(rig.accounting()))
    rig.trades((START, 100.0, 1.0, 1, 0, 1), (START + 1, -5.0, 1.0, 1, 0, 2))
    bar = [START // (60 * SECOND) * 60 * SECOND, 100.0, 101.0, 99.0, 100.0, 5.0, 3, 500.0]
    rig.feed(
        json.dumps({"e": "quotes", "s": "X", "r": [[START + 2, 99.75, 1, 100.0, 2]]}),
        json.dumps({"e": "bars", "s": "X", "tf": "1min", "closed": True, "r": [bar]}),
    )
    rig.pipeline.subscribed.discard("trades")
    rig.trades((START + 3, 100.0, 1.0, 1, 0, 3))
    assert rig.accounting().received > 0
    assert len(looks) > 3
    assert all(one.balanced for one in looks), [str(one) for one in looks if not one.balanced]


def test_a_bar_is_not_closed_ahead_of_trades_that_are_still_on_their_way() -> None:
    class Wall(EventClock):
        def wall_seconds(self, market_ns: int) -> float:
            return market_ns / SECOND

    rig = Rig(["1sec"])
    clock = Wall(START)
    rig.pipeline.clock = clock
    rig.trades((START, 100.0, 1.0, 1, 0, 1))
    # Data of five seconds ago: a backlog, of which the timer must not run ahead.
    clock.advance(START + 5 * SECOND)
    rig.pipeline.note_lag(5000.0)
    rig.pipeline.close_due()
    assert rig.engine.frame("1sec", closed_only=True).empty
    rig.trades((START + SECOND // 2, 101.0, 1.0, 1, 0, 2), (START + SECOND, 102.0, 1.0, 1, 0, 3))
    assert rig.accounting().amended == 0
    assert rig.engine.frame("1sec")["tick_count"].tolist() == [2.0, 1.0]
    # Caught up: the grace is all that is waited for.
    rig.pipeline.note_lag(0.0)
    rig.pipeline.close_due()
    assert len(rig.engine.frame("1sec", closed_only=True)) == 2


def test_quotes_without_a_time_count_from_when_they_came() -> None:
    rig = Rig(source="quotes")
    rig.clock.advance(START)
    rig.feed(json.dumps({"e": "quotes", "s": "X", "r": [[0, 100.0, 1.0, 100.5, 1.0]]}))
    assert rig.engine.quotes.last() == (START, 100.0, 1.0, 100.5, 1.0)
    assert rig.engine.frame("1min").index[-1] == pd.Timestamp(START // (60 * SECOND) * 60 * SECOND, tz="UTC")


def test_quotes_that_nobody_subscribed_to_are_counted_and_left() -> None:
    rig = Rig()
    rig.pipeline.subscribed = {"trades"}
    rig.feed(json.dumps({"e": "quotes", "s": "X", "r": [[START, 100.0, 1.0, 100.5, 1.0]]}))
    assert (rig.pipeline.ledger.quotes, len(rig.engine.quotes)) == (1, 0)


def test_quotes_that_cannot_be_make_no_bar() -> None:
    rig = Rig(source="quotes")
    for at, price in enumerate([100.0, 100.25, 100.0, 9_000_000.0, 100.25]):
        row = [START + at * SECOND, price, 1.0, price + 0.5, 1.0]
        rig.feed(json.dumps({"e": "quotes", "s": "X", "r": [row]}))
    assert rig.engine.frame("1min")["high"].max() < 200.0


def test_a_flood_of_frames_is_taken_in_pieces_and_none_is_lost() -> None:
    async def main() -> None:
        rig = Rig()
        rig.drain._loop = asyncio.get_running_loop()
        rig.drain.batch_size = 10
        frames = [
            json.dumps({"e": "trades", "s": "X", "r": [[START + n, 100.0, 1.0, 1, 0, n + 1]]})
            for n in range(95)
        ]
        rig.feed(*frames)
        assert len(rig.engine.ticks) == 10
        for _ in range(9):
            # Others have their turn in between.
            await asyncio.sleep(0)
        assert [len(batch.trades["X"]) for batch in rig.batches] == [*[10] * 9, 5]

    asyncio.run(main())


def test_what_was_delivered_last_is_taken_in_before_the_end() -> None:
    async def main() -> None:
        rig = Rig()
        rig.drain.batch_size = 3
        for number in range(10):
            row = [START + number, 100.0, 1.0, 1, 0, number + 1]
            rig.drain.on_frame(json.dumps({"e": "trades", "s": "X", "r": [row]}))
        await rig.drain.finish()
        assert len(rig.engine.ticks) == 10

    asyncio.run(main())


def test_frames_of_symbols_that_nobody_follows_are_counted() -> None:
    rig = Rig()
    rig.feed(json.dumps({"e": "trades", "s": "Y", "r": [[START, 100.0, 1.0, 1, 0, 1]]}))
    rig.trades((START, 100.0, 1.0, 1, 0, 1))
    assert rig.drain.unknown_symbol == 1
    assert len(rig.engine.ticks) == 1
