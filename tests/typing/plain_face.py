"""A user's code with the plain face, read by a type checker; `test_typing.py` compares what it reveals."""

from __future__ import annotations

from typing import reveal_type

import pandas as pd

import mdnb

live = mdnb.live(["MNQ", "MES"], ["1min", "5min"], feed="sim://?speed=60", initial_days=0.5, tz="UTC")
reveal_type(live)  # reveals: LiveMarket
reveal_type(live.price)  # reveals: Price
reveal_type(live.last)  # reveals: Price
reveal_type(live.quote)  # reveals: Quote
reveal_type(live.quote.bid)  # reveals: float
reveal_type(live.bid)  # reveals: Price
reveal_type(live.ask)  # reveals: Price
reveal_type(live.symbol)  # reveals: str
reveal_type(live.symbols)  # reveals: tuple[str, ...]
reveal_type(live.timeframes)  # reveals: list[str]
reveal_type(live.add_timeframe("15min"))  # reveals: str
reveal_type(live.remove_timeframe("15min"))  # reveals: str
reveal_type("1min" in live)  # reveals: bool
reveal_type(list(live))  # reveals: list[str]
reveal_type(live.is_connected)  # reveals: bool

# Bars
bars = live["1min"]
reveal_type(bars)  # reveals: LiveFrame
reveal_type(bars.frame)  # reveals: DataFrame
reveal_type(bars.closed)  # reveals: DataFrame
reveal_type(bars.forming)  # reveals: Bar | None
reveal_type(bars.tail(3))  # reveals: DataFrame
reveal_type(bars["close"])  # reveals: Series[float]
reveal_type(bars.close)  # reveals: Series[float]
reveal_type(bars[["open", "close"]])  # reveals: DataFrame
reveal_type(bars["close"] > bars["open"])  # reveals: Series[bool]
reveal_type(bars[bars["close"] > bars["open"]])  # reveals: DataFrame
reveal_type(bars * 2)  # reveals: DataFrame
reveal_type(2 * bars)  # reveals: DataFrame
reveal_type(bars > 5)  # reveals: DataFrame
reveal_type(bars.index)  # reveals: DatetimeIndex
reveal_type(bars.mean())  # reveals: Series[Any]
reveal_type(len(bars))  # reveals: int
reveal_type(pd.concat([live["1min"].frame, live["5min"].frame]))  # reveals: DataFrame

# Symbols, and timeframes by a name that only the run knows
reveal_type(live["MES"]["5min"])  # reveals: LiveFrame
reveal_type(live.of("MES"))  # reveals: LiveSymbol
reveal_type(live.of("MES")["5min"])  # reveals: LiveFrame
reveal_type(live["MES"].price)  # reveals: Price
for name in live.data.get_timeframes():
    reveal_type(live[name].tail())  # reveals: DataFrame

# Data
reveal_type(live.data.get_data("1min", 100))  # reveals: DataFrame
reveal_type(live.data.get_current_price())  # reveals: Price
reveal_type(live.data.get_current_quote())  # reveals: Quote
reveal_type(live.data.get_recent_ticks(10))  # reveals: list[Tick]
reveal_type(live.data.add_timeframe("15min"))  # reveals: str
live.data.get_data(timeframe=5)  # error: arg-type


# Events
def told(event: mdnb.Event) -> None:
    """Take an event."""
    reveal_type(event.bar)  # reveals: Bar
    reveal_type(event.tick.price)  # reveals: float
    reveal_type(event.quote)  # reveals: Quote


subscription = live.on("new_bar", told)
reveal_type(subscription)  # reveals: Subscription
reveal_type(live.off(subscription))  # reveals: int
reveal_type(live.wait_for(mdnb.EventType.NEW_BAR, timeout=10))  # reveals: Event
reveal_type(live.once("tick_data", told))  # reveals: Subscription
reveal_type(live.of("MES").on("new_bar", told))  # reveals: Subscription
for event in live.events("new_bar", mdnb.EventType.TICK_DATA):
    reveal_type(event)  # reveals: Event
live.on("new_bar", 5)  # error: arg-type


# What a run would refuse
def refused() -> None:
    """Give pandas live frames where it reads them piece by piece."""
    pd.merge(live["1min"], live["5min"].frame)  # error: arg-type
    pd.concat([live["1min"], live["5min"]])  # error: list-item


# Charts, files, the end
reveal_type(live.chart("1min"))  # reveals: LiveChart
reveal_type(live.alignment())  # reveals: TimeframeAlignment
reveal_type(live.alignment(["1min"], window=60).score)  # reveals: float
reveal_type(live.accounting())  # reveals: Accounting
reveal_type(live.accounting("MES"))  # reveals: Accounting
reveal_type(live.alert(above=20_000.0))  # reveals: Alert
reveal_type(live.panel("1min"))  # reveals: Panel
reveal_type(live.dashboard(["1min", "5min"], columns=1))  # reveals: Dashboard
reveal_type(live.depth(5))  # reveals: DepthView | DepthLadder
reveal_type(live.tape(rows=20))  # reveals: Tape
reveal_type(live.watch())  # reveals: WatchList
reveal_type(live.frame_view("1min"))  # reveals: FrameView
reveal_type(live.export("bars.parquet"))  # reveals: Path
reveal_type(live.export("bars.csv", "1min", with_times=True))  # reveals: Path
live.export("bars.csv", "1min", with_times="yes")  # error: arg-type
live.data.export_to_parquet("1min", "bars.parquet", with_times=False)
reveal_type(live.load("bars.parquet"))  # reveals: list[ImportResult]
live.wait_ended(timeout=5)
live.close()
