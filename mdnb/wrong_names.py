"""Messages for attributes that do not exist: they name the one that was probably meant."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

from mdnb.errors import did_you_mean, suggest

__all__ = [
    "missing_chart_name",
    "missing_data_name",
    "missing_name",
    "not_to_be_deleted",
    "not_to_be_set",
    "not_to_be_set_on_widgets",
]

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

_OF_DATA = {
    "df": "get_data('1min')",
    "frame": "get_data('1min')",
    "bars": "get_data('1min')",
    "get_bars": "get_data('1min')",
    "get_candles": "get_data('1min')",
    "get_ohlcv": "get_data('1min')",
    "fetch_ohlcv": "get_data('1min')",
    "get_historical_data": "get_data('1min')",
    "history": "get_data('1min')",
    "price": "get_current_price()",
    "get_price": "get_current_price()",
    "last_price": "get_current_price()",
    "quote": "get_current_quote()",
    "get_quote": "get_current_quote()",
    "get_ticker": "get_current_quote()",
    "fetch_ticker": "get_current_quote()",
    "ticks": "get_recent_ticks()",
    "trades": "get_recent_ticks()",
    "get_ticks": "get_recent_ticks()",
    "get_trades": "get_recent_ticks()",
    "fetch_trades": "get_recent_ticks()",
    "order_book": "get_order_book()",
    "get_orderbook": "get_order_book()",
    "get_depth": "get_order_book()",
    "fetch_order_book": "get_order_book()",
    "timeframes": "get_timeframes()",
    "stats": "get_stats()",
    "export": "export_to_parquet('bars.parquet')",
    "to_csv": "export_to_csv('bars.csv', '1min')",
    "to_parquet": "export_to_parquet('bars.parquet')",
    "load": "import_from_csv('bars.csv', '1min')",
    "read_csv": "import_from_csv('bars.csv', '1min')",
    "alignment": "analyze_timeframe_alignment()",
    "get_alignment": "analyze_timeframe_alignment()",
}
"""Names that other packages have for data, and the data manager's call for it."""

_OF_CHARTS = {
    "zoom": "update_xaxes(range=[...]), or the mouse wheel",
    "save": "export('chart.html')",
    "save_html": "export('chart.html')",
    "to_image": "export('chart.svg')",
    "png": "download()",
    "df": "shown()",
    "frame": "shown()",
    "bars": "shown()",
    "indicators": "overlays",
    "add_indicator": "add_overlay('ema(20)')",
    "add_study": "add_overlay('ema(20)')",
    "add_line": "draw_line(...), or add_hline(y=...)",
    "hline": "add_hline(y=...)",
    "marker": "mark(...)",
    "add_marker": "mark(...)",
    "set_type": "set_kind('line')",
    "set_interval": "set_timeframe('5min')",
    "set_resolution": "set_timeframe('5min')",
    "unpause": "resume()",
    "play": "resume(), or replay(speed=8)",
    "stop": "pause(), or close()",
    "dark": "set_theme('dark')",
}
"""Names that other charts have, and what is meant of ours."""

_INSTEAD = {
    "symbol": "A market follows the symbols that it was made with: mdnb.live([...]).",
    "symbols": "A market follows the symbols that it was made with: mdnb.live([...]).",
    "timeframes": "Write X.add_timeframe('15min') or X.remove_timeframe('15min').",
    "config": "Write X.configure_memory_management(...), and the other configure_ methods.",
}
"""What does what setting an attribute was meant to."""

_MOST_SHOWN = 60
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


def not_to_be_set(owner: object, called: str, name: str, value: object) -> str:
    """Return the message of an AttributeError of what takes no attributes, when one is set.

    Parameters
    ----------
    owner
        Whose attribute is set.
    called
        What it is called in the sentence, such as ``live``.
    name, value
        What is set.
    """
    there = inspect.getattr_static(owner, name, None)
    given = _shortened(value)
    if name in _INSTEAD and there is not None:
        return f"{called}.{name} cannot be set; got {given}. {_INSTEAD[name].replace('X', called)}"
    if there is None:
        public = [each for each in {*dir(type(owner)), *vars(owner)} if not each.startswith("_")]
        kept = f"It takes no attributes: keep what is yours in a variable. {suggest(name, sorted(public))}"
        return f"{type(owner).__name__} has no {name!r}; got {given}. {kept}"
    if callable(getattr(type(owner), name, None)):
        return f"{called}.{name}(...) is there to be called and cannot be replaced; got {given}."
    return f"{called}.{name} tells what is and cannot be set; got {given}."


def not_to_be_deleted(called: str, name: str) -> str:
    """Return the message of an AttributeError of what keeps its attributes, when one is deleted."""
    return f"{called}.{name} cannot be deleted: it stays as long as the market. close() ends that."


def not_to_be_set_on_widgets(widget: object, name: str, value: object) -> str:
    """Return the message of an AttributeError of a widget, when it does not take what is set.

    Parameters
    ----------
    widget
        Whose attribute is set.
    name, value
        What is set.
    """
    kind, given = type(widget).__name__, _shortened(value)
    if callable(getattr(type(widget), name, None)):
        return f"{kind}.{name}(...) is there to be called and cannot be replaced; got {given}."
    public = [each for each in {*dir(type(widget)), *vars(widget)} if not each.startswith("_")]
    meant = did_you_mean(name, sorted(public)).rstrip()
    kept = "It takes no attributes: keep what is yours in a variable."
    return " ".join((f"{kind} has no {name!r}; got {given}.", *([meant] if meant else []), kept))


def _shortened(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."


def missing_data_name(manager: object, name: str) -> str:
    """Return the message of an AttributeError of a data manager, with the call that was probably meant."""
    return _of(manager, name, _OF_DATA)


def missing_chart_name(chart: object, name: str) -> str:
    """Return the message of an AttributeError of a chart, with the name that was probably meant."""
    return _of(chart, name, _OF_CHARTS)


def _of(owner: object, name: str, meant: Mapping[str, str]) -> str:
    start = f"{type(owner).__name__} has no {name!r}."
    if name in meant:
        return f"{start} Did you mean {meant[name]}?"
    public = [each for each in dir(type(owner)) if not each.startswith("_")]
    return f"{start} {did_you_mean(name, public)}".rstrip()
