"""Recordings of a venue's frames that hold bars, and nothing else that bars could be made of."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

from mdnb.decode import decoder
from mdnb.errors import FeedError, TimeframeError
from mdnb.timeframes import Timeframe

__all__ = ["bars_alone"]

_FRAMES_SEEN = 5000


def bars_alone(frames: Iterator[tuple[int, str | bytes]], dialect: str) -> dict[str, str]:
    """Return the finest timeframe of each symbol's bars; nothing where there are trades or quotes as well.

    Parameters
    ----------
    frames
        ``(time of receipt, frame)`` from the beginning on; a few thousand are read at most.
    dialect
        Names their decoder.

    Examples
    --------
    >>> row = "[60000000000,1.0,2.0,0.5,1.5,10.0,3,15.0]"
    >>> said = '{{"e":"bars","s":"X","tf":"{}","closed":true,"r":[{}]}}'
    >>> frames = [(0, said.format(name, row)) for name in ("5min", "1min")]
    >>> bars_alone(iter(frames), "mdnb")
    {'X': '1min'}
    """
    found: dict[str, str] = {}
    # What cannot be read, or not be decoded here, is told when it is played.
    with contextlib.suppress(FeedError):
        understand = decoder(dialect)
        for _, frame in itertools.islice(frames, _FRAMES_SEEN):
            batch = understand.feed([frame])
            if batch.trades or batch.quotes:
                return {}
            for symbol, name in batch.bars:
                with contextlib.suppress(TimeframeError):
                    seconds = Timeframe.parse(name).seconds
                    if symbol not in found or seconds < Timeframe.parse(found[symbol]).seconds:
                        found[symbol] = name
    return found
