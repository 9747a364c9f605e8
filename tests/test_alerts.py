"""`live.alert(...)` and `suite.alert(...)` over the embedded simulator."""

from __future__ import annotations

import asyncio
import threading

import pytest

import mdnb
from mdnb.errors import ClosedError, OptionError, SymbolError
from tests.limits import LIMIT_SECONDS

_FEED = "sim://?speed=60&seed=11"


def test_a_live_market_tells_of_its_alerts() -> None:
    with mdnb.live(
        ["MNQ", "MES"], ["1min"], feed=_FEED, initial_days=0.1, name="alerts", tz="Asia/Tokyo"
    ) as live:
        told: list[mdnb.Event] = []
        heard = threading.Event()
        live.on("alert", lambda event: (told.append(event), heard.set()))
        engine = live.data.engine
        with engine.lock:
            # Set at the price of the last trade: the first one beyond fires it.
            price = engine.last_trade[1]
            alert = live.alert(price, message="crossed")
        assert live.alerts() == [alert]
        assert heard.wait(LIMIT_SECONDS)
        assert (told[0].alert, told[0].price, told[0].message) == (alert.id, price, "crossed")
        assert told[0].time == alert.fired_at
        assert str(alert.fired_at.tz) == "Asia/Tokyo"
        assert alert.fired == 1
        assert not alert.active
        other = live["MES"].alert(event="new_bar")
        assert other.symbol == "MES"
        assert live.alerts("MES") == live["MES"].alerts() == [other]
        assert live.alerts() == [alert, other]
        event = live.wait_for("alert", timeout=LIMIT_SECONDS, where=lambda event: event.symbol == "MES")
        assert (event.alert, event.direction) == (other.id, "event")
        with pytest.raises(SymbolError, match="MXX"):
            live.alert(1.0, symbol="MXX")
        with pytest.raises(OptionError, match="one thing to wait for"):
            live.alert()
        never = live.alert(above=10 * price, symbol="MES")
    assert not never.active
    with pytest.raises(ClosedError):
        live.alert(price)


def test_a_suite_tells_of_its_alerts() -> None:
    async def main() -> None:
        suite = await mdnb.TradingSuite.create(["MNQ", "MES"], ["1min"], feed=_FEED, initial_days=0.1)
        async with suite:
            engine = suite["MES"].data.engine
            with engine.lock:
                price = engine.last_trade[1]
                alert = suite["MES"].alert(price, once=False)
                same = suite.alert(price, symbol="MES")
            assert suite["MES"].alerts() == suite.alerts("MES") == suite.alerts() == [alert, same]
            await suite.wait_for(mdnb.EventType.ALERT, 30, lambda event: event.alert == alert.id)
            with engine.lock:
                # The same trade fired both, one after the other.
                assert alert.fired >= 1
                assert alert.active
                assert not same.active
        with pytest.raises(ClosedError):
            suite.alert(price)

    asyncio.run(main())
