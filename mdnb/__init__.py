"""Live market data in a notebook: feeds, live pandas frames and moving charts.

Importing this pulls in neither pandas nor plotly; each name is loaded when it is first used.

Examples
--------
>>> import mdnb
>>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1) as live:
...     list(live["1min"].columns[:4])
['open', 'high', 'low', 'close']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdnb import analysis, datasets, errors
    from mdnb.analysis.alignment import TimeframeAlignment
    from mdnb.config import DataManagerConfig
    from mdnb.errors import (
        ClosedError,
        DataExportError,
        DataImportError,
        FeedBusyError,
        FeedError,
        FeedRefusedError,
        MdnbError,
        MissingExtraError,
        NoDataError,
        OptionError,
        RuntimeUseError,
        SymbolError,
        TimeframeError,
        WaitTimeoutError,
    )
    from mdnb.events.subscription import Subscription
    from mdnb.events.types import Event, EventType
    from mdnb.feeds.base import Feed
    from mdnb.feeds.feed_names import feed_names
    from mdnb.feeds.registry import make_feed
    from mdnb.feeds.venue import VenueFeed
    from mdnb.instruments import Instrument
    from mdnb.io.recognise.read import read
    from mdnb.io.recognise.read_ticks import read_ticks
    from mdnb.live_frame import LiveFrame
    from mdnb.manager import RealtimeDataManager
    from mdnb.market import LiveMarket, LiveSymbol, live
    from mdnb.market_store.opening import store
    from mdnb.market_store.store import MarketStore
    from mdnb.notebook.magics import load_ipython_extension, unload_ipython_extension
    from mdnb.opening import open as open  # noqa: A004  # as gzip has one; see __all__
    from mdnb.runtime.live.market_view import MarketView
    from mdnb.runtime.live.price_alerts import Alert
    from mdnb.runtime.process.bridge import run
    from mdnb.statistics import ImportResult
    from mdnb.step_replay import PlayStep, play
    from mdnb.suite import SuiteSymbol, TradingSuite
    from mdnb.sync_manager import SyncDataManager
    from mdnb.timeframes import Timeframe
    from mdnb.types import Bar, MarketSnapshot, Price, Quote, Roll, Tick
    from mdnb.widgets.chart.chart import LiveChart

__version__ = "0.1.0"

# Not `open`, though it is public: after `from mdnb import *` open("x.txt") has to be Python's own.
__all__ = [
    "Alert",
    "Bar",
    "ClosedError",
    "DataExportError",
    "DataImportError",
    "DataManagerConfig",
    "Event",
    "EventType",
    "Feed",
    "FeedBusyError",
    "FeedError",
    "FeedRefusedError",
    "ImportResult",
    "Instrument",
    "LiveChart",
    "LiveFrame",
    "LiveMarket",
    "LiveSymbol",
    "MarketSnapshot",
    "MarketStore",
    "MarketView",
    "MdnbError",
    "MissingExtraError",
    "NoDataError",
    "OptionError",
    "PlayStep",
    "Price",
    "Quote",
    "RealtimeDataManager",
    "Roll",
    "RuntimeUseError",
    "Subscription",
    "SuiteSymbol",
    "SymbolError",
    "SyncDataManager",
    "Tick",
    "Timeframe",
    "TimeframeAlignment",
    "TimeframeError",
    "TradingSuite",
    "VenueFeed",
    "WaitTimeoutError",
    "__version__",
    "analysis",
    "datasets",
    "errors",
    "feed_names",
    "live",
    "load_ipython_extension",
    "make_feed",
    "play",
    "read",
    "read_ticks",
    "run",
    "store",
    "unload_ipython_extension",
]

_HOMES = {
    "Alert": "mdnb.runtime.live.price_alerts",
    "Bar": "mdnb.types",
    "ClosedError": "mdnb.errors",
    "DataExportError": "mdnb.errors",
    "DataImportError": "mdnb.errors",
    "DataManagerConfig": "mdnb.config",
    "Event": "mdnb.events.types",
    "EventType": "mdnb.events.types",
    "Feed": "mdnb.feeds.base",
    "FeedBusyError": "mdnb.errors",
    "FeedError": "mdnb.errors",
    "FeedRefusedError": "mdnb.errors",
    "ImportResult": "mdnb.statistics",
    "Instrument": "mdnb.instruments",
    "LiveChart": "mdnb.widgets.chart.chart",
    "LiveFrame": "mdnb.live_frame",
    "LiveMarket": "mdnb.market",
    "LiveSymbol": "mdnb.market",
    "MarketSnapshot": "mdnb.types",
    "MarketStore": "mdnb.market_store.store",
    "MarketView": "mdnb.runtime.live.market_view",
    "MdnbError": "mdnb.errors",
    "MissingExtraError": "mdnb.errors",
    "NoDataError": "mdnb.errors",
    "OptionError": "mdnb.errors",
    "PlayStep": "mdnb.step_replay",
    "Price": "mdnb.types",
    "Quote": "mdnb.types",
    "RealtimeDataManager": "mdnb.manager",
    "Roll": "mdnb.types",
    "RuntimeUseError": "mdnb.errors",
    "Subscription": "mdnb.events.subscription",
    "SuiteSymbol": "mdnb.suite",
    "SymbolError": "mdnb.errors",
    "SyncDataManager": "mdnb.sync_manager",
    "Tick": "mdnb.types",
    "Timeframe": "mdnb.timeframes",
    "TimeframeAlignment": "mdnb.analysis.alignment",
    "TimeframeError": "mdnb.errors",
    "TradingSuite": "mdnb.suite",
    "VenueFeed": "mdnb.feeds.venue",
    "WaitTimeoutError": "mdnb.errors",
    "feed_names": "mdnb.feeds.feed_names",
    "live": "mdnb.market",
    "load_ipython_extension": "mdnb.notebook.magics",
    "make_feed": "mdnb.feeds.registry",
    "open": "mdnb.opening",
    "play": "mdnb.step_replay",
    "read": "mdnb.io.recognise.read",
    "read_ticks": "mdnb.io.recognise.read_ticks",
    "run": "mdnb.runtime.process.bridge",
    "store": "mdnb.market_store.opening",
    "unload_ipython_extension": "mdnb.notebook.magics",
}
_ROOMS = ("analysis", "datasets", "errors", "sale_conditions")
"""Modules that are reached as attributes: ``mdnb.datasets.path(...)``."""


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"mdnb.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'mdnb' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_HOMES})
