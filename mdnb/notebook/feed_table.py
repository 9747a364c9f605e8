"""``mdnb feeds``: the feeds that can be named, and what each offers."""

from __future__ import annotations

from mdnb.errors import FeedError
from mdnb.feeds.offers import Offers
from mdnb.feeds.registry import feed_class, feed_names

__all__ = ["feed_table"]

_HEAD = ("feed", "venue", "trades", "quotes", "depth", "own bars", "history", "wants", "Binder")


def feed_table() -> str:
    """Return the feeds that are installed as a table, a line each.

    Examples
    --------
    >>> print(feed_table().splitlines()[0])  # doctest: +NORMALIZE_WHITESPACE
    feed    venue    trades  quotes  depth  own bars  history  wants  Binder
    """
    rows = [_HEAD, *map(_row, feed_names())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(name: str) -> tuple[str, ...]:
    try:
        offers = feed_class(name).offers
    except FeedError as error:
        return (name, str(error), *[""] * (len(_HEAD) - 2))
    if offers is None:
        return (name, *["?"] * (len(_HEAD) - 1))
    return (name, *_cells(offers))


def _cells(offers: Offers) -> tuple[str, ...]:
    sends = ("yes" if has else "-" for has in (offers.trades, offers.quotes, offers.depth))
    key, binder = offers.key or "nothing", "yes" if offers.binder else "no"
    return (offers.title, *sends, ", ".join(offers.bars) or "-", offers.history, key, binder)
