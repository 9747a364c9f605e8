"""The timeframes of history that most venues have, by the names that most venues give them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["COMMON_INTERVALS"]

COMMON_INTERVALS: Mapping[str, str] = MappingProxyType(
    {
        "1min": "1m",
        "3min": "3m",
        "5min": "5m",
        "15min": "15m",
        "30min": "30m",
        "1hour": "1h",
        "2hour": "2h",
        "4hour": "4h",
        "8hour": "8h",
        "12hour": "12h",
        "1day": "1d",
    }
)
"""Timeframe to the venue's name of it; an adapter adds what its venue has beside these."""
