"""What people write first, on a running market: it works, or the error names what does."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.errors import (
    ClosedError,
    MdnbError,
    NoDataError,
    OptionError,
    RuntimeUseError,
    SymbolError,
    TimeframeError,
    WaitTimeoutError,
)
from mdnb.market import LiveMarket
from tests.limits import LIMIT_SECONDS


@pytest.fixture(scope="module")
def live() -> Iterator[LiveMarket]:
    with mdnb.live(["MNQ", "MES"], ["1min", "5min"], initial_days=0.2, progress=False) as market:
        yield market


def test_newest_values_by_their_first_names(live: LiveMarket) -> None:
    assert live.price > 0
    assert live.last.symbol == "MNQ"
    quote = live.quote
    assert quote.bid < quote.ask
    assert live.bid < live.ask + 50
    assert live["MES"].bid.symbol == "MES"
    assert live["MES"].ask.age >= 0.0


def test_timeframes_are_listed_iterated_added_and_removed(live: LiveMarket) -> None:
    assert live.timeframes == list(live) == ["1min", "5min"]
    said = r"15min was added to MNQ alone; for the others: live\['MES'\]\.add_timeframe\('15min'\)"
    with pytest.warns(UserWarning, match=said):
        assert live.add_timeframe("15m") == "15min"
    assert "15min" in live
    assert "15m" in live
    assert live["15min"].timeframe == "15min"
    assert "15min" not in live["MES"]
    with pytest.warns(UserWarning, match="15min was removed from MNQ alone"):
        assert live.remove_timeframe("15min") == "15min"
    assert "15min" not in live
    # Of one symbol nothing else is meant.
    assert live["MNQ"].add_timeframe("15m") == live["MNQ"].remove_timeframe("15m") == "15min"
    assert "MES" in live
    assert "what" not in live
    assert 5 not in live


def test_one_symbol_is_one_object(live: LiveMarket) -> None:
    assert live["MNQ"].data is live.data
    assert live["MNQ"] is live.of("MNQ")
    assert live["MES"].data is live["MES"].data
    assert live["MES"].data.engine is live["MES"]["1min"]._engine


def test_a_mistyped_symbol_names_the_symbols(live: LiveMarket) -> None:
    with pytest.raises(SymbolError, match=r"neither a symbol .* Did you mean 'MES'\? Symbols: MNQ, MES"):
        live["MSE"]
    with pytest.raises(SymbolError, match="Did you mean 'MNQ'"):
        mdnb.live("mnq", progress=False)
    with pytest.raises(SymbolError, match="Did you mean 'MES'"):
        live.of("mes")


def test_a_timeframe_that_is_not_kept_names_the_call_that_adds_it(live: LiveMarket) -> None:
    with pytest.raises(TimeframeError, match=r"keeps no 1hour bars.*add_timeframe\('1hour'\)"):
        live["1h"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("df", 'live["1min"].frame'),
        ("bars", 'live["1min"]'),
        ("stop", "close()"),
        ("disconnect", "close()"),
        ("get_data", "live.data.get_data"),
        ("exprt", "'export'"),
        ("ticker", "live.quote"),
        ("plot", "live.chart()"),
    ],
)
def test_a_name_from_elsewhere_is_answered_with_the_right_one(
    live: LiveMarket, name: str, meant: str
) -> None:
    with pytest.raises(AttributeError, match="LiveMarket has no") as caught:
        getattr(live, name)
    assert meant in str(caught.value)
    assert not hasattr(live, "_ipython_display_")


def test_a_symbol_is_not_closed_alone(live: LiveMarket) -> None:
    with pytest.raises(AttributeError, match=r"Did you mean live\.close\(\)"):
        live["MES"].close()


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda live: live.data.get_data("1min", limit=5), "'count'"),
        (lambda live: live.data.get_data("1min", start="2026-01-01"), "'start_time'"),
        (lambda live: live.data.get_recent_ticks(n=5), "'count'"),
        (lambda live: live["MNQ"].export("x.csv", timefame="1min"), "'timeframe'"),
        (lambda live: live.wait_for("new_bar", timout=1), "'timeout'"),
    ],
)
def test_an_argument_from_elsewhere_is_answered_with_the_right_one(
    live: LiveMarket, call: object, meant: str
) -> None:
    with pytest.raises(TypeError, match="has no argument") as caught:
        call(live)  # type: ignore[operator]
    assert meant in str(caught.value)


def test_a_suite_answers_like_a_live_market() -> None:
    async def main() -> None:
        suite = await mdnb.TradingSuite.create(["MNQ", "MES"], ["1min", "5min"], initial_days=0.2)
        try:
            assert suite.timeframes == list(suite) == ["1min", "5min"]
            assert await suite.price > 0
            assert (await suite["MES"].bid) < (await suite["MES"].ask) + 50
            assert (await suite.quote).symbol == "MNQ"
            assert "await" in repr(suite.price)
            assert len(suite["1min"].closed) > 100
            with pytest.warns(UserWarning, match="15min was added to MNQ alone"):
                assert await suite.add_timeframe("15m") == "15min"
            assert (await suite.alignment()).score <= 1.0
            assert suite.accounting("MES").symbol == "MES"
            with pytest.raises(AttributeError, match=r"disconnect\(\)"):
                _ = suite.close
            with pytest.raises(AttributeError, match=r"suite\.data\.get_data"):
                _ = suite.get_data
            with pytest.raises(TypeError, match="'count'"):
                await suite.data.get_data("1min", limit=3)
            with pytest.raises(SymbolError, match="MNQ, MES"):
                _ = suite["MSE"]
            with pytest.raises(mdnb.WaitTimeoutError):
                await suite.wait_ended(timeout=0.01)
        finally:
            await suite.disconnect()
        with pytest.raises(ClosedError):
            await suite.price
        with pytest.raises(ClosedError):
            await suite.on("new_bar", print)

    asyncio.run(main())


def test_what_a_symbols_face_registered_its_own_or_the_suites_off_removes() -> None:
    async def main() -> None:
        async with await mdnb.TradingSuite.create(["MNQ", "MES"], ["1min"], initial_days=0) as suite:
            handler = print
            await suite["MES"].on("new_bar", handler)
            assert await suite["MNQ"].off("new_bar", handler) == 0
            assert await suite["MES"].off("new_bar", handler) == 1
            await suite["MES"].on("new_bar", handler)
            await suite.on("new_bar", handler)
            assert await suite["MES"].off("new_bar") == 1
            assert await suite.off("new_bar", handler) == 1
            await suite["MES"].on("new_bar", handler)
            assert await suite.off("new_bar", handler) == 1
            event = await suite["MES"].wait_for("tick_data", timeout=30)
            assert event.symbol == "MES"
            async for tick in suite["MES"].events("tick_data"):
                assert tick.symbol == "MES"
                break

    asyncio.run(main())


def test_events_are_iterated_plainly(live: LiveMarket) -> None:
    for count, event in enumerate(live["MES"].events("tick_data"), start=1):
        assert event.symbol == "MES"
        if count == 3:
            break
    assert {next(live.events("quote_update")).symbol for _ in range(30)} <= {"MNQ", "MES"}


def test_modules_and_names_are_reached_after_import_mdnb_alone() -> None:
    assert mdnb.errors.MdnbError is mdnb.MdnbError is MdnbError
    assert "gold-ticks" in mdnb.datasets.names()
    assert mdnb.analysis.Indicator.parse("ema(20)").label == "EMA 20"
    for name in mdnb.__all__:
        assert getattr(mdnb, name) is not None


def test_another_symbol_is_asked_of_the_market(live: LiveMarket) -> None:
    for name in ("MNQ", "MES"):
        with pytest.raises(SymbolError, match=rf"ask the market itself for {name}: live\['{name}'\]"):
            live["MES"][name]


@pytest.mark.parametrize("name", [["1min"], None, 3, slice(None), {"1min": 1}])
def test_what_is_no_name_is_refused_alike_on_a_market_and_a_symbol(live: LiveMarket, name: object) -> None:
    for face in (live, live["MES"]):
        assert name not in face
        with pytest.raises(SymbolError, match="neither a symbol followed here nor a timeframe"):
            face[name]  # type: ignore[index]
    with pytest.raises(SymbolError, match="is not followed here"):
        live.of(name)  # type: ignore[arg-type]
    if name is not None:
        with pytest.raises(SymbolError, match="is not followed here"):
            live.accounting(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("spelling", ["5 minutes", "300s", "5T", "5m", "5Min"])
def test_a_timeframe_is_known_by_any_of_its_spellings(live: LiveMarket, spelling: str) -> None:
    assert spelling in live
    assert spelling in live["MES"]
    assert live[spelling].timeframe == "5min"


def test_one_timeframe_may_stand_alone(live: LiveMarket) -> None:
    assert list(live.alignment("5m").timeframes) == ["5min"]


def test_wrong_options_of_a_file_are_named(live: LiveMarket, tmp_path: Path) -> None:
    text = live["MNQ"].export(tmp_path / "bars.csv", "1min")
    with pytest.raises(OptionError, match="four names are needed"):
        live.load(text, "1min", price_columns=3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="overwrite must be True or False; got 'yes'"):
        live.load(text, "1min", overwrite="yes")  # type: ignore[arg-type]
    whole = live["MNQ"].export(tmp_path / "bars.parquet")
    prices = ["open", "high", "low", "close"]
    assert [result.timeframe for result in live.load(whole, price_columns=prices)] == ["1min", "5min"]


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5"])
def test_a_timeout_that_is_no_time_is_refused(live: LiveMarket, timeout: object) -> None:
    for wait in (live.wait_ended, live.data.get_current_price, live.data.get_current_quote):
        with pytest.raises(OptionError, match="timeout must be seconds"):
            wait(timeout=timeout)  # type: ignore[operator]


def test_events_take_a_time_to_wait_on_all_faces(live: LiveMarket) -> None:
    for face in (live, live["MES"]):
        with pytest.raises(WaitTimeoutError, match="no event within"):
            next(face.events("alert", timeout=0.01))
        assert next(face.events("tick_data", timeout=60)).symbol in face.symbols

    async def main() -> None:
        async with await mdnb.TradingSuite.create(["MNQ", "MES"], ["1min"], initial_days=0) as suite:
            for face in (suite, suite["MES"]):
                with pytest.raises(WaitTimeoutError, match="no event within"):
                    await anext(face.events("alert", timeout=0.01))

    asyncio.run(main())


def test_a_plain_iterator_is_refused_where_it_would_wait_for_itself(live: LiveMarket) -> None:
    made_outside = live["MES"].events("tick_data")

    async def inside() -> None:
        with pytest.raises(RuntimeUseError, match="an iterator over events blocks"):
            live.events("tick_data")
        with pytest.raises(RuntimeUseError, match="an iterator over events blocks"):
            next(made_outside)

    mdnb.run(inside())
    assert next(made_outside).symbol == "MES"


def test_off_leaves_what_another_market_has(live: LiveMarket) -> None:
    with mdnb.live("MES", ["1min"], initial_days=0, progress=False) as other:
        theirs = other.on("new_bar", print)
        assert live.off(theirs) == 0
        assert theirs.active
        assert other.off(theirs) == 1


def test_after_a_recording_nothing_is_waited_for_that_cannot_come() -> None:
    feed = "replay:dataset:gold-ticks?speed=max"
    with mdnb.live("GC", ["1min"], feed=feed, progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        assert market.price > 0
        for name in ("quote", "bid", "ask"):
            with pytest.raises(
                NoDataError, match="no quote of GC: it comes from a recording that holds none"
            ):
                getattr(market, name)


def test_what_left_memory_is_exported_too(tmp_path: Path) -> None:
    config = mdnb.DataManagerConfig(max_bars_per_timeframe=50, enable_disk_overflow=True)
    options = {"initial_days": 0.5, "data_manager_config": config, "progress": False}
    with mdnb.live("BTC-USD", ["1min"], **options) as market:  # type: ignore[arg-type]
        market.export(tmp_path / "btc.parquet")
        everything = market.data.get_all_data("1min")
    assert len(everything) > 600
    assert len(pd.read_parquet(tmp_path / "btc.parquet")) >= len(everything) - 1


def test_the_bar_that_is_being_made_is_exported_only_where_asked_for(
    live: LiveMarket, tmp_path: Path
) -> None:
    closed = pd.read_csv(live["MNQ"].export(tmp_path / "closed.csv", "1min"))
    whole = pd.read_csv(live["MNQ"].export(tmp_path / "whole.csv", "1min", include_forming=True))
    assert len(whole) - len(closed) in (1, 2)  # one may close in between


def test_a_mistyped_symbol_leaves_the_earlier_market_running() -> None:
    with mdnb.live("MNQ", "1min", initial_days=0, name="kept", progress=False) as market:
        with pytest.raises(SymbolError, match="Did you mean 'MNQ'"):
            mdnb.live("MNW", "1min", name="kept", progress=False)
        assert market.status == "connected"
        assert market.price > 0


def test_what_is_meant_is_said_without_the_names_of_our_parts(live: LiveMarket) -> None:
    with pytest.raises(TypeError, match=r"^get_data\(\) missing 1 required positional argument: 'timeframe'"):
        live.data.get_data(count=5)  # type: ignore[call-arg]
    with pytest.raises(AttributeError, match=r"live\['MES'\]"):
        _ = live.MES
    with pytest.raises(AttributeError, match=r"live\.quote\.spread"):
        _ = live.spread
    with pytest.raises(OptionError, match="initial_days must be between 0 and 3660; got 'two'"):
        mdnb.live("MNQ", initial_days="two", progress=False)  # type: ignore[arg-type]
    with pytest.raises(RuntimeUseError, match=r"await TradingSuite\.create"):
        mdnb.TradingSuite("MNQ")  # type: ignore[arg-type]
    assert live.price.time.tz is not None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("get_bars", "get_data('1min')"),
        ("fetch_ohlcv", "get_data('1min')"),
        ("get_dat", "'get_data'"),
        ("price", "get_current_price()"),
    ],
)
def test_a_data_manager_answers_a_name_from_elsewhere(live: LiveMarket, name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match="SyncDataManager has no") as caught:
        getattr(live.data, name)
    assert meant in str(caught.value)


def test_a_chart_is_changed_by_its_attributes_and_answers_a_name_from_elsewhere(live: LiveMarket) -> None:
    chart = live.chart("1min")
    chart.kind, chart.overlays, chart.timeframe, chart.theme = "line", ["sma(5)"], "5min", "dark"
    chart.symbol = "MES"
    assert (chart.kind, chart.overlays, chart.timeframe, chart.theme, chart.symbol) == (
        "line",
        ("sma(5)",),
        "5min",
        "dark",
        "MES",
    )
    with pytest.raises(OptionError, match="'lines'"):
        chart.kind = "lines"
    with pytest.raises(AttributeError, match=r"LiveChart has no 'save'. Did you mean export"):
        _ = chart.save
    with pytest.raises(TypeError, match=r"^snapshot\(\) takes 1 positional argument"):
        chart.snapshot(1, 2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"mark\(\) has no argument 'tme'. Did you mean 'time'"):
        chart.mark(tme=1)  # type: ignore[call-arg]
    with pytest.raises(TimeframeError, match=r"MES is a symbol.*live\['MES'\]\.chart\(\)"):
        live.chart("MES")
    chart.close()


def test_a_value_that_is_awaited_says_so_when_it_is_used_at_once() -> None:
    async def main() -> None:
        async with await mdnb.TradingSuite.create("MNQ", "1min", initial_days=0) as suite:
            for use in (
                lambda: suite.price + 1,  # type: ignore[operator]
                lambda: 1 - suite.price,  # type: ignore[operator]
                lambda: suite.price > 1,  # type: ignore[operator]
                lambda: float(suite.price),  # type: ignore[arg-type]
                lambda: f"{suite.price:.2f}",
            ):
                with pytest.raises(TypeError, match=r"\(await suite\.price\)"):
                    use()
            with pytest.raises(AttributeError, match=r"\(await suite\.quote\)\.bid"):
                _ = suite.quote.bid
            assert not hasattr(suite.quote, "__array__")
            assert "await" in f"{suite.price}"

    asyncio.run(main())


def test_a_file_of_several_symbols_says_whose_bars_it_gets(live: LiveMarket, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"bars of MNQ alone, not those of MES; .*live\['MES'\]\.export"):
        live.export(tmp_path / "mnq.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        live["MES"].export(tmp_path / "mes.parquet")


def test_a_subscription_and_an_alert_end_by_the_same_words(live: LiveMarket) -> None:
    subscription = live.on("new_bar", print)
    subscription.cancel()
    assert "NEW_BAR -> print" in repr(subscription)
    assert "with each DATA_GAP: active" in repr(live.alert(event="data_gap"))
    alert = live.alert(above=1.0, message="far down")
    assert "'far down' on MNQ, when 1.00 is crossed upwards: active" in repr(alert)
    alert.off()
    assert not subscription.active
    assert not alert.active
