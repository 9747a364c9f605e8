"""Messages for attributes that do not exist: they name the one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from mdnb.errors import suggest

__all__ = ["missing_name"]

_MEANT = {
    "df": 'X["1min"].frame',
    "frame": 'X["1min"].frame',
    "dataframe": 'X["1min"].frame',
    "to_pandas": 'X["1min"].frame',
    "bars": 'X["1min"]',
    "candles": 'X["1min"]',
    "ohlcv": 'X["1min"]',
    "ticks": "X.data.get_recent_ticks()",
    "trades": "X.data.get_recent_ticks()",
    "book": "X.depth()",
    "orderbook": "X.depth()",
    "order_book": "X.depth()",
    "ticker": "X.quote",
    "last_price": "X.price",
    "spread": "X.quote.spread",
    "mid": "X.quote.mid",
    "tick": "X.data.get_latest_tick()",
    "snapshot": "X.data.get_market_snapshot()",
    "add_symbol": "mdnb.live([...]) with all symbols",
    "current_price": "X.price",
    "close_price": "X.price",
    "plot": "X.chart()",
    "show": "X.chart()",
    "figure": "X.chart()",
    "subscribe": 'X.on("new_bar", handler)',
    "add_handler": 'X.on("new_bar", handler)',
    "wait": 'X.wait_for("new_bar")',
    "sleep": 'X.wait_for("new_bar")',
    "save": 'X.export("bars.parquet")',
    "to_csv": 'X.export("bars.csv")',
    "to_parquet": 'X.export("bars.parquet")',
    "read": 'X.load("bars.csv")',
    "import_": 'X.load("bars.csv")',
    "stats": "X.data.get_stats()",
    "score": "X.alignment().score",
}
"""Names that other packages have, and what is meant here; ``X`` is the face."""

_ENDS = ("stop", "close", "disconnect", "shutdown", "terminate", "end", "quit", "unsubscribe")


def missing_name(kind: str, called: str, name: str, ends: str, own: Iterable[str], data: type) -> str:
    """Return the message of an AttributeError, with the name that was probably meant.

    Parameters
    ----------
    kind
        What has no such name, such as ``LiveMarket``.
    called
        What it is called in the sentence, such as ``live``.
    name
        What was asked for.
    ends
        The call that ends it.
    own
        The names that are there.
    data
        The class of its data manager.
    """
    if name in _ENDS:
        return f"{kind} has no {name!r}. Did you mean {ends}?"
    if name in _MEANT:
        return f"{kind} has no {name!r}. Did you mean {_MEANT[name].replace('X', called)}?"
    if hasattr(data, name):
        return f"{kind} has no {name!r}. It is the data manager's: {called}.data.{name}"
    return f"{kind} has no {name!r}. {suggest(name, sorted(own))}"
