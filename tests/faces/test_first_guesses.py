"""What people write first, on a running market: it works, or the error names what does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import mdnb
from mdnb.errors import ClosedError, MdnbError, SymbolError, TimeframeError
from mdnb.market import LiveMarket


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
    assert live.add_timeframe("15m") == "15min"
    assert "15min" in live
    assert "15m" in live
    assert live["15min"].timeframe == "15min"
    assert "15min" not in live["MES"]
    assert live.remove_timeframe("15min") == "15min"
    assert "15min" not in live
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
        (lambda live: live.export("x.csv", timefame="1min"), "'timeframe'"),
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
