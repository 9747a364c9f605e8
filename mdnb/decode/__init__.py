"""Decoders: a venue's frames become rows. One file a venue, pure, never raising on bad input."""

from __future__ import annotations

import importlib

from mdnb.errors import FeedError, suggest
from mdnb.rows import Decoder

__all__ = ["DIALECTS", "decoder"]

DIALECTS: dict[str, str] = {
    "mdnb": "wire",
    "binance": "binance",
    "bitstamp": "bitstamp",
    "bybit": "bybit",
    "coinbase": "coinbase",
    "gateio": "gateio",
    "hyperliquid": "hyperliquid",
    "kraken": "kraken",
    "kraken_v1": "kraken_v1",
    "okx": "okx",
}
"""Dialect name to the file that understands it."""


def decoder(dialect: str) -> Decoder:
    """Return a new decoder for a venue's dialect.

    Raises
    ------
    FeedError
        When no file understands the dialect; the message lists the known ones.

    Examples
    --------
    >>> decoder("mdnb").feed(['{"e":"clock","t":5}']).clock_ns
    5
    """
    if dialect not in DIALECTS:
        raise FeedError(f"no decoder understands the dialect {dialect!r}. {suggest(dialect, DIALECTS)}")
    module = importlib.import_module(f"mdnb.decode.{DIALECTS[dialect]}")
    made: Decoder = module.Decoder()
    return made
