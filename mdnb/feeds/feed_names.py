"""The feeds that can be named, and what each offers."""

from __future__ import annotations

import html
from typing import Any

from mdnb.errors import FeedError
from mdnb.feeds.offers import Offers
from mdnb.feeds.registry import feed_class, known_feeds

__all__ = ["FeedNames", "feed_names"]

_HEAD = ("feed", "venue", "trades", "quotes", "depth", "own bars", "history", "wants", "Binder")


class FeedNames(list[str]):
    """Names of feeds; a notebook shows them with what each offers, as ``print(names.table())`` does."""

    def table(self) -> str:
        """Return the feeds as a table, a line each.

        Examples
        --------
        >>> print(FeedNames(["kraken"]).table())  # doctest: +NORMALIZE_WHITESPACE
        feed    venue   trades  quotes  depth  own bars  history                                 wants Binder
        kraken  Kraken  yes     yes     yes    1min      all trades, 720 bars of each timeframe  nothing yes
        """
        rows = [_HEAD, *map(_row, self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def offers(self) -> dict[str, Offers | None]:
        """Return what each offers; None for one that does not say, or that cannot be loaded.

        Examples
        --------
        >>> feed_names().offers()["okx"].key
        ''
        """
        return {name: _offers(name) for name in self}

    def _repr_html_(self) -> str:
        head, *rows = [_HEAD, *map(_row, self)]
        cells = [_html_row("th", head), *(_html_row("td", row) for row in rows)]
        return f"<table>{''.join(cells)}</table>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(self.table())


def feed_names() -> FeedNames:
    """Return the names of all feeds that are installed, as a list; shown with what each offers.

    Examples
    --------
    >>> "sim" in feed_names()
    True
    """
    return FeedNames(known_feeds())


def _offers(name: str) -> Offers | None:
    try:
        return feed_class(name).offers
    except FeedError:
        return None


def _row(name: str) -> tuple[str, ...]:
    try:
        offers = feed_class(name).offers
    except FeedError as error:
        return (name, str(error), *[""] * (len(_HEAD) - 2))
    if offers is None:
        return (name, *["?"] * (len(_HEAD) - 1))
    return (name, *_cells(offers))


def _html_row(tag: str, row: tuple[str, ...]) -> str:
    style = ' style="text-align:left"'
    return f"<tr>{''.join(f'<{tag}{style}>{html.escape(cell)}</{tag}>' for cell in row)}</tr>"


def _cells(offers: Offers) -> tuple[str, ...]:
    sends = ("yes" if has else "-" for has in (offers.trades, offers.quotes, offers.depth))
    key, binder = offers.key or "nothing", "yes" if offers.binder else "no"
    return (offers.title, *sends, ", ".join(offers.bars) or "-", offers.history, key, binder)
