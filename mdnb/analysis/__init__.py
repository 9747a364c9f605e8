"""Trend of each timeframe, agreement between timeframes, and technical indicators. Numpy only.

Examples
--------
>>> import mdnb
>>> mdnb.analysis.Indicator.parse("ema(20)").label
'EMA 20'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdnb.analysis.alignment import TimeframeAlignment, align
    from mdnb.analysis.heikin_ashi import HeikinAshi
    from mdnb.analysis.indicators import Indicator
    from mdnb.analysis.trend import TimeframeTrend, trend_of

__all__ = ["HeikinAshi", "Indicator", "TimeframeAlignment", "TimeframeTrend", "align", "trend_of"]

_HOMES = {
    "HeikinAshi": "mdnb.analysis.heikin_ashi",
    "Indicator": "mdnb.analysis.indicators",
    "TimeframeAlignment": "mdnb.analysis.alignment",
    "TimeframeTrend": "mdnb.analysis.trend",
    "align": "mdnb.analysis.alignment",
    "trend_of": "mdnb.analysis.trend",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mdnb.analysis' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
