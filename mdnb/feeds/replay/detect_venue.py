"""Detecting the venue of recorded messages, by their fields or the address they came from.

Decoders are pure and live elsewhere; a replay only has to know whose dialect it plays, which symbols are
in a file, and how finely they are priced. A look at the text is enough for that.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from mdnb.feeds.replay.recording import Frame
from mdnb.feeds.symbols import symbol_key

__all__ = ["VENUES", "Survey", "Venue", "by_address", "by_frames", "survey", "unmarked"]

_SURVEY_FRAMES = 200_000
"""Frames looked at, at most, to find the symbols and the trades in a file."""

_ENOUGH_FRAMES = 2_000
_PRICES_KEPT = 5_000
_NEVER = "(?!)"


@dataclasses.dataclass(frozen=True, slots=True)
class Venue:
    """How one venue's messages are recognised.

    Attributes
    ----------
    dialect
        Its name.
    address
        Pattern of the addresses that speak it.
    sign
        Pattern of a frame that only this venue sends.
    symbol, price
        Patterns whose first group is a symbol, and a price, in a frame with market data. Where a venue's
        frames do not name their symbol, the first matches without a group.
    trade
        Pattern of a frame with trades.
    ids
        What its trade ids promise.
    """

    dialect: str
    address: re.Pattern[str]
    sign: re.Pattern[str]
    symbol: re.Pattern[str]
    price: re.Pattern[str]
    trade: re.Pattern[str]
    ids: Literal["sequential", "unique", "none"]


def _venue(
    dialect: str,
    address: str,
    sign: str,
    symbol: str,
    price: str,
    trade: str,
    ids: Literal["sequential", "unique", "none"],
) -> Venue:
    # A venue writes JSON without blanks; whoever writes its frames anew may not.
    patterns = [
        re.compile(text.replace('":', r'":\s*').replace(",", r",\s*"))
        for text in (address, sign, symbol, price, trade)
    ]
    return Venue(
        dialect=dialect,
        address=patterns[0],
        sign=patterns[1],
        symbol=patterns[2],
        price=patterns[3],
        trade=patterns[4],
        ids=ids,
    )


VENUES = {
    venue.dialect: venue
    for venue in (
        _venue(
            "alpaca",
            r"//[\w.-]*alpaca",
            r'^\[\{"T":"(?:t|q|b|u|c|x|success|subscription)"',
            r'"S":"([^"]+)"',
            r'"(?:p|bp|c)":([\d.]+)',
            r'"T":"t"',
            "none",
        ),
        _venue(
            "binance",
            r"//[\w.-]*binance",
            r'^\{"(?:stream":"|e":"(?:trade|aggTrade|kline|depthUpdate|bookTicker)")',
            r'"s":"([^"]+)"',
            r'"[pba]":"([\d.]+)"',
            r'"e":"(?:trade|aggTrade)"',
            "sequential",
        ),
        _venue(
            "bitget",
            r"//[\w.-]*bitget\.",
            r'"arg":\{(?:"instType":"[^"]+",)?"channel":"(?:trade|ticker|books\d*|candle\w+)","instId":"\w+"',
            r'"instId":"([^"]+)"',
            r'"(?:price|lastPr)":"([\d.]+)"',
            r'"channel":"trade"',
            "unique",
        ),
        _venue(
            "bitstamp",
            r"//[\w.-]*bitstamp",
            r'"event":"(?:bts:|trade"|data")',
            r'"(?:live_trades|(?:diff_|detail_)?order_book)_([^"]+)"',
            r'"price_str":"([\d.]+)"',
            r'"event":"trade"',
            "unique",
        ),
        _venue(
            "bybit",
            r"//[\w.-]*bybit",
            r'^\{"topic":"(?:trade|orderBookL2_25|publicTrade|orderbook|tickers|kline)\.',
            r'"(?:symbol|s)":"([^"]+)"',
            r'"(?:price|p|lastPrice|close)":"?([\d.]+)',
            r'"topic":"(?:trade|publicTrade)\.',
            "unique",
        ),
        _venue(
            "coinbase_advanced",
            r"//advanced-trade[\w.-]*coinbase",
            r'^\{"channel":"\w+",.*"(?:sequence_num|events)":',
            r'"product_id":"([^"]+)"',
            r'"(?:price|price_level|best_bid|close)":"([\d.]+)"',
            r'"channel":"market_trades"',
            "sequential",
        ),
        _venue(
            "coinbase",
            r"//[\w.-]*(?:coinbase|gdax)",
            r'^\{"type":"(?:match|last_match|l2update|subscriptions|ticker|snapshot","product_id)"',
            r'"product_id":"([^"]+)"',
            r'"price":"([\d.]+)"',
            r'"type":"(?:match|last_match)"',
            "sequential",
        ),
        _venue(
            "deribit",
            r"//[\w.-]*deribit\.",
            r'"method":"subscription"',
            r'"instrument_name":"([^"]+)"',
            r'"(?:price|best_bid_price|last_price)":([\d.]+)',
            r'"channel":"trades\.',
            "sequential",
        ),
        _venue(
            "gateio",
            r"//[\w.-]*gate(?:io)?\.",
            r'"channel":"spot\.',
            r'"(?:currency_pair|s)":"([^"]+)"',
            r'"price":"([\d.]+)"',
            r'"channel":"spot\.trades","event":"update"',
            "unique",
        ),
        _venue(
            "gemini",
            r"//[\w.-]*gemini\.",
            r'"type":"(?:l2_updates|candles_\w+_updates)"|"event_id":\d+|"socket_sequence":',
            r'"symbol":"([^"]+)"|^(?!.*"symbol":).*"socket_sequence":',
            r'"price":"([\d.]+)"',
            r'"type":"trade"',
            "unique",
        ),
        _venue(
            "hyperliquid",
            r"//[\w.-]*hyperliquid",
            r'"channel":"(?:l2Book|trades|candle|bbo)","data":',
            r'"(?:coin|s)":"([^"]+)"',
            r'"px":"([\d.]+)"',
            r'"channel":"trades"',
            "unique",
        ),
        _venue(
            "kraken",
            r"//[\w.-]*kraken\.com/v2",
            r'^\{"(?:channel":"(?:heartbeat"\}|(?:trade|ohlc|book|ticker|status)","type":")|method":"(?:un)?subscribe")',
            r'"symbol":"([^"]+)"',
            r'"price":([\d.]+)',
            r'"channel":"trade"',
            "sequential",
        ),
        _venue(
            "kraken_futures",
            r"//[\w.-]*(?:futures\.kraken\.com|cryptofacilities\.)",
            r'"feed":"(?:trade|book|ticker)(?:_snapshot|_lite)?","product_id',
            r'"product_id":"([^"]+)"',
            r'"(?:price|bid|last)":([\d.]+)',
            r'"feed":"trade',
            "sequential",
        ),
        _venue(
            "kraken_v1",
            r"//[\w.-]*kraken\.com",
            r'^\[\d+,.*,"(?:trade|book-\d+|ticker|spread|ohlc-\d+)","[^"]+"\]$',
            r'^\[.*,"([^"]+)"\]$',
            r'\["([\d.]+)",',
            r',"trade","[^"]+"\]$',
            "none",
        ),
        _venue(
            "kucoin",
            r"//[\w.-]*kucoin\.",
            r'"topic":"/(?:market|spotMarket)/(?:match|ticker|level\d|level2Depth\d+|candles|snapshot):',
            r'"topic":"/(?:market|spotMarket)/\w+:([\w-]+?)(?:_\d+\w+)?"',
            r'"(?:price|bestBid)":"([\d.]+)"',
            r'"topic":"/market/match:',
            "unique",
        ),
        _venue(
            "okx",
            r"//[\w.-]*oke?x",
            r'^\{"(?:event":"\w+",)?"?arg":\{"channel":"[^"]+","instId":"\w+-',
            r'"instId":"([^"]+)"',
            r'"(?:px|last)":"([\d.]+)"',
            r'"channel":"trades(?:-all)?","instId":"[^"]+"\},"data"',
            "unique",
        ),
        _venue(
            "projectx",
            r"//[\w.-]*(?:topstepx|projectx)\.",
            r'"target":"Gateway(?:Trade|Quote|Depth)"',
            r'"arguments":\["([^"]+)"',
            r'"(?:price|lastPrice)":([\d.]+)',
            r'"target":"GatewayTrade"',
            "none",
        ),
        _venue(
            "mdnb",
            _NEVER,
            r'^\{"e":"(?:welcome|trades|marked|changes|quotes|depth|bars|clock|reply|end)"',
            r'"s":"([^"]+)"',
            r'"r":\[\[\d+,(-?[\d.]+)',
            r'"e":"(?:trades|marked)"',
            "sequential",
        ),
    )
}
"""Dialect name to its marks; of two whose address fits, the first in this order counts."""


def unmarked(dialect: str) -> Venue:
    """Return a venue of which only the decoder's name is known, such as another package's."""
    return _venue(dialect, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, "none")


def by_address(address: str) -> Venue | None:
    """Return the venue that speaks at an address."""
    return next((venue for venue in VENUES.values() if venue.address.search(address)), None)


def by_frames(frames: Iterable[str | bytes]) -> Venue | None:
    """Return the venue that some frames come from.

    Examples
    --------
    >>> by_frames(['{"channel":"trades","data":[{"coin":"BTC"}]}']).dialect
    'hyperliquid'
    """
    for frame in frames:
        for venue in VENUES.values():
            if venue.sign.search(_text(frame)):
                return venue
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What the first part of a frame recording holds.

    Attributes
    ----------
    symbols
        In order of appearance; ``""`` where frames do not name theirs.
    has_trades
        Whether there was any trade.
    prices
        Some prices of each symbol, as written.
    """

    symbols: tuple[str, ...]
    has_trades: bool
    prices: dict[str, list[str]]


def survey(frames: Iterator[Frame], venue: Venue, wanted: Collection[str] = ()) -> Survey:
    """Read the beginning of a recording to find its venue and symbols.

    Parameters
    ----------
    frames
        From the beginning.
    venue
        Whose they are.
    wanted
        Symbols to look for, in any spelling: the search goes on until each is found, up to 200,000 frames.
    """
    missing = {symbol_key(symbol) for symbol in wanted}
    prices: dict[str, list[str]] = {}
    has_trades = False
    for number, (_, frame) in enumerate(itertools.islice(frames, _SURVEY_FRAMES)):
        if number >= _ENOUGH_FRAMES and has_trades and not missing:
            break
        text = _text(frame)
        found = venue.symbol.search(text)
        if found is None:
            continue
        name = found.group(1) or ""
        if name not in prices:
            prices[name] = []
            missing.discard(symbol_key(name))
        kept = prices[name]
        if len(kept) < _PRICES_KEPT:
            kept += venue.price.findall(text)[:1]
        has_trades = has_trades or venue.trade.search(text) is not None
    return Survey(tuple(prices), has_trades, prices)


def _text(frame: str | bytes) -> str:
    return frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
