"""What closed bars were before they changed, as text in a Parquet file's metadata.

A table of packed little-endian rows, zlib, base64: other readers of the file never see it, and what a
damaged or malicious one can decode to is bounded before it is decoded.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from mdnb.io.schema import check_times
from mdnb.stores.amendments import Amendment, Changes

__all__ = ["CHANGES_KEY", "changes_from_text", "changes_text"]

CHANGES_KEY: Final = b"mdnb.changes"

_ROW: Final = np.dtype(
    [
        ("known_us", "<i8"),
        ("time_us", "<i8"),
        *((name, "<f8") for name in ("open", "high", "low", "close", "volume")),
        ("tick_count", "<i8"),
        ("turnover", "<f8"),
        ("flags", "<u1"),
    ]
)
_NS_PER_US: Final = 1000
_MOST_ROWS: Final = 10_000
_LARGEST_TEXT: Final = 2 * 1024**2  # of a footer of which at most 4 MiB are read
_NOTHING_LOST: Final = -(2**63)
_FLAGS: Final = 7


def changes_text(changes: Mapping[str, Changes]) -> str:
    """Return the changes of each timeframe as text; where they are too many, the newest.

    Examples
    --------
    >>> was = Amendment(200_000_000, (60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5), 0)
    >>> changes_from_text(changes_text({"1min": Changes((was,))}).encode())["1min"].kept == (was,)
    True
    """
    budget = _LARGEST_TEXT // max(1, len(changes))
    return json.dumps({name: _packed(one, budget) for name, one in changes.items()})


def changes_from_text(raw: bytes) -> dict[str, Changes] | None:
    """Return the changes of each timeframe; None where the text is not what `changes_text` writes."""
    if len(raw) > 2 * _LARGEST_TEXT:
        return None
    try:
        told = json.loads(raw)
        return {str(name): _unpacked(one) for name, one in told.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error, zlib.error):
        return None


def _packed(changes: Changes, budget: int) -> dict[str, Any]:
    kept, lost_us = changes.kept[-_MOST_ROWS:], changes.lost_us
    while True:
        if len(kept) < len(changes.kept):
            lost_us = max(lost_us, changes.kept[-len(kept) - 1].known_us)
        rows = np.array(
            [(one.known_us, one.row[0] // _NS_PER_US, *one.row[1:], one.flags) for one in kept], dtype=_ROW
        )
        text = base64.b64encode(zlib.compress(rows.tobytes())).decode()
        if len(text) < budget or not kept:
            return {"rows": len(kept), "lost_us": lost_us, "data": text}
        kept = kept[len(kept) // 2 + 1 :]


def _unpacked(told: Mapping[str, Any]) -> Changes:
    count, lost_us = told["rows"], told["lost_us"]
    if not (type(count) is int and 0 <= count <= _MOST_ROWS):
        raise ValueError("rows")
    if type(lost_us) is not int or (lost_us != _NOTHING_LOST and check_times(np.array([lost_us]))):
        raise ValueError("lost_us")
    size = count * _ROW.itemsize
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(told["data"], validate=True), size + 1)
    if len(data) != size or not unpacker.eof:
        raise ValueError("data")
    rows = np.frombuffer(data, dtype=_ROW)
    numbers = np.column_stack([rows[name] for name in ("open", "high", "low", "close", "volume")])
    # Where nothing tells the volume-weighted price, the turnover is nan.
    sound = (
        np.isfinite(numbers).all()
        and not np.isinf(rows["turnover"]).any()
        and (rows["volume"] >= 0).all()
        and (rows["tick_count"] >= 0).all()
    )
    if not sound or check_times(rows["known_us"]) or check_times(rows["time_us"]):
        raise ValueError("data")
    if (rows["tick_count"] >= 2**32).any() or (rows["flags"] > _FLAGS).any():
        raise ValueError("data")
    if (rows["known_us"] <= 0).any() or (np.diff(rows["known_us"]) < 0).any():
        raise ValueError("data")
    kept = []
    for known_us, time_us, o, h, low, c, volume, ticks, turnover, flags in rows.tolist():
        row = (time_us * _NS_PER_US, o, h, low, c, volume, ticks, turnover)
        kept.append(Amendment(known_us, row, flags))
    return Changes(tuple(kept), lost_us)
