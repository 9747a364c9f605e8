"""A user's code with the async face, read by a type checker; `test_typing.py` compares what it reveals."""

from __future__ import annotations

from typing import reveal_type

import mdnb


async def told(event: mdnb.Event) -> None:
    """Take an event."""


async def main() -> None:
    """Use what the async face has."""
    suite = await mdnb.TradingSuite.create(["MNQ", "MES"], ["1min"], feed="sim://?speed=60", initial_days=0.5)
    reveal_type(suite)  # reveals: TradingSuite
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
    await suite.on("new_bar", 5)  # error: arg-type

    # Charts, the end
    reveal_type(suite.chart("1min"))  # reveals: LiveChart
    reveal_type(suite.accounting())  # reveals: Accounting
    await suite.wait_ended()
    await suite.disconnect()


mdnb.run(main())
