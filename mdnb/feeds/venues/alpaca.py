"""Alpaca: trades, quotes and minutes of US shares; its data stream, version 2, and its data over HTTP.

Sources: docs.alpaca.markets (WebSocket stream, real-time stock data, market data FAQ; reference of historical
trades and bars; working with assets).

* All of it wants a key and a secret, which a free account has. Most accounts may have one connection.
* Symbols are listed by the trading interface, which paper and live accounts have each under an address of its
  own; data come under one for both.
* Nothing comes while the exchanges are closed: an answered ping is life.
* Trades and bars come in pages, each with a token for the next. A free account gets no trade and no bar of
  feed ``sip`` that is younger than 15 minutes: Alpaca refuses.
* What sale conditions leave out of a bar's prices is left out by `mdnb.sale_conditions`. Of a trade that was
  cancelled or corrected the history gives the former one too, with ``u`` (``canceled``, ``incorrect``): it is
  passed over.
* Bars of a day and more begin at midnight in New York, and those of several hours where Alpaca says nothing
  of: they are not asked for.
* The stream of tests, with its one symbol FAKEPACA, has no history.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError, OptionError
from mdnb.feeds.base import Channel
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect, rows_of
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import Rest, message_of, readable
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.timeouts import Backoff, Liveness, Timeouts, Wall
from mdnb.feeds.venue import VenueFeed
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, MarkedTrade, Reply, TradeChange, TradeRow
from mdnb.sale_conditions import sale_marks
from mdnb.secret import Secret
from mdnb.timeframes import Timeframe
from mdnb.venue_fields import Identifier, Price, Size, iso_ns, iso_text

__all__ = ["AlpacaFeed"]

_KEY, _SECRET = "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"
_ACCOUNTS = {"paper": "https://paper-api.alpaca.markets", "live": "https://api.alpaca.markets"}
_FEEDS = ("iex", "sip", "test")
_CHANNELS: Mapping[Channel, tuple[str, ...]] = {
    "trades": ("trades",),
    "quotes": ("quotes",),
    "bars": ("bars", "updatedBars"),
}
_PAGE_ROWS = 10_000
_TAKEN_BACK = frozenset({"canceled", "incorrect"})
_FITS = f"check the key and the secret ({_KEY}, {_SECRET})"
_SAID = {
    401: f"not logged in; {_FITS}",
    402: f"the login failed; {_FITS}",
    404: "the login came too late",
    405: "more symbols than the account's plan allows, which are 30 for trades and quotes of a free one",
    406: "the account has another connection, and may have no more: close it, in other notebooks, too",
    407: "what comes is read too slowly",
    409: "the account's plan does not have this feed; feed='iex' is free",
    500: "an error of Alpaca's own",
}
_RETRIED = frozenset({404, 406, 407, 500})
_RETRY_SECONDS = 5.0


class _Asset(msgspec.Struct):
    symbol: str
    name: str | None = ""


class _Trade(msgspec.Struct):
    t: str
    p: Price
    s: Size
    x: str = ""
    i: Identifier | None = -1
    c: tuple[str, ...] | None = None
    z: str | None = ""
    u: str | None = ""


class _Trades(msgspec.Struct):
    trades: list[_Trade] | None = None
    next_page_token: str | None = None


class _Bar(msgspec.Struct):
    t: str
    o: Price
    h: Price
    c: Price
    v: Size
    low: Price = msgspec.field(name="l")
    n: Identifier | None = 0


class _Bars(msgspec.Struct):
    bars: list[_Bar] | None = None
    next_page_token: str | None = None


class AlpacaFeed(VenueFeed):
    """Shares of US exchanges, by Alpaca.

    Parameters
    ----------
    feed
        ``iex``: what is traded at that exchange, which is free. ``sip``: at all exchanges. ``test``: one
        made-up symbol, ``FAKEPACA``, at all hours.
    account
        Of which kind the key is: ``paper`` or ``live``.
    key, secret
        By default what ``APCA_API_KEY_ID`` and ``APCA_API_SECRET_KEY`` of the environment hold.
    url, rest
        Where to connect instead of Alpaca's own addresses.
    backoff, timeouts, wall, liveness
        As `VenueFeed` has them.

    Raises
    ------
    OptionError
        When there is no such feed or account, or a credential is no `mdnb.secret.Secret`.
    FeedError
        When an address cannot be used.

    Attributes
    ----------
    stream
        Which of the feeds it is.

    Examples
    --------
    >>> AlpacaFeed("test", key=Secret("PK0123"), secret=Secret("4567"))
    AlpacaFeed(wss://stream.data.alpaca.markets)
    """

    dialect = "alpaca"
    lacks = frozenset({"depth"})
    liveness = Liveness()
    rest_url = "https://data.alpaca.markets"
    rate_limit = RateLimit(200, 60.0)
    intervals: ClassVar[Mapping[str, str]] = {
        "1min": "1Min",
        "5min": "5Min",
        "15min": "15Min",
        "30min": "30Min",
        "1hour": "1Hour",
    }
    offers = Offers(
        title="Alpaca",
        depth=False,
        bars=("1min",),
        history="all trades, bars up to an hour",
        key=f"a free account's {_KEY} and {_SECRET}",
    )
    numbers_replies = False
    changes_back = 900.0

    def __init__(
        self,
        feed: Literal["iex", "sip", "test"] = "iex",
        account: Literal["paper", "live"] = "paper",
        url: str = "",
        rest: str = "",
        *,
        key: Secret | None = None,
        secret: Secret | None = None,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        wall: Wall | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        if feed not in _FEEDS or account not in _ACCOUNTS:
            has = f"Alpaca has the feeds {', '.join(_FEEDS)} and accounts of the kinds {', '.join(_ACCOUNTS)}"
            if "://" in f"{feed} {account}":
                # An address, which is other feeds' first argument, may hold a token.
                raise OptionError(f"{has}; an address is given as url= or rest=")
            raise OptionError(f"{has}; got {feed!r} and {account!r}")
        if not isinstance(key, Secret | None) or not isinstance(secret, Secret | None):
            # Tracebacks show variables.
            key = secret = None
            raise OptionError("a key and a secret are given as mdnb.secret.Secret(...), which nothing shows")
        self.stream = feed
        url = url or f"wss://stream.data.alpaca.markets/v2/{feed}"
        super().__init__(url, rest, backoff=backoff, timeouts=timeouts, wall=wall, liveness=liveness)
        # At one exchange no two trades have one id; those of several may.
        self.ids = "unique" if feed == "iex" else "none"
        self._key = key or Secret.from_environment(_KEY)
        self._secret = secret or Secret.from_environment(_SECRET)
        self._trading = Rest(
            rest or _ACCOUNTS[account],
            self.rate_limit,
            complaint=self.complaint,
            headers=self.rest_headers,
            secrets=self.secrets,
            timeouts=timeouts,
            wall=wall,
        )

    async def close(self) -> None:
        """Close the stream and the connections of the history; calling it again does nothing."""
        await super().close()
        await self._trading.close()

    # -- credentials ------------------------------------------------------------------------------------

    def _credentials(self) -> tuple[Secret, Secret]:
        if self._key is None or self._secret is None:
            raise FeedRefusedError(
                f"Alpaca wants a key and a secret, which a free account has: set {_KEY} and {_SECRET} in the "
                "environment, or pass key= and secret= to mdnb.make_feed, each a mdnb.secret.Secret(...)"
            )
        return self._key, self._secret

    def secrets(self) -> Sequence[str]:
        """Return key and secret, which the login sends."""
        return [held.reveal() for held in (self._key, self._secret) if held is not None]

    def rest_headers(self) -> Mapping[str, str]:
        """Return the credentials."""
        key, secret = self._credentials()
        return {"APCA-API-KEY-ID": key.reveal(), "APCA-API-SECRET-KEY": secret.reveal()}

    async def greet(self) -> None:
        """Log in.

        Raises
        ------
        FeedRefusedError
            When there is no key, or it is refused.
        FeedBusyError
            When the account has another connection.
        """
        key, secret = self._credentials()
        try:
            await self.request("auth", key=key, secret=secret)
        except FeedError as error:
            # A new one: the old one's frames sent the credentials.
            raise _without_frames(error) from None

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as Alpaca reads it."""
        plain = {name: held.reveal() if isinstance(held, Secret) else held for name, held in fields.items()}
        return json.dumps({"action": op, **plain})

    def on_reply(self, reply: Reply) -> None:
        """Handle the reply to a request, an error in plain words."""
        if not reply.ok:
            code = reply.payload.get("code", 0)
            words = (
                f"{_SAID[code]} ({code} {reply.error})"
                if code in _SAID
                else f"{code or ''} {reply.error}".strip()
            )
            payload = {"retry_after": _RETRY_SECONDS} if code in _RETRIED else {}
            reply = Reply(reply.id, False, words, payload)
        super().on_reply(reply)

    # -- the stream -------------------------------------------------------------------------------------

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for the shares that are traded now."""
        if self.stream == "test":
            return [VenueSymbol("FAKEPACA", "FAKEPACA", "", description="Alpaca's stream of tests")]
        answer = await self._trading.get(
            "/v2/assets", list[msgspec.Raw], status="active", asset_class="us_equity"
        )
        assets = readable(answer, _Asset, "Alpaca's list of shares")
        return [VenueSymbol(asset.symbol, asset.symbol, "", description=asset.name or "") for asset in assets]

    def instrument(self, symbol: str) -> Instrument:
        """Return what Alpaca lists of the symbol; it does not say in what steps prices are."""
        listed = self.listed(symbol)
        return Instrument(symbol, timezone="America/New_York", description=listed.description)

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe, in one message."""
        names = [symbol.name for symbol in symbols]
        named: dict[str, Any] = {name: names for channel in channels for name in _CHANNELS[channel]}
        await self.request("subscribe" if on else "unsubscribe", **named)

    # -- the history ------------------------------------------------------------------------------------

    def history_depth(self, timeframe: str) -> float | None:
        """Return how many seconds back there are bars of a timeframe."""
        return None if self.stream == "test" else super().history_depth(timeframe)

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """Return Alpaca's closed bars that start in ``[start_ns, end_ns)``, oldest first."""
        if self.stream == "test":
            return None
        return await super().history_bars(symbol, timeframe, start_ns, end_ns)

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first."""
        seconds = Timeframe.parse(interval).seconds
        end = self.closed_before(end_ns, round((seconds or 0) * 1e9))
        if end <= start_ns:
            return []

        async def ask(token: str) -> Page[BarRow, str]:
            query = self._query(start_ns, end, token) | {"timeframe": interval, "adjustment": "raw"}
            answer = await self.rest.get(f"/v2/stocks/{symbol.name}/bars", _Bars, 1, **query)
            return Page(rows_of(_bar_row, answer.bars or []), answer.next_page_token or None)

        rows = await collect(ask, "", key=lambda row: row[0], on_page=self.on_page, sparse=True)
        return [row for row in rows if row[0] < end]

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of ``[start_ns, end_ns)``, oldest first."""
        if self.stream == "test":
            return None
        found = await self._trades(symbol, start_ns, end_ns)
        rows = rows_of(_row, [trade for trade in found if trade.u not in _TAKEN_BACK])
        return [row for row in rows if start_ns <= row[0] < end_ns]

    async def history_changes(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeChange] | None:
        """Return what was taken back or corrected of the trades of ``[start_ns, end_ns)``, by their times.

        The history does not say which trade a corrected one takes the place of: it is that of its instant and
        exchange; of as many of both, the first of the first. One without such a trade counts as taken back.
        """
        if self.stream == "test":
            return None
        return _changes(await self._trades(symbol, start_ns, end_ns))

    async def _trades(self, symbol: str, start_ns: int, end_ns: int) -> list[_Trade]:
        name = self.listed(symbol).name
        if end_ns <= start_ns:
            return []

        async def ask(token: str) -> Page[_Trade, str]:
            query = self._query(start_ns, end_ns, token)
            answer = await self.rest.get(f"/v2/stocks/{name}/trades", _Trades, 1, **query)
            return Page(answer.trades or [], answer.next_page_token or None)

        # Ids are those of exchanges; pages do not overlap.
        return await collect(
            ask, "", key=lambda trade: (trade.t, trade.x, trade.i), on_page=self.on_page, sparse=True
        )

    def _query(self, start_ns: int, end_ns: int, token: str) -> dict[str, str]:
        # Both ends are included.
        query = {"start": iso_text(start_ns), "end": iso_text(end_ns - 1), "feed": self.stream}
        query |= {"limit": str(_PAGE_ROWS), "sort": "asc"}
        return query | ({"page_token": token} if token else {})

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that Alpaca puts into words."""
        said = message_of(body) if status >= 400 else None
        if said is None:
            return None
        hint = f"; {_FITS}, and whether account='paper' or 'live'" if status in (401, 403) else ""
        return FeedRefusedError(f"Alpaca says {said!r}{hint}")


def _row(trade: _Trade) -> TradeRow:
    row = iso_ns(trade.t), trade.p, trade.s, 1, 0, -1 if trade.i is None else trade.i
    marks = sale_marks(trade.z or "", trade.c) if trade.c else 0
    return MarkedTrade.of(row, marks) if marks else row


def _changes(trades: Sequence[_Trade]) -> list[TradeChange]:
    wrong, right = _by_instant(trades, "incorrect"), _by_instant(trades, "corrected")
    # One that was corrected twice was two trades before; of as many, which is which is all the same to bars.
    now = {at: itertools.cycle(new) for at, new in right.items() if len(new) in (1, len(wrong.get(at, ())))}
    made = []
    for trade in trades:
        if trade.u in _TAKEN_BACK:
            was = _row(trade)
            new = now.get((trade.t, trade.x)) if trade.u == "incorrect" else None
            row = None if new is None else _row(next(new))
            made.append(TradeChange(was[0], was[5], was[1], was[2], row, was[0]))
    return made


def _by_instant(trades: Sequence[_Trade], said: str) -> dict[tuple[str, str], list[_Trade]]:
    """Return the trades of which something is said, by their time and exchange."""
    made: dict[tuple[str, str], list[_Trade]] = {}
    for trade in trades:
        if trade.u == said:
            made.setdefault((trade.t, trade.x), []).append(trade)
    return made


def _bar_row(bar: _Bar) -> BarRow:
    return iso_ns(bar.t), bar.o, bar.h, bar.low, bar.c, bar.v, bar.n or 0, float("nan")


def _without_frames(error: FeedError) -> FeedError:
    if isinstance(error, FeedBusyError):
        return FeedBusyError(str(error), error.retry_after)
    return type(error)(str(error))
