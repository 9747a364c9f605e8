"""A user's code with the async face, read by a type checker; `test_typing.py` compares what it reveals."""

from __future__ import annotations

from typing import reveal_type

import mdnb


async def told(event: mdnb.Event) -> None:
    """Take an event."""
    reveal_type(event.bar)  # reveals: Bar
    reveal_type(event.tick.price)  # reveals: float
    reveal_type(event.quote)  # reveals: Quote


async def main() -> None:
    """Use what the async face has."""
    suite = await mdnb.TradingSuite.create(["MNQ", "MES"], ["1min"], feed="sim://?speed=60", initial_days=0.5)
    reveal_type(suite)  # reveals: TradingSuite
    reveal_type(await suite.price)  # reveals: Price
    reveal_type(await suite.last)  # reveals: Price
    reveal_type(await suite.quote)  # reveals: Quote
    reveal_type(await suite["MES"].bid)  # reveals: Price
    reveal_type(await suite.of("MES").ask)  # reveals: Price
    reveal_type(suite["1min"])  # reveals: LiveFrame
    reveal_type(suite.timeframes)  # reveals: list[str]
    reveal_type(await suite.add_timeframe("15min"))  # reveals: str
    reveal_type(await suite.remove_timeframe("15min"))  # reveals: str
    reveal_type("1min" in suite)  # reveals: bool
    reveal_type(suite.symbols)  # reveals: tuple[str, ...]
    reveal_type(suite.is_connected)  # reveals: bool

    # Data
    reveal_type(await suite.data.get_data("1min", 100))  # reveals: DataFrame
    reveal_type(await suite.data.get_current_price())  # reveals: Price
    reveal_type(await suite.data.get_current_quote())  # reveals: Quote
    reveal_type(await suite.data.get_recent_ticks(10))  # reveals: list[Tick]
    reveal_type(await suite["MES"].data.get_data("1min"))  # reveals: DataFrame
    reveal_type(suite.data.get_timeframes())  # reveals: list[str]
    await suite.data.get_data(timeframe=5)  # error: arg-type

    # Events
    subscription = await suite.on(mdnb.EventType.NEW_BAR, told)
    reveal_type(subscription)  # reveals: Subscription
    reveal_type(await suite.off(subscription))  # reveals: int
    reveal_type(await suite.wait_for("new_bar", timeout=10))  # reveals: Event
    async for event in suite.events("new_bar"):
        reveal_type(event)  # reveals: Event
        break
    reveal_type(await suite.once("new_bar", told))  # reveals: Subscription
    reveal_type(await suite.of("MES").on("new_bar", told))  # reveals: Subscription
    await suite.on("new_bar", 5)  # error: arg-type

    # Charts, the end
    reveal_type(suite.chart("1min"))  # reveals: LiveChart
    reveal_type(suite.accounting())  # reveals: Accounting
    reveal_type(suite.panel("1min"))  # reveals: Panel
    reveal_type(suite.dashboard())  # reveals: Dashboard
    reveal_type(await suite.depth(5))  # reveals: DepthView | DepthLadder
    reveal_type((await suite.alignment()).score)  # reveals: float
    reveal_type(await suite.export("bars.parquet"))  # reveals: Path
    reveal_type(await suite.export("bars.csv", "1min", with_times=True))  # reveals: Path
    reveal_type(await suite.load("bars.parquet"))  # reveals: list[ImportResult]
    await suite.wait_ended(timeout=5)
    await suite.disconnect()


mdnb.run(main())
