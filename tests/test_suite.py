"""Both faces over the embedded simulator: a real socket, history joined with live data, clear errors."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.config import DataManagerConfig
from mdnb.errors import (
    ClosedError,
    FeedError,
    MdnbError,
    NoDataError,
    OptionError,
    SymbolError,
    TimeframeError,
    WaitTimeoutError,
)
from mdnb.market import LiveMarket
from mdnb.runtime.process.loop import background_loop
from tests.limits import LIMIT_SECONDS

FAST = "sim://?speed=60&seed=11"


@pytest.fixture(scope="module")
def market() -> Iterator[LiveMarket]:
    with mdnb.live("MNQ", ["1min", "5min", "1hour"], feed=FAST, initial_days=1, name="tests") as made:
        yield made


def test_history_and_live_data_join_without_a_lost_or_doubled_bar() -> None:
    with mdnb.live("BTC-USD", ["1min", "15min"], feed=FAST, initial_days=0.5, name="join") as market:
        for _ in range(3):
            market.wait_for("new_bar", timeout=LIMIT_SECONDS, where=lambda event: event.timeframe == "1min")
        frame = market.data.get_data("1min", closed_only=True)
        assert len(frame) > 700
        gaps = np.diff(frame.index.asi8)
        assert set(gaps.tolist()) == {60_000_000}
        ticks = market.data.get_recent_ticks(100_000)
        ids = [tick.trade_id for tick in ticks]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        # The minutes that the ticks cover whole, bars of the history among them, are made of exactly these.
        table = pd.DataFrame(
            {"price": [t.price for t in ticks], "size": [t.size for t in ticks]},
            index=[t.timestamp for t in ticks],
        )
        ours = table["price"].resample("1min").ohlc().iloc[1:-1]
        theirs = frame.loc[ours.index[0] : ours.index[-1], ["open", "high", "low", "close"]]
        assert len(theirs) >= 10
        assert ours.to_numpy().tolist() == theirs.to_numpy().tolist()
        assert market.accounting().balanced


def test_the_same_seed_is_the_same_market() -> None:
    day = "2026-03-02"
    frames = []
    for _ in range(2):
        with mdnb.live(
            "MES", ["1min"], feed=f"sim://?seed=3&start={day}T15:00:00Z", initial_days=0.2, name="seed"
        ) as market:
            frames.append(market.data.get_data("1min", closed_only=True, end_time=f"{day}T14:58:00Z"))
    pd.testing.assert_frame_equal(*frames)
    assert len(frames[0]) > 200


def test_data_answers_at_once(market: LiveMarket) -> None:
    assert len(market.data.get_data("1min", count=100)) == 100
    recent = market.data.get_data("1min", count=3)
    since = market.data.get_data("1min", start_time=recent.index[0].to_pydatetime())
    assert len(since) in (3, 4)
    assert market.price > 0
    assert market.price.age < 60
    quote = market.data.get_current_quote()
    assert quote.bid < quote.ask
    assert quote["spread"] == quote.spread == quote.ask - quote.bid
    snapshot = market.data.get_market_snapshot()
    assert snapshot.low <= snapshot.open <= snapshot.high
    assert snapshot.low <= snapshot["close"] <= snapshot.high
    assert isinstance(snapshot.volume, int)
    tick = market.data.get_latest_tick()
    assert tick.timestamp.tzinfo is not None
    assert tick["price"] == tick.price


def test_timeframes_can_be_added_and_removed_at_once(market: LiveMarket) -> None:
    before = market.data.get_timeframes()
    for name in ("30min", "4hour", "15sec", "200tick", "7min"):
        assert market.data.add_timeframe(name) == name
        assert len(market.data.get_data(name)) > 0
    assert market.data.has_timeframe("240T")
    assert not market.data.has_timeframe("nonsense")
    thirty = market.data.get_data("30min", closed_only=True).iloc[1:]
    fine = market.data.get_data("1min", closed_only=True)
    folded = fine["volume"].resample("30min").sum().reindex(thirty.index)
    assert thirty["volume"].tolist() == folded.tolist()
    for name in ("30min", "4hour", "15sec", "200tick", "7min"):
        market.data.remove_timeframe(name)
    assert market.data.get_timeframes() == before


def test_live_frames_show_themselves_and_behave_like_frames(market: LiveMarket) -> None:
    live = market["1min"]
    text = repr(live)
    assert "MNQ · 1min" in text
    assert "last update" in text
    assert "forming since" in text
    assert "<table" in live._repr_html_()
    assert len(live.tail(2)) == 2
    assert list(live["close"].index) == list(live.frame.index)
    assert live.forming is not None
    assert not live.forming.closed
    assert live.frame is not live.frame


def test_handlers_get_finished_bars_in_order_and_a_raising_one_does_no_harm(market: LiveMarket) -> None:
    bars: list[mdnb.Bar] = []
    enough = threading.Event()

    def keep(event: mdnb.Event) -> None:
        if event.timeframe == "1min":
            bars.append(event.data)
        if len(bars) >= 3:
            enough.set()

    def fail(event: mdnb.Event) -> None:
        raise ValueError("not my day")

    good, bad = market.on(mdnb.EventType.NEW_BAR, keep), market.on("new_bar", fail)
    assert enough.wait(LIMIT_SECONDS)
    good.off()
    bad.off()
    assert bad.errors >= 3
    times = [bar.time_ns for bar in bars]
    assert times == sorted(set(times))
    frame = market.data.get_data("1min")
    for bar in bars:
        row = frame.loc[bar.timestamp]
        assert [bar.open, bar.high, bar.low, bar.close, bar.volume] == row[
            ["open", "high", "low", "close", "volume"]
        ].tolist()
        assert bar.closed
        assert bar["close"] == bar.close


def test_waiting_for_what_never_comes_ends_with_a_clear_error(market: LiveMarket) -> None:
    with pytest.raises(WaitTimeoutError, match="NEW_BAR"):
        market.wait_for("new_bar", timeout=0.05, where=lambda event: False)


def test_the_async_face_from_a_loop_of_its_own() -> None:
    async def main() -> tuple[list[str], list[float], bool]:
        prices: list[float] = []
        async with await mdnb.TradingSuite.create("MNQ", ["1min"], feed=FAST, initial_days=0.1) as suite:

            async def on_tick(event: mdnb.Event) -> None:
                prices.append(event.data["price"])

            await suite.on(mdnb.EventType.TICK_DATA, on_tick)
            async for event in suite.events(mdnb.EventType.NEW_BAR):
                assert event.timeframe == "1min"
                break
            await suite.wait_for("quote_update", timeout=LIMIT_SECONDS)
            frame = await suite.data.get_data("1min", count=5)
            return list(frame.columns), prices, suite.is_connected

    columns, prices, connected = asyncio.run(main())
    assert columns[:4] == ["open", "high", "low", "close"]
    assert len(prices) > 10
    assert connected


def test_several_symbols_each_with_its_own_engine() -> None:
    with mdnb.live(["MNQ", "MES"], ["1min"], feed=FAST, initial_days=0.1, name="two") as market:
        assert market.symbols == ("MNQ", "MES")
        assert market["MES"].price < market["MNQ"].price
        assert market["MES"]["1min"].symbol == "MES"
        with pytest.raises(SymbolError, match="Allowed: MNQ, MES"):
            market.of("ES")


def test_the_zone_changes_what_is_shown_and_nothing_else() -> None:
    frames = {}
    for tz in ("UTC", "America/Chicago"):
        feed = "sim://?seed=3&start=2026-03-02T15:00:00Z"
        with mdnb.live("MES", ["1min"], feed=feed, initial_days=0.1, tz=tz, name="zone") as market:
            frames[tz] = market.data.get_data("1min", closed_only=True, end_time="2026-03-02T14:58:00Z")
    chicago = frames["America/Chicago"]
    assert str(chicago.index.dtype) == "datetime64[us, America/Chicago]"
    pd.testing.assert_frame_equal(chicago.tz_convert("UTC"), frames["UTC"])


def _threads() -> int:
    # The loop's own pool grows to what is asked of it at once, and is kept.
    return sum(not each.name.startswith("asyncio_") for each in threading.enumerate())


def test_running_the_cell_again_replaces_the_market_and_leaks_nothing() -> None:
    background_loop()
    first = mdnb.live("MNQ", ["1min"], feed=FAST, initial_days=0, name="again")
    threads = _threads()
    for _ in range(5):
        market = mdnb.live("MNQ", ["1min"], feed=FAST, initial_days=0, name="again")
    assert first.status == "closed"
    assert _threads() == threads
    with pytest.raises(ClosedError, match="closed"):
        first.data.get_data("1min")
    market.close()
    market.close()


@pytest.mark.parametrize("end", ["played", "closed"])
def test_iterators_over_events_end_with_the_market(end: str) -> None:
    feed = "replay:dataset:gold-ticks?speed=max" if end == "played" else FAST
    with mdnb.live("GC" if end == "played" else "MNQ", ["1min"], feed=feed, initial_days=0) as market:
        bus = market._parts.session.bus
        plain, awaited = bus.events_plain("tick_data"), bus.events("tick_data")
        market.start()
        if end == "closed":
            market.close()

        async def rest() -> list[mdnb.Event]:
            return [event async for event in awaited]

        # What is held is given, and then they end.
        given = [*plain, *asyncio.run(rest())]
        assert all(event.symbol == market.symbol for event in given)
        assert bus.subscriptions() == []
        with pytest.raises(ClosedError, match="market is at its end"):
            asyncio.run(bus.wait_for("tick_data"))


def test_a_suite_that_nobody_keeps_is_closed() -> None:
    market = mdnb.live("MNQ", ["1min"], feed=FAST, initial_days=0, name="dropped")
    session = market._parts.session
    del market
    gc.collect()

    async def ended() -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            await session.ended.wait()

    mdnb.run(ended())
    assert session.closed


@pytest.mark.parametrize(
    ("error", "text", "options"),
    [
        (TimeframeError, "Understood", {"timeframes": ["5fortnights"]}),
        (TimeframeError, "makes no sense", {"timeframes": ["0min"]}),
        (SymbolError, "NOPE", {"symbol": "NOPE"}),
        (SymbolError, "name one symbol", {"symbol": ""}),
        (FeedError, "nosuchfeed", {"feed": "nosuchfeed"}),
        (FeedError, "colour", {"feed": "sim://?colour=red"}),
        (MdnbError, "speed", {"feed": "sim://?speed=-1"}),
        (FeedError, "no.such", {"feed": "replay:/no/such/file"}),
        (OptionError, "time zone", {"tz": "Mars/Olympus"}),
        (OptionError, "initial_days", {"initial_days": -1}),
        (OptionError, "DataManagerConfig", {"data_manager_config": {"fill_gaps": True}}),
    ],
)
def test_bad_input_is_refused_with_what_is_allowed_and_leaves_nothing_running(
    error: type[Exception], text: str, options: dict[str, object]
) -> None:
    threads = threading.active_count()
    with pytest.raises(error, match=text):
        mdnb.live(**{"symbol": "MNQ", "timeframes": ["1min"], "feed": FAST, "name": "bad", **options})  # type: ignore[arg-type]
    assert threading.active_count() <= max(threads, 2)


def test_asking_for_what_is_not_kept_names_what_is(market: LiveMarket) -> None:
    with pytest.raises(TimeframeError, match="Kept: 1min, 5min, 1hour"):
        market.data.get_data("2min")
    with pytest.raises(TimeframeError, match="Kept"):
        market.data.remove_timeframe("2min")
    with pytest.raises(OptionError, match="count"):
        market.data.get_data("1min", count=-1)
    with pytest.raises(OptionError, match="instant"):
        market.data.get_data("1min", start_time="yesterday-ish")
    with pytest.raises(OptionError, match="Did you mean 'NEW_BAR'"):
        market.on("new_bra", print)
    with pytest.raises(OptionError, match="function"):
        market.on("new_bar", 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"max_bars_per_timeframe": 0},
        {"max_ticks": 1.5},
        {"fill_gaps": 1},
        {"grace_ms": -1},
        {"max_lateness_seconds": float("nan")},
    ],
)
def test_config_refuses_what_makes_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        DataManagerConfig(**options)  # type: ignore[arg-type]


def test_no_data_in_time_says_so_with_the_state_of_the_connection() -> None:
    # A Saturday, and the venue's real hours: nothing trades.
    feed = "sim://?hours=venue&start=2026-03-07T15:00:00Z"
    with (
        mdnb.live("MNQ", ["1min"], feed=feed, initial_days=0, name="closed") as market,
        pytest.raises(NoDataError, match="connected"),
    ):
        market.data.get_current_price(timeout=0.1)
