"""Which timeframe is fed from which: the shape of the cascade."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe

__all__ = ["nests", "parents", "root_of"]

_DAY_SECONDS = 86_400


def nests(fine: Timeframe, coarse: Timeframe, sessions: Sessions) -> bool:
    """Return whether each coarse bar consists of whole fine bars.

    Examples
    --------
    >>> parse, always = Timeframe.parse, Sessions.always()
    >>> nests(parse("5min"), parse("15min"), always), nests(parse("5min"), parse("7min"), always)
    (True, False)
    """
    if fine == coarse:
        return True
    if fine.kind == "intraday" and coarse.kind == "intraday":
        return coarse.size % fine.size == 0
    if fine.kind == "intraday":
        return not sessions.always_open or _DAY_SECONDS % fine.size == 0
    return fine.kind == "day" and fine.size == 1 and coarse.kind != "intraday"


def root_of(timeframes: Sequence[Timeframe], sessions: Sessions) -> Timeframe:
    """Return the timeframe that ticks are folded into: the finest kept, or a finer one that feeds them all.

    Examples
    --------
    >>> parse = Timeframe.parse
    >>> root_of([parse("5min"), parse("7min")], Sessions.always()).name
    '1min'
    """
    ordered = sorted(timeframes, key=lambda timeframe: timeframe.sort_key)
    if not ordered:
        return Timeframe.of_seconds(60)
    finest = ordered[0]
    if all(nests(finest, timeframe, sessions) for timeframe in ordered):
        return finest
    steps = [timeframe.size for timeframe in ordered if timeframe.kind == "intraday"]
    if not steps:
        return Timeframe.of_seconds(_DAY_SECONDS)
    if len(steps) < len(ordered) and sessions.always_open:
        steps.append(_DAY_SECONDS)
    return Timeframe.of_seconds(math.gcd(*steps))


def parents(timeframes: Sequence[Timeframe], sessions: Sessions) -> dict[Timeframe, Timeframe | None]:
    """Return, fine to coarse, the timeframe that feeds each; None for the root.

    Examples
    --------
    >>> parse = Timeframe.parse
    >>> tree = parents([parse("15min"), parse("1min"), parse("5min")], Sessions.always())
    >>> {str(child): str(parent) for child, parent in tree.items()}
    {'1min': 'None', '5min': '1min', '15min': '5min'}
    """
    root = root_of(timeframes, sessions)
    ordered = sorted({*timeframes, root}, key=lambda timeframe: timeframe.sort_key)
    tree: dict[Timeframe, Timeframe | None] = {root: None}
    for timeframe in ordered:
        if timeframe != root:
            tree[timeframe] = [fine for fine in tree if nests(fine, timeframe, sessions)][-1]
    return tree
