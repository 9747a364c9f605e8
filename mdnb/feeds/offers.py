"""What a feed offers, in words: for ``mdnb feeds``, and for whoever chooses one."""

from __future__ import annotations

import dataclasses

__all__ = ["Offers"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What a feed offers.

    Attributes
    ----------
    title
        The venue's name.
    trades, quotes, depth
        Whether it sends them.
    bars
        Timeframes of which it sends its own bars.
    history
        How far back its history goes, in a few words.
    key
        What it wants before it answers, in a few words; empty where nothing.
    binder
        Whether it can be reached from mybinder.org, whose machines may open ports 80 and 443 only.
    """

    title: str
    trades: bool = True
    quotes: bool = True
    depth: bool = True
    bars: tuple[str, ...] = ()
    history: str
    key: str = ""
    binder: bool = True
