"""The rows of a recording in the order they are played, once or in a loop."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping

from mdnb.feeds.replay.recording import QUOTE_FIELDS, Row, Track

__all__ = ["Timed", "looped_rows", "merged_rows"]

Timed = tuple[int, str, Row]
"""``(when it is known, symbol, row)``: a bar is known at its end."""

_DAY_NS = 86_400_000_000_000
_TRADE_ID = 5


def merged_rows(tracks: Mapping[str, Track], start_ns: int, end_ns: int) -> Iterator[Timed]:
    """Yield the rows of ``[start_ns, end_ns)`` of several tracks, in order of time."""
    timed = [_timed(symbol, track) for symbol, track in tracks.items()]
    merged = timed[0] if len(timed) == 1 else heapq.merge(*timed, key=lambda item: item[0])
    inside = itertools.dropwhile(lambda item: item[0] < start_ns, merged)
    return itertools.takewhile(lambda item: item[0] < end_ns, inside)


def _timed(symbol: str, track: Track) -> Iterator[Timed]:
    if track.grid is not None or track.known_ns is not None:
        for row in track.rows():
            yield track.played_ns(row[0]), symbol, row
        return
    for row in track.rows():
        yield row[0] + track.step_ns, symbol, row


def looped_rows(tracks: Mapping[str, Track], start_ns: int, end_ns: int) -> Iterator[Timed]:
    """Yield the rows of ``[start_ns, end_ns)`` for ever: each round is later by whole days.

    Trade ids go on rising from round to round.
    """
    shift = 0
    lowest: dict[str, int] = {}
    highest: dict[str, int] = {}
    raised: dict[str, int] = {}
    while True:
        first, last = -1, -1
        for at_ns, symbol, row in merged_rows(tracks, start_ns, end_ns):
            first, last = at_ns if first < 0 else first, at_ns
            if tracks[symbol].channel != "trades" or len(row) == QUOTE_FIELDS:
                yield at_ns + shift, symbol, (row[0] + shift, *row[1:])
                continue
            number = row[_TRADE_ID]
            if number >= 0:
                lowest[symbol] = min(number, lowest.get(symbol, number))
                highest[symbol] = max(number, highest.get(symbol, number))
                number += raised.get(symbol, 0)
            yield at_ns + shift, symbol, (row[0] + shift, *row[1:_TRADE_ID], number, *row[_TRADE_ID + 1 :])
        if first < 0:
            return
        shift += (last // _DAY_NS - first // _DAY_NS + 1) * _DAY_NS
        for symbol, low in lowest.items():
            raised[symbol] = raised.get(symbol, 0) + highest[symbol] - low + 1
