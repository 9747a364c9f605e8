"""The stand-ins of all venues that have an adapter."""

from __future__ import annotations

from tests.venues.alpaca_venue import AlpacaDialect
from tests.venues.binance_venue import BinanceDialect, BinanceFuturesDialect
from tests.venues.bybit_venue import BybitLinearDialect, BybitSpotDialect
from tests.venues.coinbase_venue import CoinbaseDialect
from tests.venues.example_venue import ExampleDialect
from tests.venues.hyperliquid_venue import HyperliquidDialect
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.okx_venue import OkxDialect
from tests.venues.projectx_venue import ProjectXDialect
from tests.venues.stand_in import VenueDialect

__all__ = ["DIALECTS"]

DIALECTS: tuple[type[VenueDialect], ...] = (
    AlpacaDialect,
    BinanceDialect,
    BinanceFuturesDialect,
    BybitLinearDialect,
    BybitSpotDialect,
    CoinbaseDialect,
    ExampleDialect,
    HyperliquidDialect,
    KrakenDialect,
    OkxDialect,
    ProjectXDialect,
)
