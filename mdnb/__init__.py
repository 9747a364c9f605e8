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
    from mdnb.config import DataManagerConfig
    from mdnb.errors import MdnbError
    from mdnb.events.types import Event, EventType
    from mdnb.feeds.registry import make_feed
    from mdnb.instruments import Instrument
    from mdnb.manager import RealtimeDataManager
    from mdnb.market import LiveMarket, live
    from mdnb.notebook.magics import load_ipython_extension, unload_ipython_extension
    from mdnb.runtime.process.bridge import run
    from mdnb.suite import TradingSuite
    from mdnb.timeframes import Timeframe
    from mdnb.types import Bar, MarketSnapshot, Price, Quote, Tick

__version__ = "0.1.0"

__all__ = [
    "Bar",
    "DataManagerConfig",
    "Event",
    "EventType",
    "Instrument",
    "LiveMarket",
    "MarketSnapshot",
    "MdnbError",
    "Price",
    "Quote",
    "RealtimeDataManager",
    "Tick",
    "Timeframe",
    "TradingSuite",
    "__version__",
    "live",
    "load_ipython_extension",
    "make_feed",
    "run",
    "unload_ipython_extension",
]

_HOMES = {
    "Bar": "mdnb.types",
    "DataManagerConfig": "mdnb.config",
    "Event": "mdnb.events.types",
    "EventType": "mdnb.events.types",
    "Instrument": "mdnb.instruments",
    "LiveMarket": "mdnb.market",
    "MarketSnapshot": "mdnb.types",
    "MdnbError": "mdnb.errors",
    "Price": "mdnb.types",
    "Quote": "mdnb.types",
    "RealtimeDataManager": "mdnb.manager",
    "Tick": "mdnb.types",
    "Timeframe": "mdnb.timeframes",
    "TradingSuite": "mdnb.suite",
    "live": "mdnb.market",
    "load_ipython_extension": "mdnb.notebook.magics",
    "make_feed": "mdnb.feeds.registry",
    "run": "mdnb.runtime.process.bridge",
    "unload_ipython_extension": "mdnb.notebook.magics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mdnb' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
