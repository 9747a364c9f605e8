"""Bars on disk with trades that were missed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from mdnb.rows import BarRow, GonePiece
from mdnb.stores.columns import AMENDED, FILLED, BarColumns, columns_from_rows

__all__ = ["amended_bars"]

_NS_PER_US = 1000


def amended_bars(held: BarColumns, pieces: Sequence[tuple[int, GonePiece]]) -> BarColumns:
    """Return the bars that trades which were missed make others, and the flat ones that follow them.

    Parameters
    ----------
    held
        The bars since the first of those.
    pieces
        When each is known, UTC epoch microseconds, and what is new.

    Examples
    --------
    >>> minute = 60_000_000_000
    >>> rows = [(minute, 5.0, 6.0, 5.0, 6.0, 2.0, 2, 11.0), (2 * minute, 6.0, 6.0, 6.0, 6.0, 0.0, 0, 0.0)]
    >>> bars = columns_from_rows(rows)
    >>> bars.flags[1] = FILLED
    >>> new = GonePiece((minute, 7.0, 7.0, 7.0, 7.0, 1.0, 1, 7.0), None, 7.0, False, None)
    >>> made = amended_bars(bars, [(0, new)])
    >>> made.open.tolist(), made.close.tolist(), made.volume.tolist()
    ([5.0, 7.0], [7.0, 7.0], [3.0, 0.0])
    """
    made: dict[int, tuple[BarRow, int, int]] = {}
    for known_us, piece in pieces:
        start_us = piece.row[0] // _NS_PER_US
        former = made.get(start_us) or _find(held, start_us)
        now = _joined(None if former is None or former[1] & FILLED else former[0], piece)
        if now is None:
            continue
        flags, closed_us = (0, known_us) if former is None else former[1:]
        made[start_us] = (now, (flags & ~FILLED) | AMENDED, closed_us)
    for start_us, (row, _, _) in sorted(made.items()):
        at = int(np.searchsorted(held.time_us, start_us, side="right"))
        while at < len(held) and held.flags[at] & FILLED and int(held.time_us[at]) not in made:
            close, flat_us = row[4], int(held.time_us[at])
            if held.close[at] != close:
                flat: BarRow = (flat_us * _NS_PER_US, close, close, close, close, 0.0, 0, 0.0)
                made[flat_us] = (flat, int(held.flags[at]), int(held.closed_us[at]))
            at += 1
    bars = [made[start_us] for start_us in sorted(made)]
    return dataclasses.replace(
        columns_from_rows([row for row, _, _ in bars]),
        flags=np.array([flags for _, flags, _ in bars], dtype=np.uint8),
        closed_us=np.array([closed_us for _, _, closed_us in bars], dtype=np.int64),
    )


def _joined(held: BarRow | None, piece: GonePiece) -> BarRow | None:
    """Return a bar with what is new in it; None where it should be there and is not."""
    new = piece.row
    count = new[6] + (0 if held is None else held[6])
    if piece.whole is not None and piece.whole[6] == count:
        return piece.whole
    if held is None:
        return new if piece.is_all else None
    start, open_, high, low, close, volume, _, turnover = held
    return (
        start,
        open_ if piece.open is None else piece.open,
        max(high, new[2]),
        min(low, new[3]),
        close if piece.close is None else piece.close,
        volume + new[5],
        count,
        turnover + new[7],
    )


def _find(held: BarColumns, start_us: int) -> tuple[BarRow, int, int] | None:
    """Return the bar of a start, its flags, and when it was closed."""
    at = int(np.searchsorted(held.time_us, start_us))
    if at == len(held) or held.time_us[at] != start_us:
        return None
    prices = [float(column[at]) for column in (held.open, held.high, held.low, held.close, held.volume)]
    o, h, low, c, v = prices
    row = (
        start_us * _NS_PER_US,
        o,
        h,
        low,
        c,
        v,
        int(held.tick_count[at]),
        float(held.vwap[at]) * v if v else 0.0,
    )
    return row, int(held.flags[at]), int(held.closed_us[at])
