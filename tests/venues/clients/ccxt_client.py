"""Asks a venue by ccxt's own clients, and writes what they give as JSON: run in an environment of ccxt's.

``python ccxt_client.py EXCHANGE SYMBOL REST STREAM SINCE_MS TRADES``
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import ccxt.async_support
import ccxt.pro

Trade = list[Any]


def pointed(urls: Any, rest: str, stream: str) -> Any:
    """Return an exchange's addresses with those of a stand-in in their places."""
    if isinstance(urls, dict):
        return {name: pointed(held, rest, stream) for name, held in urls.items()}
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    scheme, _, there = urls.partition("://")
    _, slash, path = there.partition("/")
    return f"{stream if scheme.startswith('ws') else rest}{slash}{path}"


def made(kind: Any, rest: str, stream: str) -> Any:
    """Return a client that knows no other address than a stand-in's."""
    client = kind({"enableRateLimit": False, "timeout": 5000, "newUpdates": True})
    client.urls["api"] = pointed(client.urls["api"], rest, stream)
    # Trades of one price and order as one row, as their history has them.
    client.options["watchTrades"] = {"name": "aggTrade"}
    client.options["fetchMarkets"] = {"types": ["spot"]}
    client.options["fetchCurrencies"] = False
    client.has["fetchCurrencies"] = False
    return client


def told(trade: dict[str, Any]) -> Trade:
    """Return what is compared of a trade."""
    return [trade["id"], trade["timestamp"], trade["price"], trade["amount"], trade["side"]]


async def main(exchange: str, symbol: str, rest: str, stream: str, since: int, count: int) -> None:
    """Ask, follow so many trades, and write."""
    history = made(getattr(ccxt.async_support, exchange), rest, stream)
    live = made(getattr(ccxt.pro, exchange), rest, stream)
    found: dict[str, Any] = {}
    try:
        markets = await history.load_markets()
        market = markets[symbol]
        found["market"] = {
            "symbols": sorted(markets),
            "id": market["id"],
            "step": market["precision"]["price"],
        }
        found["bars"] = await history.fetch_ohlcv(symbol, "1m", since, 200)
        found["trades"] = [told(trade) for trade in await history.fetch_trades(symbol, None, 50)]
        book = await history.fetch_order_book(symbol)
        found["book"] = [[level[:2] for level in book[side]] for side in ("bids", "asks")]
        watched: list[Trade] = []
        while len(watched) < count:
            watched += [told(trade) for trade in await live.watch_trades(symbol)]
        found["watched"] = watched
    finally:
        await history.close()
        await live.close()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    exchange, symbol, rest, stream, since, count = sys.argv[1:]
    asyncio.run(main(exchange, symbol, rest, stream, int(since), int(count)))
