"""Decoders: a venue's frames become rows. One file a venue, pure, never raising on bad input."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

from mdnb.errors import FeedError, suggest
from mdnb.rows import Decoder

__all__ = ["DIALECTS", "ENTRY_POINTS", "decoder", "dialects"]

DIALECTS: dict[str, str] = {
    "mdnb": "wire",
    "alpaca": "alpaca",
    "binance": "binance",
    "bitget": "bitget",
    "bitstamp": "bitstamp",
    "bybit": "bybit",
    "coinbase": "coinbase",
    "coinbase_advanced": "coinbase_advanced",
    "deribit": "deribit",
    "gateio": "gateio",
    "gemini": "gemini",
    "hyperliquid": "hyperliquid",
    "kraken": "kraken",
    "kraken_futures": "kraken_futures",
    "kraken_v1": "kraken_v1",
    "kucoin": "kucoin",
    "okx": "okx",
    "projectx": "projectx",
}
"""Dialect name to the file that understands it."""

ENTRY_POINTS = "mdnb.decoders"
"""Decoders of other packages: an entry point's name is its dialect's, its object makes a decoder."""


def decoder(dialect: str) -> Decoder:
    """Return a new decoder for a venue's dialect.

    Raises
    ------
    FeedError
        When nothing that is installed understands the dialect; the message lists what is known.

    Examples
    --------
    >>> decoder("mdnb").feed(['{"e":"clock","t":5}']).clock_ns
    5
    """
    if dialect in DIALECTS:
        module = importlib.import_module(f"mdnb.decode.{DIALECTS[dialect]}")
        made: Decoder = module.Decoder()
        return made
    points = importlib.metadata.entry_points(group=ENTRY_POINTS, name=dialect)
    if not points:
        raise FeedError(f"no decoder understands the dialect {dialect!r}. {suggest(dialect, dialects())}")
    point = next(iter(points))
    try:
        found: Any = point.load()()
    except (ImportError, AttributeError, TypeError) as error:
        raise FeedError(f"the decoder of {dialect!r} ({point.value}) cannot be made: {error}") from error
    if not callable(getattr(found, "feed", None)):
        raise FeedError(
            f"the decoder of {dialect!r} ({point.value}) has no feed(frames); see mdnb.rows.Decoder"
        )
    return found  # type: ignore[no-any-return]  # looked at just now


def dialects() -> list[str]:
    """Return the names of all dialects that are understood, those of other packages included.

    Examples
    --------
    >>> "kraken" in dialects()
    True
    """
    return sorted({*DIALECTS, *(point.name for point in importlib.metadata.entry_points(group=ENTRY_POINTS))})
