"""Times as venues write them."""

from __future__ import annotations

import datetime as dt

__all__ = ["iso"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def iso(ns: int) -> str:
    """Return a time as RFC 3339 in UTC, to the microsecond."""
    return (_EPOCH + dt.timedelta(microseconds=ns // 1000)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
